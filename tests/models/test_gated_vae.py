import itertools
import warnings

import keras
import numpy as np
import pytest
from builders import (
    digits,
    double,
    eager,
    gradients_of,
    several_steps,
    small_decoder,
    small_encoder,
    xla,
)
from keras import ops

from ald_keras import ALDCallback, GatedVAE, GateSearch, compact, tau_for
from ald_keras.architectures import build_architecture
from ald_keras.backends.batch import Batch
from ald_keras.datasets import load_dataset
from ald_keras.models.lagrangian import lagrangian

X = digits(256)
to_numpy = keras.ops.convert_to_numpy


def gated(latent_dim=4, tau=5.0, seed=0, **options):
    options = {"warmup": 0, **options}
    keras.utils.set_random_seed(0)
    encoder, decoder = small_encoder(), small_decoder(latent_dim)
    vae = GatedVAE(encoder, decoder, latent_dim, tau, seed=seed, **options)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae


def fit(vae, x=X, **options):
    """Train for so short that nothing is decided, which `fit` tells of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "GatedVAE: ", UserWarning)
        callbacks = [GateSearch()] if vae.gated else []
        return vae.fit(x, verbose=0, callbacks=callbacks, **options).history


def gate_gradient(vae, x, weight=None):
    multiplier = float(to_numpy(vae.constraint.multiplier))
    (gradient,) = gradients_of(
        lambda: lagrangian(vae, x, weight, Batch())[0], [vae.gates.weight]
    )
    return gradient * (1 + multiplier * vae.tau)


@pytest.mark.parametrize("estimator", ["arm", "disarm"])
def test_the_gates_gradient_is_that_of_the_expected_lagrangian(estimator):
    vae = gated(3, estimator=estimator, gate_penalty=2.0)
    logits = np.array([0.5, -1.0, 1.5])
    vae.gates.weight.assign(logits / vae.gates.speed)
    vae.constraint.satisfied.assign(1.0)
    vae.constraint.multiplier.assign(3.0)
    x = X[:2]
    noise = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    vae.sampling.noise = lambda shape, dtype: ops.convert_to_tensor(
        np.resize(noise, shape)
    )
    # By enumeration, in NumPy alone but for the networks.
    mean, log_var = (to_numpy(h).astype("float64") for h in vae.encoder(x))
    z = mean + np.exp(log_var / 2) * noise
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)
    p = 1 / (1 + np.exp(-logits))
    exact = 2.0 * p * (1 - p)
    for pattern in itertools.product((0, 1), repeat=3):
        pattern = np.array(pattern)
        out = to_numpy(vae.decoder((z * pattern).astype("float32")))
        data = 1 / (1 + np.exp(-out.astype("float64")))
        error = ((x - data) ** 2).reshape(2, -1).sum(axis=1)
        loss = (3.0 * error + (kl * pattern).sum(axis=1)).mean()
        exact += np.where(pattern, p, 1 - p).prod() * loss * (pattern - p)
    many = np.tile(x, (20_000, 1, 1, 1))
    found = np.mean([gate_gradient(vae, many) for _ in range(5)], axis=0)
    np.testing.assert_allclose(found / vae.gates.speed, exact, atol=0.02)


def test_the_networks_gradient_is_that_of_the_lagrangian_under_the_second_draw():
    vae = gated(3)
    vae.constraint.satisfied.assign(1.0)
    vae.constraint.multiplier.assign(2.0)
    uniform = vae.gates.draw(8)
    vae.gates.draw = lambda samples, rows: uniform
    noise = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")
    vae.sampling.noise = lambda shape, dtype: ops.convert_to_tensor(noise)
    variables = [*vae.encoder.variables, *vae.decoder.variables]
    found = gradients_of(lambda: lagrangian(vae, X[:8], None, Batch())[0], variables)

    def other():
        mean, log_var = vae.encoder(X[:8])
        gates = vae.gates.pair(uniform)[1]
        z = mean + ops.exp(log_var / 2) * ops.convert_to_tensor(noise)
        kl = 0.5 * (mean**2 + ops.exp(log_var) - 1 - log_var) * gates
        x = ops.convert_to_tensor(X[:8])
        error = ops.sum((x - ops.sigmoid(vae.decoder(z * gates))) ** 2)
        return (2.0 * error + ops.sum(kl)) / 8 / 11.0

    for one, two in zip(found, gradients_of(other, variables), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_until_the_bound_is_met_all_gates_are_open_and_untrained():
    vae = gated(3)
    assert gate_gradient(vae, X[:64]).tolist() == [0.0, 0.0, 0.0]
    vae.constraint.satisfied.assign(1.0)
    assert (gate_gradient(vae, X[:64]) != 0).all()


@eager
def test_the_second_pass_is_left_out_where_draws_agree():
    vae = gated(3)
    vae.constraint.satisfied.assign(1.0)
    passes = []
    call = vae.decoder.call
    vae.decoder.call = lambda *args, **options: (
        passes.append(1) or call(*args, **options)
    )
    lagrangian(vae, X[:8], None, Batch())
    assert len(passes) == 2
    passes.clear()
    vae.fix_gates([True, False, True])
    lagrangian(vae, X[:8], None, Batch())
    assert len(passes) == 1


def test_a_head_closed_for_good_that_overflows_does_no_harm():
    vae = gated(3)
    vae.constraint.satisfied.assign(1.0)
    vae.fix_gates([True, False, True])
    vae.z_log_var.bias.assign([0.0, 1e4, 0.0])
    history = fit(vae)
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(to_numpy(vae.z_mean.kernel)).all()


def test_what_is_logged(capsys):
    vae = gated(4, tau=6.0)
    with pytest.warns(UserWarning, match="never met"):
        history = vae.fit(
            X[:200],
            validation_data=X[200:],
            epochs=2,
            callbacks=[GateSearch()],
            verbose=2,
            batch_size=50,
        ).history
    names = {"loss", "squared_error", "reconstruction_loss", "kl_loss"}
    gates = {"constraint", "multiplier", "expected_gates", "gate_entropy"}
    expected = {*names, *(f"val_{name}" for name in names), *gates, "active_dims"}
    assert set(history) == expected
    printed = capsys.readouterr().out
    assert "expected_gates" in printed
    assert "never met" in printed
    p = to_numpy(vae.gates.probabilities()).astype("float64")
    assert history["expected_gates"][-1] == pytest.approx(p.sum(), rel=1e-5)
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean()
    assert history["gate_entropy"][-1] == pytest.approx(entropy, rel=1e-4)


def test_the_error_is_summed_over_values_and_from_sampled_codes():
    vae = gated(3)
    x = X[:64]
    noise = np.random.default_rng(1).normal(size=(64, 3)).astype("float32")
    vae.sampling.noise = lambda shape, dtype: ops.convert_to_tensor(noise)
    found = vae.evaluate(x, batch_size=64, verbose=0, return_dict=True)
    mean, log_var = (to_numpy(v) for v in vae.encode(x))
    decoded = to_numpy(vae.decode(mean + np.exp(log_var / 2) * noise))
    error = ((x - decoded) ** 2).reshape(64, -1).sum(axis=1).mean()
    assert found["squared_error"] == pytest.approx(error, rel=1e-5)


def test_sample_weights_leave_samples_out():
    weight = np.repeat([2.0, 0.0], 32).astype("float32")
    results = []
    for x, w in ((X[:64], weight), (X[:32], None)):
        vae = gated(3)
        vae.sampling.noise = lambda shape, dtype: keras.ops.zeros(shape, dtype)
        results.append(
            vae.evaluate(x, sample_weight=w, batch_size=64, verbose=0, return_dict=True)
        )
    for name in ("squared_error", "kl_loss"):
        assert results[0][name] == pytest.approx(results[1][name], rel=1e-5)


def test_fixed_gates_are_a_masked_vae_physically_smaller():
    vae = gated(4)
    vae.fix_gates([True, False, False, True])
    fit(vae)
    small = compact(vae)
    assert isinstance(small, GatedVAE)
    assert (small.latent_dim, small.active_dims) == (2, 2)
    np.testing.assert_allclose(
        to_numpy(small.reconstruct(X)), to_numpy(vae.reconstruct(X)), atol=1e-5
    )
    for name in ("multiplier", "average", "satisfied", "margin"):
        one, two = (getattr(v.constraint, name) for v in (vae, small))
        assert float(to_numpy(one)) == float(to_numpy(two))
    kept = to_numpy(vae.information)[[0, 3]]
    np.testing.assert_array_equal(to_numpy(small.information), kept)
    # And it goes on alike: with the noise of the kept dimensions the same.
    noise = np.random.default_rng(2).normal(size=(64, 4)).astype("float32")
    vae.sampling.noise = lambda shape, dtype: ops.convert_to_tensor(noise)
    kept = ops.convert_to_tensor(noise[:, [0, 3]])
    small.sampling.noise = lambda shape, dtype: kept
    for model in (vae, small):
        fit(model, X[:64], epochs=10, batch_size=64, shuffle=False)
    np.testing.assert_allclose(
        to_numpy(small.reconstruct(X)), to_numpy(vae.reconstruct(X)), atol=1e-4
    )


def test_a_fit_without_a_search_warns_of_undecided_gates():
    vae = gated(3)
    vae.gates.weight.assign([0.0, 9.0, 9.0])
    with pytest.warns(UserWarning, match="did not meet the bound of .*Train for more"):
        vae.fit(X, epochs=1, verbose=0)
    vae.constraint.satisfied.assign(1.0)
    with pytest.warns(UserWarning, match=r"1 of 3 gates are undecided .*\[0\]. Pass"):
        vae.fit(X, epochs=1, verbose=0)
    vae.fix_gates([True] * 3)
    vae.fit(X, epochs=1, verbose=0)


def test_harden_fixes_the_gates_and_does_not_hide_that_some_were_undecided():
    vae = gated(4)
    vae.gates.weight.assign(np.array([3.2, -0.2, 0.4, -5.0]) / vae.gates.speed)
    assert vae.undecided_gates == [1, 2]
    with pytest.warns(UserWarning, match=r"2 gates were undecided .*\[1, 2\]"):
        vae.harden()
    assert vae.latent_mask.active_indices.tolist() == [0, 2]
    assert vae.undecided_gates == []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        vae.harden()
    fit(vae)
    assert vae.latent_mask.active_indices.tolist() == [0, 2]
    with pytest.raises(ValueError, match="`is_open` must hold 4 booleans"):
        vae.fix_gates([False] * 4)


def test_the_mask_follows_the_gates_while_training():
    vae = gated(3)
    vae.gates.weight.assign(np.array([2.0, -2.0, 2.0]) / vae.gates.speed)
    fit(vae, X[:64], batch_size=64)
    assert vae.latent_mask.active_indices.tolist() == [0, 2]


def test_a_bound_does_not_depend_on_the_scale_of_weights():
    found = []
    for scale in (1.0, 0.5):
        vae = gated(3)
        vae.sampling.noise = lambda shape, dtype: keras.ops.zeros(shape, dtype)
        weight = np.full(64, scale, "float32")
        history = fit(vae, X[:64], sample_weight=weight, batch_size=64)
        average = float(to_numpy(vae.constraint.average))
        found.append((average, history["squared_error"][0]))
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_a_batch_without_weight_does_not_meet_the_bound():
    vae = gated(3, tau=0.01)
    weight = np.repeat([0.0, 1.0], 64).astype("float32")
    fit(vae, X[:128], sample_weight=weight, batch_size=64, shuffle=False)
    assert float(to_numpy(vae.constraint.satisfied)) == 0.0
    assert float(to_numpy(vae.constraint.steps)) == 1.0


def test_a_decoder_with_a_loss_of_its_own():
    keras.utils.set_random_seed(0)
    decoder = small_decoder(3)
    decoder.layers[0].activity_regularizer = keras.regularizers.L2(1e-3)
    vae = GatedVAE(small_encoder(), decoder, 3, 5.0, warmup=0, seed=0)
    vae.compile("adam")
    vae.constraint.satisfied.assign(1.0)
    assert np.isfinite(fit(vae)["loss"]).all()


def test_the_loss_holds_the_warm_up_and_losses_of_layers():
    keras.utils.set_random_seed(0)
    decoder = small_decoder(3)
    decoder.layers[0].activity_regularizer = keras.regularizers.L2(0.5)
    vae = GatedVAE(small_encoder(), decoder, 3, 5.0, warmup=4, seed=0)
    vae.sampling.noise = lambda shape, dtype: ops.zeros(shape, dtype)
    vae.constraint.steps.assign(1.0)
    vae.constraint.multiplier.assign(3.0)
    loss, error, measured = lagrangian(vae, X[:8], None, Batch())
    nll, kl = (float(np.mean(to_numpy(t))) for t in measured.terms[1:])
    expected = 0.25 * 3.0 * (float(to_numpy(error)) - 5.0) + 0.75 * nll + kl
    codes = to_numpy(vae.encode(X[:8])[0])
    activity = to_numpy(decoder.layers[0](codes))
    own = 0.5 * float((activity**2).sum()) / 8
    assert own > 0.1
    assert 16.0 * float(to_numpy(loss)) == pytest.approx(expected + own, rel=1e-5)


def test_a_sample_that_does_not_count_moves_no_gate():
    vae = gated(3)
    vae.constraint.satisfied.assign(1.0)
    vae.gates.weight.assign([0.0] * 3)  # the two draws never agree
    uniform = vae.gates.draw(2)
    vae.gates.draw = lambda samples, rows: uniform[:samples]
    vae.sampling.noise = lambda shape, dtype: keras.ops.zeros(shape, dtype)
    alone = gate_gradient(vae, X[:1])
    weighted = gate_gradient(vae, X[:2], np.array([5.0, 0.0], "float32"))
    np.testing.assert_allclose(weighted, alone, rtol=1e-4)
    assert not np.allclose(gate_gradient(vae, X[:2]), alone, rtol=1e-2)


def test_the_information_of_dimensions_is_their_average_kl():
    vae = gated(3)
    means, log_vars = (to_numpy(head) for head in vae.encoder(X[:64]))
    kl = 0.5 * (means**2 + np.exp(log_vars) - 1 - log_vars).mean(axis=0)
    fit(vae, X[:64], batch_size=64)
    np.testing.assert_allclose(to_numpy(vae.information), 0.01 * kl, rtol=1e-4)


def test_samples_that_do_not_count_are_not_in_the_information():
    weighted, alone = gated(3), gated(3)
    weights = np.repeat([1.0, 0.0], 32).astype("float32")
    fit(weighted, X[:64], sample_weight=weights, batch_size=64, shuffle=False)
    fit(alone, X[:32], batch_size=32, shuffle=False)
    np.testing.assert_allclose(
        to_numpy(weighted.information), to_numpy(alone.information), rtol=1e-5
    )


@pytest.mark.parametrize(
    "dtype", [pytest.param("float64", marks=double), "mixed_float16"]
)
def test_other_precisions(dtype):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        vae = gated(4)
        vae.constraint.satisfied.assign(1.0)
        history = fit(vae, epochs=2)
    finally:
        keras.config.set_dtype_policy(before)
    assert history["squared_error"][1] < history["squared_error"][0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        pytest.param({"jit_compile": True}, marks=xla),
        {"run_eagerly": True},
        pytest.param({"steps_per_execution": 3}, marks=several_steps),
    ],
)
def test_it_trains_however_it_is_compiled(options):
    vae = gated(4, tau=8.0)
    vae.constraint.satisfied.assign(1.0)
    vae.compile(keras.optimizers.Adam(1e-2), **options)
    history = fit(vae, epochs=3, batch_size=64)
    assert history["squared_error"][-1] < history["squared_error"][0]
    # Every step has counted, whatever is executed at once.
    assert float(to_numpy(vae.constraint.steps)) == 3 * -(-len(X) // 64)


@pytest.mark.parametrize(("tau", "most"), [(35.0, 20 / 0.35), (1e6, 2e-3), (0.0, 1e4)])
def test_the_multiplier_rises_no_further_than_it_helps(tau, most):
    vae = GatedVAE(small_encoder(), small_decoder(20), 20, tau, gated=tau > 0.0)
    assert vae.constraint.maximum == pytest.approx(most)
    # A code's variance s costs c * s in error and what it saves in KL is known: at the
    # least of both, all noise is at most half a percent of the bound.
    c = np.geomspace(1e-6, 1e6, 200)[:, None]
    s = np.geomspace(1e-12, 1.0, 4000)
    lagrangian = most * c * s + 0.5 * (s - 1.0 - np.log(s))
    noise = c[:, 0] * s[lagrangian.argmin(axis=1)]
    if tau:
        assert 20 * noise.max() <= 0.0051 * tau
    again = GatedVAE.from_config(vae.get_config())
    assert again.max_multiplier == vae.max_multiplier


def test_without_gates_it_goes_for_the_lowest_error():
    vae = gated(3, tau=0.0, gated=False, max_multiplier=100.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        history = vae.fit(X, epochs=130, batch_size=64, verbose=0).history
    assert history["multiplier"][-1] == pytest.approx(100.0)
    assert vae.active_dims == 3
    assert history["squared_error"][-1] < 0.8 * history["squared_error"][0]


def test_a_bound_that_is_never_met_is_told():
    vae = gated(3, tau=0.01)
    with pytest.warns(UserWarning, match=r"the bound of 0.01 was never met"):
        vae.fit(X, epochs=2, callbacks=[GateSearch()], verbose=0)
    assert vae.active_dims == 3


def test_undecided_gates_are_told():
    vae = gated(3, tau=50.0)
    vae.constraint.satisfied.assign(1.0)
    vae.gates.weight.assign([0.0, 0.0, 0.5])
    with pytest.warns(UserWarning, match="gates undecided: `fit` ended.* Train for"):
        vae.fit(X, epochs=1, callbacks=[GateSearch()], verbose=0)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_the_warm_up_is_a_share_of_the_epochs_of_fit(tf):
    class Shares(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            shares.append(float(self.model.constraint.warmup_fraction()))

    def batches():
        for start in range(0, 256, 64):
            yield (X[start : start + 64],)

    spec = (tf.TensorSpec((None, 8, 8, 1), tf.float32),)
    stream = tf.data.Dataset.from_generator(batches, output_signature=spec)
    for x, first in ((X, 1.0 - 1.0 / 10), (stream, 1.0 - 1.0 / 5000)):
        shares = []
        vae = gated(3, tau=0.01, warmup=0.5)
        with pytest.warns(UserWarning, match="did not meet"):
            vae.fit(x, epochs=5, batch_size=64, callbacks=[Shares()], verbose=0)
        # 5 epochs of 4 steps, also of a stream whose length only its end tells.
        assert shares[0] == pytest.approx(first)
        expected = [max(0.0, 1.0 - step / 10) for step in range(5, 21)]
        assert shares[4:] == pytest.approx(expected, abs=1e-6)


def test_a_second_fit_has_no_second_warm_up():
    vae = gated(3, tau=0.01, warmup=0.5)
    for epochs in (2, 2):
        with pytest.warns(UserWarning, match="did not meet"):
            vae.fit(X, epochs=epochs, batch_size=64, verbose=0)
    assert float(vae.constraint.warmup_fraction()) == 0.0
    assert float(to_numpy(vae.constraint.steps)) == 16.0


@pytest.mark.parametrize("scale", [1.0, 500.0])
def test_first_posterior_means_are_of_the_priors_size(scale):
    x = scale * X
    vae = gated(3, tau=scale, likelihood="gaussian")
    before = to_numpy(vae.encode(x)[0])
    vae.compile(keras.optimizers.SGD(0.0))
    fit(vae, x, epochs=1)
    after = to_numpy(vae.encode(x)[0])
    size = np.sqrt(np.mean(before**2))
    assert (size > 3.0) == (scale > 1.0)
    np.testing.assert_allclose(after, before / (size if scale > 1.0 else 1.0), rtol=0.1)
    # Not once it has been trained.
    vae.z_mean.kernel.assign(1e3 * to_numpy(vae.z_mean.kernel))
    kernel = to_numpy(vae.z_mean.kernel)
    fit(vae, x, epochs=1)
    np.testing.assert_array_equal(to_numpy(vae.z_mean.kernel), kernel)


def test_counts_whose_noise_is_above_the_bound_are_told():
    x = np.random.default_rng(0).poisson(30.0, (128, 8)).astype("float32")
    encoder, decoder = build_architecture("mlp", (8,), 2, seed=0, hidden=[8])
    vae = GatedVAE(encoder, decoder, 2, tau=100.0, likelihood="poisson", seed=0)
    vae.compile("adam")
    search = GateSearch()
    with pytest.warns(UserWarning, match="noise of the counts .* Raise `tau`"):
        vae.fit(x, validation_data=(x,), epochs=1, callbacks=[search], verbose=0)
    assert (search.cause, search.status) == ("noise", "infeasible")
    assert vae.data_errors.noise == pytest.approx(x.sum(axis=1).mean())
    total = x.astype("float64").var(axis=0).sum()
    assert vae.data_errors.constant == pytest.approx(total, rel=1e-5)


def test_a_file_of_before_the_share_loads(tmp_path):
    vae = gated(3, warmup=1000, max_multiplier=70.0)
    assert len(vae.constraint.weights) == 5
    vae.constraint.multiplier.assign(2.5)
    vae.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert (again.warmup, again.max_multiplier) == (1000, 70.0)
    assert float(to_numpy(again.constraint.multiplier)) == 2.5
    again.constraint.set_run_steps(50)
    assert float(again.constraint.warmup_fraction()) == 1.0


@pytest.mark.slow
def test_a_known_number_of_factors_is_found():
    data = load_dataset(
        "smooth_map", None, seed=0, n_factors=3, n_features=40, samples=2500
    )
    # Noise of variance 0.5 in 40 features, less what three dimensions take of it.
    tau = 0.5 * 37 * 1.15
    encoder, decoder = build_architecture("mlp", (40,), 10, seed=0, hidden=[64])
    vae = GatedVAE(encoder, decoder, 10, tau, likelihood="gaussian", seed=0)
    vae.compile(keras.optimizers.Adam(2e-3))
    keras.utils.set_random_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        vae.fit(
            data.x_train,
            validation_data=(data.x_val, None),
            epochs=130,
            callbacks=[search := GateSearch()],
            batch_size=32,
            verbose=0,
        )
    assert vae.active_dims == 3
    assert vae.undecided_gates == []
    assert search.is_feasible
    assert search.fixed_epoch is not None
    assert "10 -> 3 latent dimensions, decided at epoch" in search.result()


def test_a_pruning_callback_has_no_place_here():
    with pytest.raises(TypeError, match=r"a GatedVAE.*`GateSearch\(\)` instead"):
        gated().fit(X, validation_data=X[:50], callbacks=[ALDCallback()], verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": -1.0}, "`tau` must be a finite float32 number"),
        ({"tau": float("inf")}, "`tau` must be a finite float32 number"),
        ({"tau": float("nan")}, "`tau` must be a finite float32 number"),
        ({"tau": "20"}, "`tau` must be a finite float32 number"),
        ({"tau": 0}, "`tau` must be above 0, .* Received: tau=0. .* pass gated=False"),
        ({"gate_penalty": 0.0}, "`gate_penalty` must be"),
        ({"estimator": "rebar"}, "`estimator` must be one of"),
        ({"max_multiplier": 0.0}, "`max_multiplier`"),
        ({"warmup": 1.5}, "`warmup` must be .* share of the run"),
        ({"gated": 1}, "`gated` must be"),
        ({"latent_dim": 0}, "`latent_dim`"),
    ],
)
def test_wrong_arguments(arguments, message):
    arguments = {"latent_dim": 3, "tau": 1.0, **arguments}
    with pytest.raises(ValueError, match=message):
        GatedVAE(small_encoder(), small_decoder(3), **arguments)


def test_data_that_are_not_finite():
    bad = X.copy()
    bad[3, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        gated().fit(bad, verbose=0)


def test_tau_of_digits_is_a_share_of_their_variance():
    total = X.reshape(256, -1).astype("float64").var(axis=0).sum()
    assert tau_for(X, 0.9) == pytest.approx(0.1 * total, rel=1e-6)
