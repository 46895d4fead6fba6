"""Sampled sizes in training, and the size curve of a model."""

import h5py
import keras
import numpy as np
import pytest
from builders import (
    digits,
    double,
    gradients_of,
    several_steps,
    small_decoder,
    small_encoder,
    small_vae,
    traced,
    traced_vae,
    xla,
)

from ald_keras import MaskedVAE, compact, likelihoods
from ald_keras.backends.batch import Batch
from ald_keras.metrics import gaussian_kl

X = digits(160)


class FixedNoise:
    """The same noise for every size, whatever the number of dimensions."""

    def __init__(self, columns):
        self.columns = columns

    def __call__(self, shape, dtype):
        noise = np.random.default_rng(5).standard_normal((int(shape[0]), 8))
        return keras.ops.convert_to_tensor(noise[:, self.columns].astype(dtype))


def sampled(vae, sizes):
    """The model with given sizes in place of drawn ones."""
    sizes = np.array(sizes, "float32")
    vae.size_sampling.draw = lambda samples, rows=None: sizes
    return vae


def gradients(vae, x):
    """Gradients of the loss of a training step, by name of the variable."""

    def loss():
        return vae._update_trackers(x, None, Batch(), training=True)

    variables = vae.trainable_variables
    paths = [variable.path for variable in variables]
    found = dict(zip(paths, gradients_of(loss, variables), strict=True))
    return found, float(keras.ops.convert_to_numpy(loss()))


def test_terms_of_sampled_sizes_agree_with_a_loop_over_examples():
    vae = small_vae(likelihood="gaussian")
    vae.sampling.noise = FixedNoise(np.arange(8))
    vae.latent_mask.deactivate([3])
    order = [5, 0, 7, 1, 2, 4, 6, 3]
    vae.size_sampling.start(order, [0.1] * 8)
    sizes = np.array([1, 4, 8, 2, 7, 8], "float32")
    keep = vae.size_sampling.keep(sizes)
    nll, kl = map(keras.ops.convert_to_numpy, vae.elbo_terms(X[:6], keep=keep))
    noise = keras.ops.convert_to_numpy(FixedNoise(np.arange(8))((6, 8), "float32"))
    means, log_vars = (np.asarray(v) for v in vae.encode(X[:6]))
    for i, size in enumerate(sizes.astype(int)):
        mask = np.zeros(8, "float32")
        mask[[d for d in order[:size] if d != 3]] = 1
        z = (means[i] + np.exp(0.5 * log_vars[i]) * noise[i]) * mask
        expected = np.asarray(vae.nll(X[i : i + 1], z[None]))[0]
        assert float(nll[i]) == pytest.approx(expected, rel=1e-5)
        wanted = np.asarray(gaussian_kl(means[i : i + 1], log_vars[i : i + 1]))[0]
        np.testing.assert_allclose(kl[i], wanted * mask, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_gradient_of_a_truncated_example_is_that_of_a_smaller_model(size):
    order = [5, 0, 7, 1, 2, 4, 6, 3]
    kept = sorted(order[:size])
    wide = small_vae(likelihood="gaussian")
    wide.size_sampling.start(order, [0.1] * 8)
    wide.sampling.noise = FixedNoise(np.arange(8))
    small = compact(wide, size=size)
    small.size_sampling.stop()
    small.sampling.noise = FixedNoise(kept)
    found, loss = gradients(sampled(wide, [size] * 4), X[:4])
    expected, wanted = gradients(small, X[:4])
    assert loss == pytest.approx(wanted, rel=1e-6)
    for wide_gradient, narrow in zip(found.values(), expected.values(), strict=True):
        a, b = (keras.ops.convert_to_numpy(v) for v in (wide_gradient, narrow))
        for axis in range(a.ndim):
            if a.shape[axis] != b.shape[axis]:
                left = np.delete(a, kept, axis=axis)
                assert not left.any()  # dropped dimensions get none
                a = np.take(a, kept, axis=axis)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_logged_losses_are_those_of_the_full_size():
    vae = small_vae(likelihood="gaussian")
    vae.sampling.noise = FixedNoise(np.arange(8))
    vae.size_sampling.start(range(8), [0.1] * 8)
    _, kl = vae.elbo_terms(X[:6])
    sampled(vae, [1, 8, 8, 2, 8, 4])
    vae._update_trackers(X[:6], None, Batch(), training=True)
    wanted = np.asarray(kl).sum(axis=1)[[1, 2, 4]].mean()
    assert float(vae.kl_tracker.result()) == pytest.approx(wanted, rel=1e-5)
    assert float(vae.loss_tracker.count) == 3.0


@traced
def test_switching_sizes_on_and_off_never_retraces():
    traces = []

    class Traced(MaskedVAE):
        def train_step(self, *given):
            traces.append(1)
            return super().train_step(*given)

    vae = Traced(small_encoder(), small_decoder(8), 8, seed=0)
    vae.compile()
    vae.fit(X, epochs=1, batch_size=32, verbose=0)
    count = len(traces)
    vae.size_sampling.start(range(8), [0.05] * 8)
    vae.fit(X, epochs=1, batch_size=32, verbose=0)
    vae.size_sampling.stop()
    vae.fit(X, epochs=1, batch_size=32, verbose=0)
    assert len(traces) == count


def test_validation_and_inference_see_the_full_size():
    vae = traced_vae()
    plain = vae.evaluate(X, verbose=0, return_dict=True)
    means = np.asarray(vae.encode(X[:5])[0])
    vae = traced_vae()
    vae.size_sampling.start(range(8), [0.9 / 8] * 8)
    assert vae.evaluate(X, verbose=0, return_dict=True) == plain
    np.testing.assert_array_equal(vae.encode(X[:5])[0], means)


@pytest.mark.parametrize(
    ("options", "gap"),
    [
        ({"run_eagerly": True}, 1e-4),
        pytest.param({"steps_per_execution": 3}, 1e-4, marks=several_steps),
        # XLA draws other noise.
        pytest.param({"jit_compile": True}, 5e-3, marks=xla),
    ],
    ids=["eager", "several-steps", "jit"],
)
def test_ways_to_compile_train_alike(options, gap):
    def trained(**compiled):
        vae = small_vae(likelihood="gaussian")
        vae.size_sampling.start(range(8), [0.06] * 8)
        vae.compile(keras.optimizers.SGD(1e-3), **compiled)
        vae.fit(X, batch_size=32, epochs=2, shuffle=False, verbose=0)
        return vae

    found, expected = trained(**options), trained()
    for a, b in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=gap)
    counts = [float(vae.loss_tracker.count) for vae in (found, expected)]
    assert counts == pytest.approx([0.58 * len(X)] * 2, abs=2 * 5)


