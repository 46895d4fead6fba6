"""The same decisions in every precision and however `fit` runs; and bit for bit."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from builders import digits, double, xla

from ald_keras import ALDCallback, GatedVAE, MaskedVAE, SizeCurveRule
from ald_keras.architectures import build_architecture

TESTS = pathlib.Path(__file__).parent
X = digits(600)
EPOCHS = 20


def made_of_factors(count, factors=4):
    """Images that a few factors make, with noise below the likelihood's variance."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((64, factors)))[0]
    x = 4.0 * rng.standard_normal((count, factors)) @ directions.T
    x += 0.7 * rng.standard_normal(x.shape)
    return x.reshape(-1, 8, 8, 1).astype("float32")


FACTORS = made_of_factors(600)
# How far the loss of the first epochs may be from that in float32, relatively: by then
# rounding has not grown yet. XLA draws other noise, float64 other first weights, and
# float16 leaves out the first steps, whose gradients overflow.
TOLERANCE = 0.002
OTHER_STEPS = 0.03
# By how many dimensions the size found may differ, and by how many epochs the moment
# from which on sizes are sampled.
DIMENSIONS, LATER = 1, 3


def pruned(policy="float32", **options):
    """First losses, the size found, from 12 dimensions, and the decisions."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    encoder, decoder = build_architecture("mlp", (8, 8, 1), 12, seed=0, hidden=[64])
    vae = MaskedVAE(encoder, decoder, 12, likelihood="gaussian", seed=0)
    vae.compile(keras.optimizers.Adam(3e-3), **options)
    rule = SizeCurveRule(patience=4)
    callback = ALDCallback(rule, features="identity", n_clusters=5, probe_size=60)
    history = vae.fit(
        FACTORS[:500],
        validation_data=(FACTORS[500:],),
        batch_size=20,
        epochs=EPOCHS,
        callbacks=[callback],
        verbose=0,
    )
    return history.history["loss"][:3], vae.active_dims, callback.decisions


@pytest.fixture(autouse=True)
def _float32_again():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def reference():
    return pruned()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "options"),
    [
        ("mixed_float16", {}),
        ("mixed_bfloat16", {}),
        pytest.param("float64", {}, marks=double),
        pytest.param("float32", {"jit_compile": True}, marks=xla),
        ("float32", {"run_eagerly": True}),
    ],
    ids=["float16", "bfloat16", "float64", "jit_compile", "run_eagerly"],
)
def test_the_size_found_does_not_depend_on_how_it_is_computed(
    reference, policy, options
):
    losses, size, decisions = pruned(policy, **options)
    expected, expected_size, expected_decisions = reference
    differ = policy in ("float64", "mixed_float16") or "jit_compile" in options
    tolerance = OTHER_STEPS if differ else TOLERANCE
    assert losses == pytest.approx(expected, rel=tolerance)
    assert expected_size < 12
    assert abs(size - expected_size) <= DIMENSIONS
    first, other = (
        next(decision.epoch for decision in made if decision.action == "sample")
        for made in (decisions, expected_decisions)
    )
    assert abs(first - other) <= LATER


def gated(policy):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    encoder, decoder = build_architecture("mlp", (8, 8, 1), 8, seed=0, hidden=[32])
    vae = GatedVAE(encoder, decoder, 8, tau=9.0, warmup=20, seed=0)
    vae.compile(keras.optimizers.Adam(3e-3))
    return vae.fit(X, batch_size=50, epochs=2, verbose=0).history


@pytest.mark.filterwarnings("ignore:GatedVAE")
def test_gates_in_half_precision_start_as_in_float32():
    expected, found = gated("float32"), gated("mixed_bfloat16")
    for name in ("squared_error", "multiplier", "expected_gates"):
        assert found[name] == pytest.approx(expected[name], rel=0.02)


RUN = """
import sys
import keras
from builders import be_deterministic
from ald_keras.train import main
keras.utils.set_random_seed(0)
be_deterministic()
raise SystemExit(main(sys.argv[1:]))
"""


def run(folder, method):
    geco = {"geco": ["--set", "geco.tau=9", "--set", "geco.warmup=20"]}
    arguments = ["--config", "configs/digits.yaml", "--output", str(folder)]
    for setting in (
        *("epochs=5", "latent_dim=8", "data.limit=300", "report=false"),
        *("architecture.hidden=[32]", f"method={method}", "rule.patience=4"),
        *("probe.size=30", "probe.n_clusters=3"),
    ):
        arguments += ["--set", setting]
    arguments += [*geco.get(method, []), "--verbose", "0"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (TESTS.parent, TESTS)))
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, *arguments],
        check=True,
        env=environment,
        capture_output=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["ald", "geco"])
def test_two_processes_write_the_same_bits(tmp_path, method):
    for name in ("a", "b"):
        run(tmp_path / name, method)
    for file in ("history.csv", "decisions.json", "config.yaml"):
        texts = [(tmp_path / name / file).read_bytes() for name in ("a", "b")]
        assert texts[0] == texts[1]
    models = [
        keras.saving.load_model(tmp_path / name / "model.keras") for name in ("a", "b")
    ]
    for one, other in zip(*(model.variables for model in models), strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))
    for one, other in zip(*(m.optimizer.variables for m in models), strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))
