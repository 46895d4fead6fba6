import contextlib
import gc
import weakref

import h5py
import keras
import numpy as np
import pytest
from builders import (
    digits,
    gradients_of,
    several_steps,
    small_decoder,
    small_encoder,
    small_vae,
    stream_of,
    traced,
    traced_vae,
    weights_of,
    xla,
)
from keras import layers, ops

from ald_keras import MaskedVAE
from ald_keras.likelihoods import Bernoulli

X = digits(256)
to_numpy = keras.ops.convert_to_numpy


def test_elbo_terms_against_the_formulas():
    vae = small_vae(4, likelihood="gaussian")
    noise = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    vae.sampling.noise = lambda shape, dtype: ops.convert_to_tensor(noise)
    x = X[:5]
    mean, log_var = (np.asarray(v, "float64") for v in vae.encode(x))
    nll, kl = vae.elbo_terms(x)
    z = mean + np.exp(0.5 * log_var) * noise
    out = np.asarray(vae.decoder(z.astype("float32")), "float64")
    expected = 0.5 * ((x - out) ** 2 + np.log(2 * np.pi)).reshape(5, -1).sum(axis=1)
    np.testing.assert_allclose(nll, expected, rtol=1e-5)
    np.testing.assert_allclose(
        kl, 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var), rtol=1e-4, atol=1e-6
    )


def test_pruned_dimensions_have_no_code_no_kl_and_no_gradient():
    vae = small_vae(4)
    vae.latent_mask.deactivate([1, 2])
    _, kl = vae.elbo_terms(X[:16], training=True)
    kl = to_numpy(kl)
    assert not np.any(kl[:, [1, 2]])
    assert np.all(kl[:, [0, 3]] > 0)
    reader = vae.latent_input_layers[0]
    heads = [vae.z_mean.kernel, vae.z_mean.bias, vae.z_log_var.kernel]

    def loss():
        nll, kl = vae.elbo_terms(X[:16], training=True)
        return ops.mean(nll) + ops.mean(ops.sum(kl, axis=1))

    gradients = gradients_of(loss, [*heads, reader.kernel])
    for gradient in gradients[:3]:
        assert not np.any(gradient[..., [1, 2]])
        assert np.any(gradient[..., [0, 3]])
    assert not np.any(gradients[3][[1, 2]])
    assert np.any(gradients[3][[0, 3]])


def test_a_pruned_head_that_overflows_does_no_harm():
    vae = small_vae(3)
    vae.z_log_var.bias.assign([0.0, 1e4, 0.0])
    vae.latent_mask.deactivate([1])

    def loss():
        return sum(ops.sum(term) for term in vae.elbo_terms(X[:4]))

    assert np.isfinite(to_numpy(loss()))
    (gradient,) = gradients_of(loss, [vae.z_log_var.bias])
    assert np.all(np.isfinite(gradient))


def test_methods_respect_the_mask():
    vae = small_vae(4)
    vae.latent_mask.deactivate([0])
    mean, log_var = vae.encode(X[:3])
    assert not np.any(np.asarray(mean)[:, 0])
    assert not np.any(np.asarray(log_var)[:, 0])
    z = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    other = z + np.array([5.0, 0, 0, 0], "float32")
    np.testing.assert_array_equal(vae.decode(z), vae.decode(other))
    np.testing.assert_array_equal(vae.reconstruct(X[:3]), vae.decode(mean))
    np.testing.assert_allclose(
        vae.predict(X[:3], verbose=0), vae.reconstruct(X[:3]), rtol=1e-5, atol=1e-6
    )