@pytest.mark.parametrize(
    "policy", [pytest.param("float64", marks=double), "mixed_bfloat16"]
)
def test_other_precisions_train_and_measure(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        vae = small_vae()
        vae.size_sampling.start(range(8), [0.06] * 8)
        vae.compile("adam")
        history = vae.fit(X, batch_size=32, epochs=1, verbose=0)
        curve = vae.size_curve(X, sizes=[2, 4])
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(history.history["loss"][0])
    assert np.isfinite(curve.increase).all()


def test_the_curve_agrees_with_models_that_are_smaller():
    vae = small_vae(likelihood="gaussian", beta=0.5)
    vae.compile("adam")
    vae.fit(X, epochs=3, verbose=0)
    vae.latent_mask.deactivate([2])
    curve = vae.size_curve(X, seed=3)
    assert curve.sizes == tuple(range(1, 8))
    assert 2 not in curve.order
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((len(X), 8)).astype("float32")
    losses = {}
    for size in (2, 5, 7):
        kept = sorted(curve.order[:size])
        small = compact(vae, size=size, order=curve.order)
        means, log_vars = (np.asarray(v) for v in small.encode(X))
        z = means + np.exp(0.5 * log_vars) * noise[:, kept]
        kl = np.asarray(gaussian_kl(means, log_vars)).sum(axis=1)
        losses[size] = np.asarray(small.nll(X, z)) + 0.5 * kl
        at = curve.sizes.index(size)
        assert curve.metrics["loss"][at] == pytest.approx(losses[size].mean(), rel=1e-5)
        assert curve.metrics["kl"][at] == pytest.approx(kl.mean(), rel=1e-4)
    difference = losses[2] - losses[7]
    assert curve.increase[1] == pytest.approx(difference.mean(), rel=1e-4)
    error = difference.std(ddof=1) / np.sqrt(len(X))
    assert curve.standard_error[1] == pytest.approx(error, rel=1e-4)
    assert curve.increase[-1] == curve.standard_error[-1] == 0.0


def test_the_order_is_by_kl_or_that_of_the_sampled_sizes():
    vae = small_vae()
    kl = np.asarray(gaussian_kl(*vae.encode(X))).mean(axis=0)
    assert list(vae.size_curve(X, sizes=[1]).order) == np.argsort(-kl).tolist()
    order = [3, 1, 0, 2, 4, 7, 6, 5]
    vae.size_sampling.start(order, [0.1] * 8)
    assert list(vae.size_curve(X, sizes=[1]).order) == order


def test_every_metric_is_measured_at_every_size():
    vae = small_vae(likelihood="gaussian")

    def volume(model, x, y):
        assert isinstance(model, MaskedVAE)
        assert len(x) == len(y)
        return float(model.latent_dim)

    names = ["squared_error", "silhouette", "frechet_generation"]
    curve = vae.size_curve(
        X, np.zeros(len(X)), [2, 5], [*names, volume], 3, features="identity"
    )
    assert set(curve.metrics) == {"loss", "reconstruction", "kl", *names, "volume"}
    assert curve.metrics["volume"] == (2.0, 5.0, 8.0)
    # Of unit variance: half the squared error, and a constant of the density.
    constant = 32.0 * np.log(2 * np.pi)
    halves = np.array(curve.metrics["squared_error"]) / 2 + constant
    np.testing.assert_allclose(halves, curve.metrics["reconstruction"], rtol=1e-5)


def test_metrics_of_the_full_size_are_those_of_the_model():
    vae = small_vae()
    options = {"n_clusters": 3, "features": "identity", "metrics": ["silhouette"]}
    whole = vae.size_curve(X, sizes=[8], **options)
    small = vae.size_curve(X, sizes=[3, 8], **options)
    assert whole.metrics["silhouette"][-1] == small.metrics["silhouette"][-1]
    assert whole.metrics["silhouette"][0] != small.metrics["silhouette"][0]


def test_large_latent_spaces_are_measured_at_spaced_sizes():
    vae = small_vae(120)
    curve = vae.size_curve(X[:20])
    assert curve.sizes[-1] == 120
    assert len(curve.sizes) <= 48


def test_a_likelihood_without_a_constant_leaves_the_gain_out():
    class Mine:
        def nll(self, x, output):
            return keras.ops.sum((x - output) ** 2, axis=(1, 2, 3))

        def mean(self, output):
            return output

    curve = small_vae(likelihood=Mine()).size_curve(X[:20])
    assert curve.baseline_nll is None
    assert curve.gain is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sizes": [0]}, "`sizes` must be integers from 1 to the 8 active"),
        ({"sizes": [9]}, "`sizes` must be integers from 1 to the 8 active"),
        ({"sizes": [2.5]}, "`sizes` must be an integer"),
        ({"sizes": []}, "`sizes` must be integers from 1 to the 8 active"),
        ({"sizes": 3.5}, "`sizes` must be an integer"),
        ({"metrics": ["nonsense"]}, "`metrics` must be among"),
        ({"metrics": "nonsense"}, "`metrics` must be among"),
        ({"metrics": [lambda m, x, y: 0.0]}, r"Pass a function without a name"),
        ({"metrics": [("loss", len)]}, "`metrics` must be among"),
        ({"metrics": [("size", len)]}, "`metrics` must be among"),
        ({"metrics": [("a", len), ("a", len)]}, "`metrics` must be among"),
        ({"metrics": ["silhouette", "silhouette"]}, "`metrics` must be among"),
        ({"y": [1, 2]}, "`y` must hold a label for each of the 160 samples"),
        ({"x": iter(X)}, "`x` must be an array of at least two samples"),
        ({"seed": -1}, "`seed` must be a non-negative integer"),
        ({"x": X[:1]}, "`x` must be an array of at least two samples"),
        ({"x": X[:, :4]}, "`x` must have shape"),
    ],
)
def test_what_cannot_be_measured(options, named):
    with pytest.raises(ValueError, match=named):
        small_vae().size_curve(**{"x": X, **options})


