"""Networks that read conditions beside the data, and data of several modalities."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import scipy.stats
from builders import stream_of
from keras import layers, ops

from ald_keras import (
    ALDCallback,
    GatedVAE,
    GateSearch,
    LatentTensorBoard,
    MaskedVAE,
    compact,
    tau_for,
)
from ald_keras.export.exporting import export
from ald_keras.likelihoods import JointLikelihood, NegativeBinomial
from ald_keras.metrics.arrays import NamedArrays

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[2])}

RNG = np.random.default_rng(0)
FACTORS = RNG.normal(size=(240, 2))
BATCH = RNG.integers(3, size=240)
ONE_HOT = np.eye(3, dtype="float32")[BATCH]
X = (
    FACTORS @ RNG.normal(size=(2, 6))
    + 3 * ONE_HOT @ RNG.normal(size=(3, 6))
    + 0.1 * RNG.normal(size=(240, 6))
).astype("float32")
DATA = {"x": X, "batch": ONE_HOT}


def output_of(folder, form):
    suffix = {"saved_model": "", "tflite": ".tflite", "onnx": ".onnx"}.get(
        form, ".keras"
    )
    return folder / f"small{suffix}"


def networks(latent_dim=5, condition="both", dense_first=False, order=1):
    """Encoder and decoder that read a condition called "batch"."""
    x, batch = keras.Input((6,), name="x"), keras.Input((3,), name="batch")
    read = [x, batch][::order] if condition != "decoder" else [x]
    features = layers.Dense(8, "tanh")(
        layers.Concatenate()(read) if len(read) > 1 else x
    )
    z, again = keras.Input((latent_dim,), name="z"), keras.Input((3,), name="batch")
    read_again = [z, again][::order] if condition != "encoder" else [z]
    if dense_first:
        hidden = layers.Add()([layers.Dense(8)(z), layers.Dense(8)(again)])
    else:
        joined = layers.Concatenate()(read_again) if len(read_again) > 1 else z
        hidden = layers.Dense(8, "tanh")(joined)
    return keras.Model(read, features), keras.Model(read_again, layers.Dense(6)(hidden))


def conditional_vae(kind=MaskedVAE, **options):
    keras.utils.set_random_seed(0)
    names = "latent_dim", "condition", "dense_first", "order"
    parts = networks(**{n: options.pop(n) for n in names if n in options})
    latent_dim = parts[1].inputs[[t.name for t in parts[1].inputs].index("z")].shape[1]
    vae = kind(*parts, latent_dim, likelihood="gaussian", seed=0, **options)
    vae.compile("adam")
    return vae


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("dense_first", [False, True])
def test_conditions_reach_both_networks(order, dense_first):
    vae = conditional_vae(order=order, dense_first=dense_first)
    z_mean, z_log_var = vae.encode(DATA)
    encoder, decoder = networks(order=order, dense_first=dense_first)
    keras.utils.set_random_seed(0)
    encoder, decoder = networks(order=order, dense_first=dense_first)
    features = encoder([X, ONE_HOT][::order])
    np.testing.assert_allclose(z_mean, vae.z_mean(features), atol=1e-6)
    expected = decoder([ops.convert_to_numpy(z_mean), ONE_HOT][::order])
    np.testing.assert_allclose(vae.decode(z_mean, ONE_HOT), expected, atol=1e-6)
    np.testing.assert_allclose(vae.reconstruct(DATA), expected, atol=1e-6)
    np.testing.assert_allclose(vae(DATA), expected, atol=1e-6)
    np.testing.assert_allclose(vae.predict(DATA, verbose=0), expected, atol=1e-6)
    nll = 0.5 * np.square(X - np.asarray(expected)).sum(1) + 3 * np.log(2 * np.pi)
    np.testing.assert_allclose(vae.nll(DATA, z_mean), nll, rtol=1e-5)


def test_a_condition_that_nothing_reads_much_of_changes_nothing():
    """With weights of 0 for the condition a model is the one without it."""
    vae = conditional_vae()
    x, z = keras.Input((6,)), keras.Input((5,))
    plain = MaskedVAE(
        keras.Model(x, layers.Dense(8, "tanh")(x)),
        keras.Model(z, layers.Dense(6)(layers.Dense(8, "tanh")(z))),
        5,
        likelihood="gaussian",
        seed=0,
    )
    plain.compile("adam")
    for wide, narrow in zip(
        [w for w in vae.weights if "latent_places" not in w.path],
        plain.weights,
        strict=True,
    ):
        value = ops.convert_to_numpy(wide)
        if wide.shape != narrow.shape:
            wide.assign(np.concatenate([value[:-3], np.zeros((3, value.shape[1]))]))
            value = value[:-3]
        narrow.assign(value)
    np.testing.assert_allclose(vae.elbo(DATA), plain.elbo(X), rtol=1e-5)
    found = [
        vae.evaluate(DATA, verbose=0, return_dict=True),
        plain.evaluate(X, verbose=0, return_dict=True),
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    curves = vae.size_curve(DATA), plain.size_curve(X)
    for name in ("loss", "reconstruction", "kl"):
        pair = [curve.metrics[name] for curve in curves]
        np.testing.assert_allclose(*pair, rtol=1e-5)


def test_generated_data_have_the_condition_asked_for():
    vae = conditional_vae()
    one = vae.generate(4, seed=1, condition=ONE_HOT[0])
    by_name = vae.generate(4, seed=1, condition={"batch": np.tile(ONE_HOT[0], (4, 1))})
    np.testing.assert_array_equal(one, by_name)
    codes = ops.convert_to_numpy(keras.random.normal((4, 5), seed=1))
    expected = vae.decoder([codes, np.tile(ONE_HOT[0], (4, 1))])
    np.testing.assert_allclose(one, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (None, r"\['batch'\], by name. Received: None"),
        ({"label": 0}, r"Received: \['label'\]"),
        (np.zeros((3, 3)), r"\(4, 3\). Received: shape \(3, 3\)"),
        (2, r"must have shape \(3,\) for all codes"),
    ],
)
def test_unusable_conditions_are_errors(condition, text):
    with pytest.raises(ValueError, match=text):
        conditional_vae().generate(4, condition=condition)


def test_a_list_is_a_condition_and_none_is_needed_without_any():
    vae = conditional_vae()
    np.testing.assert_array_equal(
        vae.generate(2, seed=0, condition=[1, 0, 0]),
        vae.generate(2, seed=0, condition=np.array([1, 0, 0])),
    )
    with pytest.raises(ValueError, match="decoder reads no conditions"):
        conditional_vae(condition="encoder").generate(2, condition=1)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (X, r"`x` must be arrays by name: \['x', 'batch'\].*Received: one array"),
        ({"x": X}, r"Received: \['x'\]"),
        ({**DATA, "day": BATCH}, r"Received: \['batch', 'day', 'x'\]"),
        ({"x": X, "batch": ONE_HOT[:9]}, "as many samples each"),
        ({"x": X, "batch": BATCH}, r"`x\['batch'\]` must have shape \(samples, 3\)"),
        ({"x": X[:, :2], "batch": ONE_HOT}, r"must have shape \(samples, 6\)"),
        ({"x": X, "batch": ONE_HOT * np.nan}, r"`x\['batch'\]` must hold finite"),
        ({"x": X, "batch": ONE_HOT.astype(str)}, r"`x\['batch'\]` must hold numbers"),
    ],
)
def test_data_that_lack_a_condition_are_errors(data, text):
    for call in (lambda vae: vae.fit(data, verbose=0), lambda vae: vae.elbo(data)):
        with pytest.raises(ValueError, match=text):
            call(conditional_vae())


def test_a_model_without_conditions_refuses_names():
    x, z = keras.Input((6,)), keras.Input((5,))
    vae = MaskedVAE(
        keras.Model(x, layers.Dense(8)(x)), keras.Model(z, layers.Dense(6)(z)), 5
    )
    with pytest.raises(ValueError, match=r"`x` must be one array.*\['batch', 'x'\]"):
        vae.encode(DATA)


def test_networks_and_lists_without_names_go_by_their_order(tmp_path):
    """As in the conditional VAEs of tutorials."""
    x, c, z, d = (keras.Input((size,)) for size in (6, 3, 5, 3))
    encoder = keras.Model([x, c], layers.Dense(8)(layers.Concatenate()([x, c])))
    decoder = keras.Model([z, d], layers.Dense(6)(layers.Concatenate()([z, d])))
    vae = MaskedVAE(encoder, decoder, 5, likelihood="gaussian", seed=0)
    assert vae.model_inputs.names == ("x", "condition")
    vae.compile("adam")
    listed = [X, ONE_HOT]
    vae.fit(listed, validation_data=(listed, BATCH), epochs=1, verbose=0)
    named = {"x": X, "condition": ONE_HOT}
    np.testing.assert_array_equal(vae.elbo(listed), vae.elbo(named))
    np.testing.assert_array_equal(vae.encode(listed)[0], vae.encode(named)[0])
    codes = np.asarray(vae.encode(named)[0])
    expected = vae.decoder([codes, ONE_HOT])
    np.testing.assert_allclose(vae.reconstruct(listed), expected, atol=1e-6)
    vae.latent_mask.deactivate([2])
    small = compact(vae)
    small.save(tmp_path / "small.keras")
    loaded = keras.saving.load_model(tmp_path / "small.keras")
    np.testing.assert_array_equal(loaded.elbo(named), small.elbo(named))
    stream = stream_of((((X, ONE_HOT)),), 32)
    assert np.isfinite(vae.fit(stream, epochs=1, verbose=0).history["loss"]).all()


def test_inputs_that_cannot_be_told_apart_are_errors():
    x, other = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    z = keras.Input((5,), name="z")
    encoder = keras.Model([x, other], layers.Add()([x, other]))
    decoder = keras.Model(z, layers.Dense(6)(z))
    with pytest.raises(ValueError, match=r"one input for the data.*\['a', 'b'\]"):
        MaskedVAE(encoder, decoder, 5)
    again = keras.Input((4,), name="b")
    decoder = keras.Model([z, again], layers.Dense(6)(layers.Concatenate()([z, again])))
    with pytest.raises(ValueError, match=r"a condition in one shape.*'b'"):
        MaskedVAE(encoder, decoder, 5)


@pytest.mark.parametrize(
    ("condition", "dense_first"),
    [("both", False), ("decoder", True), ("encoder", False)],
)
def test_a_compact_model_keeps_the_conditions(tmp_path, condition, dense_first):
    vae = conditional_vae(condition=condition, dense_first=dense_first)
    vae.fit(DATA, epochs=1, verbose=0)
    vae.latent_mask.deactivate([1, 3])
    small = compact(vae)  # which compares the two
    assert small.latent_dim == 3
    z = np.asarray(vae.encode(DATA)[0])
    np.testing.assert_allclose(small.encode(DATA)[0], z[:, [0, 2, 4]], atol=1e-6)
    nll = small.nll(DATA, z[:, [0, 2, 4]])
    np.testing.assert_allclose(nll, vae.nll(DATA, z), rtol=1e-5)
    history = small.fit(DATA, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    small.save(tmp_path / "small.keras")
    loaded = keras.saving.load_model(tmp_path / "small.keras")
    np.testing.assert_array_equal(loaded.elbo(DATA), small.elbo(DATA))


SLOW_FORMS = [
    pytest.param(form, marks=[pytest.mark.slow, pytest.mark.tensorflow])
    for form in ("tflite", "onnx")
]
SAVED_MODEL = pytest.param("saved_model", marks=pytest.mark.tensorflow)


@pytest.mark.parametrize("form", ["keras", "parts", SAVED_MODEL, *SLOW_FORMS])
def test_exported_models_read_the_conditions(tmp_path, form):
    vae = conditional_vae()
    vae.latent_mask.deactivate([1, 3])
    vae.save(tmp_path / "model.keras")
    report = export(
        tmp_path / "model.keras", format=form, output=output_of(tmp_path, form)
    )
    if not report["not_read_back"]:
        assert report["read_back"] < 1e-5
    if form == "parts":
        encoder, decoder = (
            keras.saving.load_model(tmp_path / f"small-{part}.keras")
            for part in ("encoder", "decoder")
        )
        z_mean = ops.convert_to_numpy(encoder([X, ONE_HOT])[0])
        np.testing.assert_allclose(
            decoder([z_mean, ONE_HOT]), vae.reconstruct(DATA), atol=1e-5
        )


def test_the_whole_of_keras_export_reads_the_conditions(tmp_path, tf):
    vae = conditional_vae()
    vae.export(str(tmp_path / "served"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(served.serve(DATA), vae.reconstruct(DATA), atol=1e-5)


def as_stream(data):
    return stream_of((data,), 32)


@pytest.fixture(scope="module")
def trained_on_arrays():
    return history_of(DATA)


def history_of(data):
    options = {"shuffle": False, "epochs": 2, "verbose": 0}
    return conditional_vae().fit(data, validation_data=(DATA,), **options).history


@pytest.mark.parametrize("form", ["stream", "frames", "sparse"])
def test_forms_of_conditions_train_alike(form, trained_on_arrays):
    data = {
        "stream": as_stream(DATA),
        "frames": {"x": pd.DataFrame(X), "batch": pd.DataFrame(ONE_HOT)},
        "sparse": {"x": sp.csr_matrix(X), "batch": sp.csr_matrix(ONE_HOT)},
    }[form]
    found = history_of(data)
    for name, values in trained_on_arrays.items():
        assert found[name] == pytest.approx(values, rel=1e-5)


def as_tensors(data):
    return {name: keras.ops.convert_to_tensor(values) for name, values in data.items()}


@pytest.mark.parametrize("form", [as_stream, as_tensors])
def test_callbacks_take_other_forms_of_conditions(form, tmp_path):
    vae, data = conditional_vae(), form(DATA)
    board = []
    if keras.backend.backend() == "tensorflow":
        board = [LatentTensorBoard(tmp_path, probe=(DATA, BATCH))]
    with pytest.warns(UserWarning, match="not fixed"):
        vae.fit(
            data,
            validation_data=data,
            epochs=1,
            verbose=0,
            callbacks=[ALDCallback(n_clusters=3), *board],
        )
    both = stream_of((DATA, DATA), 32)
    with pytest.warns(UserWarning, match="not fixed"):
        vae.fit(
            both, validation_data=both, verbose=0, callbacks=[ALDCallback(n_clusters=3)]
        )
    vae.fit(DATA, DATA, validation_split=0.2, verbose=0)


@pytest.mark.parametrize("stream", [{"x": X}, X, {**DATA, "day": BATCH}])
def test_streams_that_lack_a_condition_are_errors(stream):
    with pytest.raises(ValueError, match="`x` must be arrays by name"):
        conditional_vae().fit(as_stream(stream), verbose=0)


def test_a_condition_of_single_numbers_may_lack_its_axis():
    x, c = keras.Input((6,), name="x"), keras.Input((1,), name="day")
    z, d = keras.Input((5,), name="z"), keras.Input((1,), name="day")
    vae = MaskedVAE(
        keras.Model([x, c], layers.Dense(8)(layers.Concatenate()([x, c]))),
        keras.Model([z, d], layers.Dense(6)(layers.Concatenate()([z, d]))),
        5,
        likelihood="gaussian",
        seed=0,
    )
    vae.compile("adam")
    days = BATCH.astype("float32")
    flat, column = {"x": X, "day": days}, {"x": X, "day": days[:, None]}
    np.testing.assert_array_equal(vae.elbo(flat), vae.elbo(column))
    assert np.isfinite(vae.fit(flat, epochs=1, verbose=0).history["loss"]).all()
    frame = {"x": pd.DataFrame(X), "day": pd.Series(days)}
    np.testing.assert_allclose(vae.elbo(frame), vae.elbo(column), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("condition", "answer"), [("both", 2), ("none", 4)])
def test_a_search_sees_through_the_conditions(condition, answer):
    """Two factors; three batches, which span two dimensions more."""
    rng = np.random.default_rng(1)
    factors, batch = rng.normal(size=(600, 2)), rng.integers(3, size=600)
    directions = np.linalg.qr(rng.normal(size=(6, 4)))[0].T
    triangle = np.array([[0, 1], [0.87, -0.5], [-0.87, -0.5]])
    x = 3 * factors @ directions[:2] + 4 * triangle[batch] @ directions[2:]
    x = (x + rng.normal(size=x.shape)).astype("float32")
    data = {"x": x, "batch": np.eye(3, dtype="float32")[batch]}
    inputs, z = keras.Input((6,), name="x"), keras.Input((8,), name="z")
    encoder, decoder = keras.Model(inputs, layers.Identity()(inputs)), None
    if condition == "both":
        given, again = (keras.Input((3,), name="batch") for _ in range(2))
        joined = layers.Concatenate()([inputs, given])
        encoder = keras.Model([inputs, given], joined)
        parts = [layers.Dense(6)(z), layers.Dense(6, use_bias=False)(again)]
        decoder = keras.Model([z, again], layers.Add()(parts))
    else:
        decoder, data = keras.Model(z, layers.Dense(6)(z)), x
    vae = MaskedVAE(encoder, decoder, 8, likelihood="gaussian", seed=0)
    vae.compile(keras.optimizers.Adam(0.02))
    callback = ALDCallback(n_clusters=3, seed=0)
    fit_data = {"validation_data": (data, batch), "batch_size": 32}
    vae.fit(data, **fit_data, epochs=60, verbose=0, callbacks=[callback])
    assert vae.active_dims == answer


def test_gates_read_the_conditions():
    vae = conditional_vae(GatedVAE, tau=tau_for(DATA, explained=0.05))
    with pytest.warns(UserWarning, match="GatedVAE"):  # too short to decide
        vae.fit(
            DATA, validation_data=(DATA,), epochs=2, verbose=0, callbacks=[GateSearch()]
        )
    error = vae.evaluate(DATA, verbose=0, return_dict=True)["squared_error"]
    assert np.isfinite(error)
    assert compact(vae).latent_dim == vae.active_dims


def test_an_interrupted_run_with_conditions_resumes_bit_for_bit(tmp_path):
    def run(epochs, backup=None):
        vae = conditional_vae()
        callbacks = [ALDCallback(n_clusters=3, seed=0)]
        if backup:
            callbacks.append(
                keras.callbacks.BackupAndRestore(backup, delete_checkpoint=False)
            )
        vae.fit(
            as_stream(DATA),
            validation_data=(DATA, BATCH),
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
        return vae

    whole = run(4)
    run(2, tmp_path / "backup")
    resumed = run(4, tmp_path / "backup")
    for one, other in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(one, other)


# ---- an offset


def test_library_sizes_are_an_offset():
    """Rates proportional to a condition: log rates plus its logarithm."""
    size = RNG.uniform(50, 5000, size=240)
    shares = np.exp(0.5 * FACTORS @ RNG.normal(size=(2, 12)))
    shares /= shares.sum(1, keepdims=True)
    counts = RNG.poisson(size[:, None] * shares).astype("float32")
    data = {"x": counts, "log_size": np.log(size)[:, None].astype("float32")}
    x = keras.Input((12,), name="x")
    features = layers.Dense(16, "relu")(ops.log1p(x))
    z, log_size = keras.Input((6,), name="z"), keras.Input((1,), name="log_size")
    log_rate = layers.Add()([layers.Dense(12)(layers.Dense(16, "relu")(z)), log_size])
    keras.utils.set_random_seed(0)
    vae = MaskedVAE(
        keras.Model(x, features),
        keras.Model([z, log_size], log_rate),
        6,
        likelihood="negative_binomial",
        seed=0,
    )
    vae.compile(keras.optimizers.Adam(0.01))
    vae.fit(data, epochs=20, verbose=0)
    small, large = (vae.generate(50, seed=0, condition=np.log(s)) for s in (100, 1000))
    np.testing.assert_allclose(10 * np.asarray(small), large, rtol=1e-4)
    np.testing.assert_allclose(
        np.asarray(vae.reconstruct(data)).sum(1), counts.sum(1), rtol=0.5
    )


# ---- several modalities

COUNTS = RNG.poisson(np.exp(FACTORS @ RNG.normal(size=(2, 4)))).astype("float32")
SURFACE = (FACTORS @ RNG.normal(size=(2, 6))).reshape(240, 2, 3).astype("float32")
BOTH = {"rna": COUNTS, "surface": SURFACE}
EACH = {"rna": "poisson", "surface": "gaussian"}


def joint_vae(missing=None, likelihood=EACH, kind=MaskedVAE, **options):
    keras.utils.set_random_seed(0)
    rna, surface = keras.Input((4,), name="rna"), keras.Input((2, 3), name="surface")
    joined = layers.Concatenate()([ops.log1p(rna), layers.Flatten()(surface)])
    z = keras.Input((5,), name="z")
    hidden = layers.Dense(8, "tanh")(z)
    outputs = {
        "surface": layers.Reshape((2, 3))(layers.Dense(6)(hidden)),
        "rna": layers.Dense(4)(hidden),
    }
    if kind is MaskedVAE:
        options["missing"] = missing
    vae = kind(
        keras.Model([surface, rna], layers.Dense(8, "tanh")(joined)),
        keras.Model(z, outputs),
        5,
        likelihood=likelihood,
        seed=0,
        **options,
    )
    vae.compile("adam")
    return vae


def test_the_nll_of_modalities_is_the_sum_of_theirs():
    vae = joint_vae()
    assert vae.data_shape == (10,)
    z = RNG.normal(size=(240, 5)).astype("float32")
    decoded = {name: np.asarray(value) for name, value in vae.decode(z).items()}
    expected = -scipy.stats.poisson.logpmf(COUNTS, decoded["rna"]).sum(1)
    surface = scipy.stats.norm.logpdf(SURFACE, decoded["surface"]).sum((1, 2))
    np.testing.assert_allclose(vae.nll(BOTH, z), expected - surface, rtol=1e-4)


def test_modalities_train_prune_and_export(tmp_path):
    vae = joint_vae(likelihood={**EACH, "rna": NegativeBinomial()})
    callback = ALDCallback(n_clusters=3, seed=0)
    vae.fit(
        BOTH,
        validation_data=(BOTH, BATCH),
        epochs=2,
        verbose=0,
        callbacks=[callback],
    )
    vae.latent_mask.deactivate([0])
    small = compact(vae)
    again = {name: np.asarray(value) for name, value in small.reconstruct(BOTH).items()}
    for name, value in vae.reconstruct(BOTH).items():
        np.testing.assert_allclose(again[name], value, atol=1e-5)
    small.save(tmp_path / "small.keras")
    loaded = keras.saving.load_model(tmp_path / "small.keras")
    np.testing.assert_array_equal(loaded.elbo(BOTH), small.elbo(BOTH))
    vae.save(tmp_path / "model.keras")
    export(tmp_path / "model.keras", format="parts", output=tmp_path / "parts.keras")
    decoder = keras.saving.load_model(tmp_path / "parts-decoder.keras")
    encoder = keras.saving.load_model(tmp_path / "parts-encoder.keras")
    decoded = decoder(encoder([COUNTS, SURFACE])[0])
    for name, value in vae.reconstruct(BOTH).items():
        np.testing.assert_allclose(decoded[name], value, atol=1e-5)
    assert vae.size_curve(BOTH).metrics["loss"]


def test_a_compact_model_leaves_the_dispersion_of_its_original():
    """Each has weights of its own, whichever was built last."""
    vae = joint_vae(likelihood={**EACH, "rna": NegativeBinomial()})
    vae.fit(BOTH, epochs=1, verbose=0)
    small = compact(vae)
    before = small.elbo(BOTH)
    vae.compile(keras.optimizers.Adam(0.1))
    vae.fit(BOTH, epochs=3, verbose=0)
    np.testing.assert_array_equal(small.elbo(BOTH), before)
    own, other = (each.likelihood.likelihoods["rna"] for each in (vae, small))
    assert any(own.log_dispersion is weight for weight in vae.likelihood_weights)
    assert any(other.log_dispersion is weight for weight in small.likelihood_weights)


@pytest.mark.slow
def test_a_loaded_joint_model_gives_plain_parts_in_a_new_process(tmp_path):
    """Where Keras begins anew to number what has no name."""
    vae = joint_vae()
    vae.save(tmp_path / "model.keras")
    script = (
        "import keras, ald_keras, sys; "
        "keras.saving.load_model(sys.argv[1]).decoder_model().save(sys.argv[2])"
    )
    files = [str(tmp_path / name) for name in ("model.keras", "decoder.keras")]
    subprocess.run([sys.executable, "-c", script, *files], check=True, env=ENVIRONMENT)
    z = RNG.normal(size=(8, 5)).astype("float32")
    decoded = keras.saving.load_model(files[1])(z)
    for name, value in vae.decode(z).items():
        np.testing.assert_allclose(decoded[name], value, atol=1e-5)


def test_one_modality_is_one_by_name():
    rna, z = keras.Input((4,), name="rna"), keras.Input((5,), name="z")
    vae = MaskedVAE(
        keras.Model(rna, layers.Dense(8)(rna)),
        keras.Model(z, {"rna": layers.Dense(4)(z)}),
        5,
        likelihood={"rna": "poisson"},
    )
    vae.compile("adam")
    vae.fit({"rna": COUNTS}, epochs=1, verbose=0)
    assert vae.reconstruct({"rna": COUNTS})["rna"].shape == (240, 4)


def test_each_modality_is_read_as_its_own_output_ends():
    z = keras.Input((5,))
    inner = keras.Model(z, [layers.Dense(4, "sigmoid")(z), layers.Dense(4)(z)])
    code = keras.Input((5,), name="z")
    share, log_rate = inner(code)
    a, b = keras.Input((4,), name="share"), keras.Input((4,), name="rna", dtype="int32")
    joined = layers.Concatenate()([a, layers.Rescaling(1.0)(b)])
    vae = MaskedVAE(
        keras.Model([b, a], layers.Dense(8)(joined)),
        keras.Model(code, {"share": share, "rna": log_rate}),
        5,
        likelihood={"rna": "poisson", "share": "bernoulli"},
        seed=0,
    )
    likelihoods = vae.likelihood.likelihoods
    assert likelihoods["rna"].linked
    assert not likelihoods["share"].linked
    shares = RNG.uniform(size=(240, 4)).astype("float32")
    data = {"rna": COUNTS.astype("int32"), "share": shares}
    given = vae.encoder([data["rna"], shares])
    np.testing.assert_allclose(vae.encode(data)[0], given[0], atol=1e-6)


def test_weights_of_values_come_by_modality():
    vae = joint_vae()
    ones = {name: np.ones_like(values) for name, values in BOTH.items()}
    losses = [
        joint_vae().fit(BOTH, sample_weight=w, shuffle=False, verbose=0).history["loss"]
        for w in (None, ones)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    none = {"rna": ones["rna"], "surface": 0 * ones["surface"]}
    loss = vae.fit(BOTH, sample_weight=none, shuffle=False, verbose=0).history["loss"]
    assert loss[0] < losses[0][0]


def test_values_may_be_missing_in_one_modality():
    holes = {
        **BOTH,
        "surface": np.where(RNG.uniform(size=SURFACE.shape) < 0.3, np.nan, SURFACE),
    }
    vae = joint_vae(missing="nan")
    terms, _ = vae.elbo_terms(holes)
    other = {**holes, "surface": np.nan_to_num(holes["surface"], nan=7.0)}
    z = np.zeros((240, 5), "float32")
    known = np.isfinite(holes["surface"])
    values = -scipy.stats.norm.logpdf(SURFACE, np.asarray(vae.decode(z)["surface"]))
    rna = -scipy.stats.poisson.logpmf(COUNTS, np.asarray(vae.decode(z)["rna"])).sum(1)
    expected = rna + np.where(known, values, 0).sum((1, 2))
    np.testing.assert_allclose(vae.nll(holes, z), expected, rtol=1e-4)
    assert np.isfinite(np.asarray(terms)).all()
    assert np.isfinite(other["surface"]).all()
    with pytest.raises(ValueError, match=r"x\['surface'\]"):
        joint_vae().fit(holes, verbose=0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"likelihood": {"rna": "poisson", "other": "gaussian"}}, "each modality"),
        ({"likelihood": {"rna": "poisson"}}, "an output by name for each"),
        ({"likelihood": "gaussian"}, "one for each of several outputs"),
    ],
)
def test_modalities_that_do_not_fit_are_errors(change, text):
    with pytest.raises(ValueError, match=text):
        joint_vae(**change)


def test_data_outside_a_modality_s_support_are_named():
    with pytest.raises(ValueError, match=r"`x\['rna'\]`.*counts.*Received: .*-1"):
        joint_vae().fit({**BOTH, "rna": COUNTS - 1}, verbose=0)


def test_a_joint_likelihood_knows_no_shapes_by_itself():
    likelihood = JointLikelihood({"a": NegativeBinomial(True)})
    with pytest.raises(ValueError, match="must know the shapes"):
        likelihood.mean(np.zeros((2, 3), "float32"))
    with pytest.raises(TypeError, match="nll_values"):
        JointLikelihood({"a": object()})


def test_arrays_by_name_are_taken_together():
    arrays = NamedArrays({"a": np.arange(4), "b": np.arange(8).reshape(4, 2)})
    assert len(arrays) == 4
    taken = arrays[[1, 3]]
    np.testing.assert_array_equal(taken.parts["a"], [1, 3])
    np.testing.assert_array_equal(taken.parts["b"], [[2, 3], [6, 7]])
    with pytest.raises(ValueError, match="as many samples each"):
        NamedArrays({"a": np.arange(4), "b": np.arange(3)})


def test_a_modality_beyond_its_output_is_an_error():
    vae = joint_vae(likelihood={"rna": "gaussian", "surface": "gaussian"})
    z = keras.Input((5,))
    outputs = {
        "surface": layers.Reshape((2, 3))(layers.Dense(6)(z)),
        "rna": layers.Dense(4, "relu")(z),
    }
    vae = MaskedVAE(
        vae.encoder,
        keras.Model(z, outputs),
        5,
        {"rna": "gaussian", "surface": "gaussian"},
    )
    vae.compile("adam")
    with pytest.raises(ValueError, match=r"`x\['rna'\]` must lie in \[0, inf\]"):
        vae.fit({**BOTH, "rna": COUNTS - 1.0}, verbose=0)


def test_streams_of_lists_are_observed():
    both = X, ONE_HOT

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            rows = slice(60 * i, 60 * i + 60)
            return (tuple(part[rows] for part in both),)

    vae = MaskedVAE(*networks(), 5, likelihood="gaussian", seed=0)
    vae.compile("adam")
    callback = ALDCallback(n_clusters=3)
    history = vae.fit(
        Batches(), validation_data=Batches(), verbose=0, callbacks=[callback]
    ).history
    assert np.isfinite(history["val_silhouette"]).all()
    assert callback.curve is not None