def test_generate_follows_its_seed():
    vae = small_vae(4)
    a, b = (np.asarray(vae.generate(5, seed=3)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert a.shape == (5, 8, 8, 1)
    assert 0 < a.min() < a.max() < 1
    c, d = (np.asarray(vae.generate(5)) for _ in range(2))
    assert not np.array_equal(c, d)
    for n in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="`n`"):
            vae.generate(n)


def test_decode_refuses_codes_of_another_width():
    with pytest.raises(ValueError, match=r"\(batch, 4\)"):
        small_vae(4).decode(np.zeros((2, 5), "float32"))


def test_the_decoder_s_end_is_read():
    assert small_vae(3).likelihood.linked is True
    assert small_vae(3, activation="sigmoid").likelihood.linked is False
    with pytest.raises(ValueError, match="cannot tell"):
        small_vae(3, activation="relu")
    vae = small_vae(3, activation="relu", likelihood=Bernoulli(from_logits=False))
    assert vae.likelihood.linked is False


def test_an_object_with_two_methods_is_a_likelihood():
    class SquaredError:
        def nll(self, x, output):
            return keras.ops.sum(keras.ops.square(x - output), axis=(1, 2, 3))

        def mean(self, output):
            return output

    vae = small_vae(3, likelihood=SquaredError())
    vae.compile()
    history = vae.fit(X, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize(
    "options",
    [
        {"likelihood": "gaussian"},
        {"likelihood": "gaussian_optimal_sigma"},
        {"likelihood": "laplace"},
        {"likelihood": "bernoulli"},
    ],
)
def test_training_lowers_the_loss(options):
    vae = small_vae(4, **options)
    vae.compile(keras.optimizers.Adam(1e-2))
    history = vae.fit(X, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert set(history) == {"loss", "reconstruction_loss", "kl_loss", "active_dims"}
    np.testing.assert_allclose(
        history["loss"],
        np.add(history["reconstruction_loss"], history["kl_loss"]),
        rtol=1e-5,
    )


def test_poisson_trains_on_counts():
    vae = small_vae(4, likelihood="poisson")
    vae.compile(keras.optimizers.Adam(1e-3))
    history = vae.fit(np.round(X * 4), epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_beta_weighs_the_kl():
    vae = small_vae(4, beta=3.0)
    vae.compile()
    first = vae.evaluate(X, verbose=0, return_dict=True)
    expected = first["reconstruction_loss"] + 3.0 * first["kl_loss"]
    assert first["loss"] == pytest.approx(expected, rel=1e-5)
    vae.beta.assign(0.0)
    second = vae.evaluate(X, verbose=0, return_dict=True)
    assert second["loss"] == pytest.approx(second["reconstruction_loss"], rel=1e-5)


def test_sample_weights_and_penalties_enter_the_loss():
    first = layers.Dense(64, kernel_regularizer=keras.regularizers.L2(0.1))
    decoder = keras.Sequential([keras.Input((3,)), first, layers.Reshape((8, 8, 1))])
    vae = MaskedVAE(small_encoder(), decoder, 3, seed=0)
    vae.compile()
    penalty = 0.1 * float(np.square(keras.ops.convert_to_numpy(first.kernel)).sum())
    zero = vae.evaluate(X, sample_weight=np.zeros(len(X)), verbose=0, return_dict=True)
    assert zero["reconstruction_loss"] == 0.0
    assert zero["loss"] == pytest.approx(penalty, rel=1e-5)


class Batches(keras.utils.PyDataset):
    def __init__(self, labelled):
        super().__init__()
        self.labelled = labelled

    def __len__(self):
        return 4

    def __getitem__(self, index):
        x = X[index * 64 : (index + 1) * 64]
        return (x, np.zeros(len(x))) if self.labelled else (x,)


def generator():
    while True:
        yield (X[:64],)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (X, {}),
        (X, {"y": np.zeros(len(X))}),
        (X, {"sample_weight": np.ones(len(X))}),
        (stream_of(X, 64), {}),
        (stream_of((X, X[:, 0, 0, 0]), 64), {}),
        (Batches(labelled=True), {}),
        (Batches(labelled=False), {}),
        (generator(), {"steps_per_epoch": 4}),
    ],
)
def test_any_kind_of_data(data, options):
    vae = traced_vae(3)
    history = vae.fit(data, epochs=2, verbose=0, **options).history
    assert history["loss"][1] < history["loss"][0]


def trained_with(**options):
    """Losses and weights of a training without chance, by other ways to run it."""
    vae = small_vae(3)
    vae.sampling.noise = lambda shape, dtype: keras.ops.full(shape, 0.5, dtype)
    vae.compile(**options)
    history = vae.fit(X, epochs=2, shuffle=False, verbose=0)
    return history.history["loss"], vae.get_weights()


@pytest.fixture(scope="module")
def plainly_trained():
    return trained_with()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"jit_compile": True}, marks=xla),
        {"jit_compile": False},
        {"run_eagerly": True},
        pytest.param({"steps_per_execution": 3}, marks=several_steps),
    ],
)
def test_every_way_to_run_gives_the_same_training(options, plainly_trained):
    losses, weights = trained_with(**options)
    expected_losses, expected = plainly_trained
    np.testing.assert_allclose(losses[1], expected_losses[1], rtol=1e-4)
    for got, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_the_loss_in_float32(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        vae = small_vae(3)
        vae.compile(keras.optimizers.Adam(1e-2))
        nll, kl = vae.elbo_terms(X[:4])
        assert {keras.backend.standardize_dtype(v.dtype) for v in (nll, kl)} == {
            "float32"
        }
        history = vae.fit(X, epochs=4, verbose=0).history
    finally:
        keras.config.set_dtype_policy(before)
    assert history["loss"][-1] < history["loss"][0]


@traced
def test_changing_the_mask_never_retraces():
    traces = []

    class Traced(MaskedVAE):
        def train_step(self, *given):
            traces.append(1)
            return super().train_step(*given)

    class Prune(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.latent_mask.deactivate([epoch])

    vae = Traced(small_encoder(), small_decoder(6), 6, seed=0)
    vae.compile()
    after_first = []
    history = vae.fit(
        X,
        epochs=4,
        verbose=0,
        callbacks=[
            Prune(),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: after_first.append(len(traces))
            ),
        ],
    ).history
    assert history["active_dims"] == [6, 5, 4, 3]
    assert len(set(after_first)) == 1


def test_a_pruned_dimension_s_weights_stay_bit_equal_under_sgd():
    vae = small_vae(5)
    vae.compile(keras.optimizers.SGD(0.01))
    vae.fit(X, epochs=1, verbose=0)
    vae.latent_mask.deactivate([1, 4])
    parts = [vae.z_mean.kernel, vae.z_mean.bias, vae.z_log_var.kernel]
    reader = vae.latent_input_layers[0].kernel
    before = [to_numpy(part) for part in parts], to_numpy(reader)
    vae.fit(X, epochs=1, verbose=0)
    for old, part in zip(before[0], parts, strict=True):
        np.testing.assert_array_equal(old[..., [1, 4]], to_numpy(part)[..., [1, 4]])
        assert not np.array_equal(old, to_numpy(part))
    np.testing.assert_array_equal(before[1][[1, 4]], to_numpy(reader)[[1, 4]])
    assert not np.array_equal(before[1], to_numpy(reader))


def test_the_same_seed_gives_the_same_run():
    def run():
        vae = small_vae(3)
        vae.compile()
        vae.fit(X, epochs=2, verbose=0)
        return weights_of(vae)

    for a, b in zip(run(), run(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_save_and_reload_with_mask_and_optimizer(tmp_path):
    vae = small_vae(4, beta=2.0, likelihood="gaussian")
    vae.compile(keras.optimizers.Adam(1e-2))
    vae.fit(X, epochs=1, verbose=0)
    vae.latent_mask.deactivate([2])
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(again.latent_mask.active_indices, [0, 1, 3])
    for a, b in zip(weights_of(vae), weights_of(again), strict=True):
        np.testing.assert_array_equal(a, b)
    vae.fit(X, epochs=1, verbose=0, shuffle=False)
    again.fit(X, epochs=1, verbose=0, shuffle=False)
    for a, b in zip(weights_of(vae), weights_of(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_plain_parts_hold_nothing_of_this_library(tmp_path):
    vae = small_vae(4)
    vae.latent_mask.deactivate([2])
    encoder, decoder = vae.encoder_model(), vae.decoder_model()
    mean, log_var = encoder(X)
    for got, wanted in zip((mean, log_var), vae.encode(X), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-6)
    np.testing.assert_allclose(decoder(mean), vae.reconstruct(X), atol=1e-6)
    z = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(decoder(z), vae.decode(z), atol=1e-6)
    for part in (encoder, decoder):
        assert "ald_keras" not in part.to_json()


def test_plain_parts_are_copies():
    vae = small_vae(4)
    decoder = vae.decoder_model()
    before = decoder.get_weights()
    vae.compile()
    vae.fit(X, epochs=1, verbose=0)
    for a, b in zip(before, decoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_validation_data_stand_ready_while_fit_runs_only():
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.validation_data)

    vae = traced_vae(3)
    vae.fit(X, epochs=1, validation_split=0.25, callbacks=[Look()], verbose=0)
    np.testing.assert_array_equal(seen[0].data[0], X[192:])
    assert vae.validation_data is None
    vae.fit(X, epochs=1, validation_data=X[:10], callbacks=[Look()], verbose=0)
    np.testing.assert_array_equal(seen[1].data, X[:10])


def test_no_data_are_held_after_fit_even_when_it_fails():
    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError("stop here")

    vae = traced_vae(3)
    for callbacks in ([], [Fail()]):
        x = X.copy()
        alive = weakref.ref(x)
        with contextlib.suppress(KeyError):
            vae.fit(x[:128], validation_data=x, callbacks=callbacks, verbose=0)
        del x
        gc.collect()
        assert vae.validation_data is None
        assert alive() is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.5, 255.0])
def test_unusable_arrays_are_errors_before_the_first_step(value):
    vae = traced_vae(3)
    bad = X.copy()
    bad[200, 3, 3, 0] = value
    before = weights_of(vae)
    for arguments in ({"x": bad}, {"x": X, "validation_data": (bad, None)}):
        with pytest.raises(ValueError, match="Bernoulli likelihood"):
            vae.fit(**arguments, verbose=0)
    with pytest.raises(ValueError, match="Bernoulli likelihood"):
        vae.evaluate(bad, verbose=0)
    for a, b in zip(before, weights_of(vae), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("value", "jit_compile"),
    [
        (np.nan, False),
        (1.5, False),
        pytest.param(np.nan, True, marks=xla),
        pytest.param(1.5, True, marks=[xla, pytest.mark.slow]),
    ],
)
def test_unusable_streams_are_errors_at_the_end_of_the_epoch(value, jit_compile):
    bad = X.copy()
    bad[10, 0, 0, 0] = value
    stream = stream_of(bad, 64)
    good = stream_of(X, 64)
    vae = small_vae(3)
    vae.compile(jit_compile=jit_compile)
    with pytest.raises(ValueError, match="Received: 1 other values"):
        vae.fit(good, validation_data=stream, epochs=2, verbose=0)
    with pytest.raises(ValueError, match="Received: 1 other values"):
        vae.evaluate(stream, verbose=0)
    vae.evaluate(good, verbose=0)
    # Last, as it spoils the weights.
    with pytest.raises(ValueError, match="Received: 1 other values"):
        vae.fit(stream, epochs=2, verbose=0)


def test_evaluate_takes_the_arguments_of_keras_in_their_order():
    vae = small_vae(4)
    vae.compile("adam")
    weight = np.linspace(0.0, 1.0, len(X)).astype("float32")
    vae.sampling.noise = lambda shape, dtype: keras.ops.zeros(shape, dtype)
    wanted = vae.evaluate(X, sample_weight=weight, verbose=0, batch_size=50)
    assert vae.evaluate(X, None, 50, 0, weight) == wanted
    assert vae.evaluate(X, None, 50, 0, None) != wanted
    with pytest.raises(ValueError, match="not recognized"):
        vae.evaluate(X, verbose=0, weights=weight)


def test_an_evaluation_that_fails_within_fit_keeps_the_count_of_fit():
    vae = small_vae(4)
    vae.compile("adam")
    bad = stream_of(X[:8] + 2.0, 8)

    class Evaluate(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            with pytest.raises(ValueError, match="in this epoch's batches"):
                self.model.evaluate(bad, verbose=0)

    stream = stream_of(X[:8] - 2.0, 8)
    with pytest.raises(ValueError, match="512 other values"):
        vae.fit(stream, callbacks=[Evaluate()], verbose=0)


def test_data_of_another_shape_are_errors():
    vae = traced_vae(3)
    for bad in (X[..., 0], X[:, :7], X[:0]):
        with pytest.raises(ValueError, match="`x` must have shape"):
            vae.fit(bad, verbose=0)
    stream = stream_of(X[..., 0], 64)
    with pytest.raises(ValueError, match="shape"):
        vae.fit(stream, verbose=0)


def test_class_weights_need_labels():
    vae = traced_vae(3)
    weights = {0: 1.0, 1: 2.0}
    unlabelled = stream_of(X, 64)
    for data in (X, unlabelled, Batches(labelled=False)):
        with pytest.raises(ValueError, match="`class_weight` needs labels"):
            vae.fit(data, class_weight=weights, verbose=0)
    labels = (np.arange(len(X)) % 2).astype("int32")
    vae.fit(X, labels, class_weight=weights, verbose=0)


@pytest.mark.parametrize("fraction", [1.0, -0.5, 0.999])
def test_a_validation_split_must_leave_both_parts_a_sample(fraction):
    vae = traced_vae(3)
    with pytest.raises(ValueError, match="`validation_split`"):
        vae.fit(X[:10], validation_split=fraction, verbose=0)


def test_a_stream_cannot_be_split():
    vae = traced_vae(3)
    stream = stream_of(X, 64)
    with pytest.raises(ValueError, match="needs arrays"):
        vae.fit(stream, validation_split=0.1, verbose=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent_dim": 0}, "`latent_dim`"),
        ({"latent_dim": 2.5}, "`latent_dim`"),
        ({"latent_dim": 4}, r"must read codes of shape \(batch, 4\)"),
        ({"beta": -1.0}, "`beta`"),
        ({"beta": float("nan")}, "`beta`"),
        ({"seed": 1.5}, "`seed`"),
        ({"likelihood": "normal"}, "`likelihood`"),
        ({"encoder": small_encoder(shape=(9, 9, 1))}, "of the shape that `encoder`"),
        ({"decoder": keras.Sequential([layers.Dense(3)])}, "`decoder` must be built"),
    ],
)
def test_bad_arguments_are_errors_at_construction(change, message):
    arguments = {
        "encoder": small_encoder(),
        "decoder": small_decoder(3),
        "latent_dim": 3,
        **change,
    }
    with pytest.raises(ValueError, match=message):
        MaskedVAE(**arguments)


def test_models_of_the_wrong_type_are_errors():
    with pytest.raises(TypeError, match="`encoder`"):
        MaskedVAE(lambda x: x, small_decoder(3), 3)
    with pytest.raises(TypeError, match="`decoder`"):
        MaskedVAE(small_encoder(), lambda z: z, 3)


def test_encoder_and_decoder_must_not_share_weights():
    shared = layers.Dense(64)
    encoder = keras.Sequential(
        [keras.Input((64,)), shared, layers.Dense(3, activation="relu")]
    )
    decoder = keras.Sequential([keras.Input((3,)), layers.Dense(64), shared])
    with pytest.raises(ValueError, match="must not share weights"):
        MaskedVAE(encoder, decoder, 3)


def test_compile_takes_no_loss():
    vae = small_vae(3)
    for options in ({"loss": "mse"}, {"metrics": ["mae"]}):
        with pytest.raises(ValueError, match="no loss and no metrics"):
            vae.compile(**options)


def test_weights_are_saved_once(tmp_path):
    vae = small_vae(4)
    vae.save_weights(tmp_path / "vae.weights.h5")
    with h5py.File(tmp_path / "vae.weights.h5") as file:
        sizes = []
        file.visititems(lambda name, item: sizes.append(getattr(item, "size", 0) or 0))
        assert not any("_model" in name for name in file)
    seeds = 4
    assert sum(sizes) == sum(int(np.prod(w.shape)) for w in vae.weights) + seeds


def test_plain_dense_layers_only():
    vae = small_vae(4)
    vae.latent_input_layers[0].enable_lora(2)
    with pytest.raises(ValueError, match="lora_enabled=True"):
        _ = vae.decoder_model()
    with pytest.raises(ValueError, match="lora_enabled=True"):
        MaskedVAE(small_encoder(), vae.decoder, 4)


def test_a_callback_list_is_taken():
    vae = traced_vae(3)
    history = keras.callbacks.History()
    callbacks = keras.callbacks.CallbackList([history], model=vae, epochs=1)
    bad = stream_of(X + 1, 64)
    with pytest.raises(ValueError, match="other values"):
        vae.fit(bad, callbacks=callbacks, verbose=0)
    vae = traced_vae(3)
    vae.fit(X, callbacks=keras.callbacks.CallbackList([history], model=vae), verbose=0)
    assert len(history.history["loss"]) == 1


def test_evaluating_within_a_fit_keeps_its_count():
    class Evaluate(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(X[:8], verbose=0)

    bad = X.copy()
    bad[0, 0, 0, 0] = 5.0
    vae = small_vae(3)
    vae.compile(jit_compile=False)
    with pytest.raises(ValueError, match="Received: 1 other values"):
        vae.fit(
            stream_of(bad, 128),
            callbacks=[Evaluate()],
            verbose=0,
        )


def test_frames_are_shuffled_and_checked_like_arrays():
    class Frame:
        """Stands for a pandas.DataFrame: no dtype of its own, but `to_numpy`."""

        def __init__(self, values):
            self.values, self.shape = values, values.shape

        def to_numpy(self):
            return self.values

    flat = X.reshape(len(X), 64)
    vae = MaskedVAE(
        small_encoder(shape=(64,)), small_decoder(3, shape=(64,)), 3, seed=0
    )
    vae.compile()
    vae.fit(Frame(flat), validation_data=(Frame(flat), None), verbose=0)
    with pytest.raises(ValueError, match="`x` must hold finite values in"):
        vae.fit(Frame(flat * 2), verbose=0)


def test_numpy_numbers_are_numbers():
    vae = small_vae(np.int64(3), beta=np.float32(0.5), seed=np.int32(1))
    assert (vae.latent_dim, vae.final_beta, vae.seed) == (3, 0.5, 1)
    assert vae.generate(np.int64(2), seed=0).shape == (2, 8, 8, 1)


def test_a_scale_of_the_loss_that_moves_does_not_show():
    # It doubles after each step. Powers of two do not round.
    x = digits(64)

    def train(optimizer):
        vae = small_vae(4)
        vae.compile(optimizer, jit_compile=False)
        vae.fit(x, batch_size=16, epochs=2, shuffle=False, verbose=0)
        return weights_of(vae.encoder) + weights_of(vae.decoder)

    plain = train(keras.optimizers.SGD(1e-2))
    scaled = train(
        keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(1e-2), initial_scale=64.0, dynamic_growth_steps=1
        )
    )
    for first, second in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)


def test_a_model_that_is_not_compiled_says_so():
    with pytest.raises(ValueError, match="call `compile\\(\\)` before"):
        small_vae(4).fit(np.zeros((4, 8, 8, 1), "float32"))