def test_compact_keeps_the_first_dimensions_of_an_elastic_model():
    vae = small_vae()
    order = [6, 2, 0, 1, 3, 4, 5, 7]
    vae.size_sampling.start(order, [0.05] * 8)
    vae.compile("adam")
    vae.fit(X, epochs=1, verbose=0)
    vae.latent_mask.deactivate([7])
    small = compact(vae, size=3)
    assert small.latent_dim == 3
    assert vae.active_dims == 7
    wanted = np.asarray(vae.encode(X[:9])[0])[:, [0, 2, 6]]
    np.testing.assert_allclose(small.encode(X[:9])[0], wanted, atol=1e-6)
    assert not small.size_sampling.is_on
    small.fit(X, epochs=1, verbose=0)
    # Without a size it stays elastic, among the dimensions that are left.
    whole = compact(vae)
    assert whole.size_sampling.order.tolist() == order[:7]
    assert whole.size_sampling.share == pytest.approx(0.3)
    assert compact(whole, size=1).latent_dim == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"size": 3}, "`size` needs an order of the dimensions"),
        ({"size": 2, "order": [0.0, 1.0]}, "`order` must begin with 2 distinct"),
        ({"size": 2, "order": 3}, "`order` must begin with 2 distinct"),
        ({"size": 0, "order": [1]}, "`size` must be an integer from 1"),
        ({"size": 9, "order": range(9)}, "`size` must be an integer from 1"),
        ({"size": True, "order": [1]}, "`size` must be an integer"),
        ({"size": 2, "order": [1]}, "`order` must begin with 2 distinct"),
        ({"size": 2, "order": [1, 1]}, "`order` must begin with 2 distinct"),
        ({"size": 2, "order": [1, 9]}, "`order` must begin with 2 distinct"),
        ({"order": [1]}, "`order` says which dimensions a `size` keeps"),
    ],
)
def test_sizes_that_compact_cannot_keep(options, named):
    with pytest.raises(ValueError, match=named):
        compact(small_vae(), **options)


