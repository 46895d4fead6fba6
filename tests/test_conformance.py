"""One table over every public class, with arguments that are no defaults."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from builders import digits, small_decoder, small_encoder, small_vae
from conformance import check_reloads, check_round_trip

import ald_keras
from ald_keras import (
    ALDCallback,
    ALDRule,
    ElasticRule,
    GatedVAE,
    GateSearch,
    GaussianSampling,
    KLWarmup,
    LatentMask,
    LatentTensorBoard,
    MaskedVAE,
    SearchProgress,
    SizeCurve,
    SizeCurveRule,
    layers,
    likelihoods,
)
from ald_keras.rules import RULES as ALL_RULES
from ald_keras.rules import ALDToTheEndRule, GateRule

KERAS_OBJECTS = {
    LatentMask: lambda: LatentMask(5, name="mask_of_five"),
    GaussianSampling: lambda: GaussianSampling(seed=3, name="noise"),
    layers.LatentGates: lambda: layers.LatentGates(
        5, probability=0.7, speed=3.0, estimator="disarm", seed=2, name="five_gates"
    ),
    layers.ConstraintMultiplier: lambda: layers.ConstraintMultiplier(
        3.0,
        initial=2.0,
        rate=0.1,
        band=0.3,
        decay=0.5,
        minimum=0.1,
        maximum=9.0,
        warmup=7,
        name="bound",
    ),
    layers.SizeSampling: lambda: layers.SizeSampling(5, seed=3, name="sizes"),
    layers.AxialAttention: lambda: layers.AxialAttention(2, heads=3, seed=4),
    layers.AxialAttention3D: lambda: layers.AxialAttention3D(heads=3, seed=4),
    layers.AxialAttentionBlock: lambda: layers.AxialAttentionBlock(
        heads=3, activation="silu", seed=4
    ),
    MaskedVAE: lambda: small_vae(
        5, likelihood="gaussian_optimal_sigma", beta=2.5, seed=4, name="vae"
    ),
    GatedVAE: lambda: GatedVAE(
        small_encoder(),
        small_decoder(5),
        5,
        tau=2.5,
        likelihood="gaussian",
        gate_penalty=3.0,
        estimator="disarm",
        max_multiplier=50.0,
        warmup=20,
        seed=4,
        name="gated",
    ),
    likelihoods.Bernoulli: lambda: likelihoods.Bernoulli(from_logits=True),
    likelihoods.MissingValues: lambda: likelihoods.MissingValues(
        likelihoods.Bernoulli(True)
    ),
    likelihoods.NegativeBinomial: lambda: likelihoods.NegativeBinomial(True),
    likelihoods.Poisson: lambda: likelihoods.Poisson(from_log_rate=False),
    likelihoods.Gaussian: likelihoods.Gaussian,
    likelihoods.GaussianLearnedVariance: likelihoods.GaussianLearnedVariance,
    likelihoods.GaussianOptimalSigma: lambda: likelihoods.GaussianOptimalSigma(0.5),
    likelihoods.Laplace: likelihoods.Laplace,
}
RULES = {
    ElasticRule: lambda: ElasticRule(share=0.4, focus=2.0, idle_kl=0.05, patience=3),
    SizeCurveRule: lambda: SizeCurveRule(
        tolerance=0.7,
        patience=5,
        share=0.4,
        min_dims=3,
        target="silhouette",
        max_squared_error=2.0,
        idle_kl=0.05,
    ),
    GateRule: lambda: GateRule(
        tau=4.0,
        tolerance=0.1,
        closed=0.1,
        patience=3,
        trial=5,
        attempts=4,
        epochs=70,
    ),
    ALDToTheEndRule: lambda: ALDToTheEndRule(
        initial_step=4,
        final_step=2,
        patience=3,
        slope_window=9,
        slowdown_window=8,
        min_dims=3,
        selection="last",
        thresholds={"reconstruction": 0.1, "mine": -0.5},
    ),
    ALDRule: lambda: ALDRule(
        initial_step=4,
        final_step=2,
        patience=3,
        slope_window=9,
        slowdown_window=8,
        min_dims=3,
        selection="last",
        thresholds={"reconstruction": 0.1, "mine": -0.5},
    ),
}
# Held by a `fit` and made anew for each: they have no config to go round with.
CALLBACKS = (ALDCallback, GateSearch, KLWarmup, LatentTensorBoard, SearchProgress)
# Plain values, tested where they live.
VALUES = (SizeCurve,)


@pytest.mark.parametrize("cls", KERAS_OBJECTS, ids=lambda cls: cls.__name__)
def test_configs_go_round(cls):
    check_round_trip(KERAS_OBJECTS[cls]())


@pytest.mark.parametrize("cls", RULES, ids=lambda cls: cls.__name__)
def test_rules_go_round(cls):
    rule = RULES[cls]()
    fields = json.loads(json.dumps(dataclasses.asdict(rule)))
    assert cls(**fields) == rule
    needed = {"tau": 1.0} if cls is GateRule else {}
    defaults = dataclasses.asdict(cls(**needed))
    same = [name for name, value in fields.items() if value == defaults[name]]
    assert same == []


def test_layers_reload_inside_a_model(tmp_path):
    inputs = keras.Input((4,))
    mask = LatentMask(4, name="mask")
    model = keras.Model(inputs, mask(inputs))
    mask.deactivate([1])
    check_reloads(model, tmp_path, np.ones((2, 4), "float32"))


def test_models_reload(tmp_path):
    vae = KERAS_OBJECTS[MaskedVAE]()
    vae.latent_mask.deactivate([0])
    vae.beta.assign(0.25)
    sampling = vae.size_sampling
    sampling.start([4, 2, 1, 0, 3], [0.1, 0.0, 0.2, 0.0, 0.0])
    sampling.draw(8)
    again = check_reloads(vae, tmp_path, digits(5)).size_sampling
    np.testing.assert_array_equal(again.draw(8), sampling.draw(8))


def test_gated_models_reload_with_all_that_decides(tmp_path):
    vae = KERAS_OBJECTS[GatedVAE]()
    vae.gates.weight.assign(np.linspace(-1.0, 1.0, 5))
    vae.gates.decided.assign([1.0, 0.0, 0.0, -1.0, 0.0])
    vae.latent_mask.mask.assign([1.0, 0.0, 1.0, 0.0, 1.0])
    for name in ("multiplier", "average", "steps", "margin", "satisfied"):
        getattr(vae.constraint, name).assign(0.75)
    vae.information.assign(np.arange(5.0))
    vae.gates.draw(3)
    again = check_reloads(vae, tmp_path, digits(5))
    states = [model.gates.seed_generator.state for model in (vae, again)]
    assert np.asarray(states[0]).tolist() == np.asarray(states[1]).tolist()


def test_the_table_is_complete():
    public = {getattr(ald_keras, name) for name in ald_keras.__all__}
    classes = {thing for thing in public if isinstance(thing, type)}
    classes |= {*ALL_RULES.values(), GateRule}
    classes |= {*likelihoods.LIKELIHOODS.values(), likelihoods.MissingValues}
    classes |= {getattr(layers, name) for name in layers.__all__}
    assert classes == {*KERAS_OBJECTS, *RULES, *CALLBACKS, *VALUES}