def test_one_metric_needs_no_list():
    curve = small_vae().size_curve(X, sizes=[2], metrics="silhouette", n_clusters=3)
    assert "silhouette" in curve.metrics
    named = ("dims", lambda model, x, y: model.latent_dim)
    assert small_vae().size_curve(X, sizes=[2], metrics=[named]).metrics["dims"] == (
        2.0,
        8.0,
    )


@double
def test_a_decoder_may_be_wider_than_the_encoder():
    decoder = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu", dtype="float64"),
            keras.layers.Dense(64, dtype="float64"),
            keras.layers.Reshape((8, 8, 1), dtype="float64"),
        ]
    )
    vae = MaskedVAE(small_encoder(), decoder, 4, seed=0)
    assert np.isfinite(vae.size_curve(X).increase).all()


def test_nothing_stale_is_measured():
    vae = small_vae(likelihood="gaussian")
    before = vae.size_curve(X, sizes=[2]).metrics["loss"]
    vae.likelihood = likelihoods.Laplace()
    other = small_vae(likelihood="laplace")
    other.set_weights(vae.get_weights())
    found = vae.size_curve(X, sizes=[2]).metrics["loss"]
    assert found == other.size_curve(X, sizes=[2]).metrics["loss"] != before
    function = vae._compiled_masked_nll
    vae.size_curve(X, sizes=[2])
    assert vae._compiled_masked_nll is function
    vae.compile(run_eagerly=True)
    assert vae.size_curve(X, sizes=[2]).metrics["loss"] == pytest.approx(found)
    assert vae._compiled_masked_nll is not function


def test_a_file_without_sampled_sizes_loads(tmp_path):
    vae = small_vae(4)
    vae.save_weights(tmp_path / "vae.weights.h5")
    with h5py.File(tmp_path / "vae.weights.h5", "a") as file:
        names = []
        file.visit(names.append)
        (found,) = [n for n in names if n.endswith("size_sampling")]
        del file[found]
    again = small_vae(4)
    again.size_sampling.start(range(4), [0.1] * 4)
    again.load_weights(tmp_path / "vae.weights.h5")
    np.testing.assert_array_equal(again.encode(X)[0], vae.encode(X)[0])


def test_damaged_sizes_are_noticed(tmp_path):
    vae = small_vae(4)
    vae.save_weights(tmp_path / "vae.weights.h5")
    with h5py.File(tmp_path / "vae.weights.h5", "a") as file:
        names = []
        file.visit(names.append)
        (found,) = [n for n in names if n.endswith("probabilities")]
        file[found][...] = -1.0
    with pytest.raises(ValueError, match="no readable sizes"):
        small_vae(4).load_weights(tmp_path / "vae.weights.h5")
