"""Every form in which a model is written, read by the runtime that it is for."""

import dataclasses
import functools
import importlib.util
import shutil

import keras
import numpy as np
import pytest
from builders import digits, small_vae

from ald_keras import MaskedVAE
from ald_keras.architectures import build_architecture
from ald_keras.export.command import main
from ald_keras.export.exporting import export
from ald_keras.export.formats import ARTIFACTS
from ald_keras.export.formats.float32 import float32

PORTABLE = ("saved_model", "tflite", "onnx")
SUFFIX = {"saved_model": "", "tflite": ".tflite", "onnx": ".onnx"}
KEPT = [1, 2, 5, 6, 7]
X = digits(7)


def masked(tmp_path, vae):
    vae.latent_mask.deactivate([0, 3, 4])
    vae.save(tmp_path / "model.keras")
    return vae


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A masked model, which nobody changes, and the folder of its file."""
    folder = tmp_path_factory.mktemp("trained")
    vae = small_vae(8)
    vae.compile()
    vae.fit(digits(64), epochs=1, verbose=0)
    return masked(folder, vae), folder


@pytest.fixture
def vae(trained, tmp_path):
    shutil.copy(trained[1] / "model.keras", tmp_path)
    return trained[0]


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """A function from a format to a folder with its files, which nobody changes."""

    @functools.cache
    def make(format):
        folder = tmp_path_factory.mktemp(format)
        shutil.copy(trained[1] / "model.keras", folder)
        return folder, export(folder / "model.keras", format=format)

    return make


def run_saved_model(folder):
    import tensorflow as tf

    signatures = tf.saved_model.load(str(folder)).signatures
    return {
        name: lambda name=name, **given: signatures[name](**given)
        for name in ("encode", "decode", "reconstruct")
    }


def run_tflite(file):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(model_path=str(file))
    assert sorted(interpreter.get_signature_list()) == [
        "decode",
        "encode",
        "reconstruct",
    ]
    return {
        name: interpreter.get_signature_runner(name)
        for name in ("encode", "decode", "reconstruct")
    }


def run_onnx(file):
    runtime = pytest.importorskip("onnxruntime")

    def signature(part):
        session = runtime.InferenceSession(str(file.with_name(f"compact-{part}.onnx")))
        names = [output.name for output in session.get_outputs()]
        return lambda **given: dict(zip(names, session.run(None, given), strict=True))

    return {"encode": signature("encoder"), "decode": signature("decoder")}


RUNNERS = {"saved_model": run_saved_model, "tflite": run_tflite, "onnx": run_onnx}


def check_agreement(vae, folder, format, x):
    """Compare with the masked model that was exported, not with what was written."""
    run = RUNNERS[format](folder / f"compact{SUFFIX[format]}")
    means, log_vars = vae.encode(x)
    codes = np.random.default_rng(0).standard_normal((3, 8)).astype("float32")
    codes[:, [0, 3, 4]] = 0.0
    posterior = run["encode"](x=x)
    assert sorted(posterior) == ["z_log_var", "z_mean"]
    pairs = [
        (posterior["z_mean"], np.asarray(means)[:, KEPT]),
        (posterior["z_log_var"], np.asarray(log_vars)[:, KEPT]),
        (run["decode"](z=codes[:, KEPT])["x"], vae.decode(codes)),
    ]
    if format != "onnx":
        pairs.append((run["reconstruct"](x=x[:2])["x"], vae.reconstruct(x[:2])))
    for got, expected in pairs:
        assert np.asarray(got).dtype == np.float32
        np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("format", PORTABLE)
def test_its_runtime_computes_what_the_masked_model_does(trained, exported, format):
    folder, report = exported(format)
    assert report["not_read_back"] == []
    assert report["read_back"] <= 1e-5
    check_agreement(trained[0], folder, format, X)


@pytest.mark.slow
@pytest.mark.parametrize("format", PORTABLE)
@pytest.mark.parametrize(
    ("name", "shape"), [("conv", (32, 32, 3)), ("video", (4, 16, 16, 3))]
)
def test_other_networks(tmp_path, name, shape, format):
    parts = build_architecture(name, shape, 8, seed=0)
    vae = masked(tmp_path, MaskedVAE(*parts, 8, seed=0))
    assert export(tmp_path / "model.keras", format=format)["read_back"] <= 1e-5
    x = np.random.default_rng(1).random((4, *shape)).astype("float32")
    check_agreement(vae, tmp_path, format, x)


@pytest.fixture
def mixed_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("format", ARTIFACTS)
def test_a_model_in_half_precision(tmp_path, mixed_policy, format):
    masked(tmp_path, small_vae(8))
    report = export(tmp_path / "model.keras", format=format)
    assert report["read_back"] <= 1e-5
    if format not in PORTABLE:
        return
    run = RUNNERS[format](tmp_path / f"compact{SUFFIX[format]}")
    assert np.asarray(run["encode"](x=X)["z_mean"]).dtype == np.float32


@pytest.mark.usefixtures("mixed_policy")
def test_wrapped_layers_are_written_in_float32_too():
    inputs = keras.Input((4, 6))
    hidden = keras.layers.TimeDistributed(keras.layers.Dense(3))(inputs)
    outputs = keras.layers.Bidirectional(keras.layers.SimpleRNN(2))(hidden)
    model = keras.Model(inputs, outputs)
    copy = float32(model)
    x = np.random.default_rng(0).random((5, 4, 6)).astype("float32")
    assert copy(x).dtype == "float32"
    wrapped = copy.layers[1].layer, copy.layers[2].forward_layer
    assert [layer.compute_dtype for layer in wrapped] == ["float32", "float32"]
    # Halves have 8 bits: it is the same function, computed better.
    np.testing.assert_allclose(copy(x), np.asarray(model(x), "float32"), atol=0.05)
    assert float32(copy) is copy


def test_a_saved_model_holds_each_weight_once(exported):
    folder, report = exported("saved_model")
    weights = folder / "compact" / "variables" / "variables.data-00000-of-00001"
    assert weights.stat().st_size < 1.2 * 4 * report["after"]["parameters"]
    written = [f for f in (folder / "compact").rglob("*") if f.is_file()]
    assert report["after"]["bytes"] == sum(file.stat().st_size for file in written)


@pytest.mark.parametrize("format", ARTIFACTS)
def test_files_are_replaced_only_when_told(exported, tmp_path, capsys, format):
    folder = tmp_path / "run"
    shutil.copytree(exported(format)[0], folder)
    model = str(folder / "model.keras")
    assert main([model, "--format", format]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([model, "--format", format, "--overwrite"]) == 0
    assert {file.name for file in folder.iterdir()} == {
        file.name for file in exported(format)[0].iterdir()
    }


def test_only_a_saved_model_is_replaced_by_one(vae, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").write_text("mine")
    arguments = ["--format", "saved_model", "--output", str(tmp_path / "photos")]
    assert main([str(tmp_path / "model.keras"), "--overwrite", *arguments]) == 2
    assert "holds no SavedModel" in capsys.readouterr().err
    assert (tmp_path / "photos" / "mine.jpg").read_text() == "mine"


@pytest.mark.parametrize(
    ("format", "output", "message"),
    [
        ("onnx", "small.keras", "must end in .onnx"),
        ("tflite", "small", "must end in .tflite"),
        ("saved_model", "small.keras", "must be a folder"),
    ],
)
def test_the_ending_must_fit(vae, tmp_path, capsys, format, output, message):
    arguments = ["--format", format, "--output", str(tmp_path / output)]
    assert main([str(tmp_path / "model.keras"), *arguments]) == 2
    assert message in capsys.readouterr().err


def lacking(monkeypatch, *packages):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name in packages else find(name, *rest),
    )


def test_a_missing_writer_is_named(vae, tmp_path, capsys, monkeypatch):
    lacking(monkeypatch, "tf2onnx")
    assert main([str(tmp_path / "model.keras"), "--format", "onnx"]) == 2
    error = capsys.readouterr().err
    assert "pip install tf2onnx" in error
    assert error.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    ("format", "package"), [("onnx", "onnxruntime"), ("tflite", "ai_edge_litert")]
)
def test_without_its_runtime_a_file_is_written_and_the_gap_told(
    vae, tmp_path, capsys, monkeypatch, format, package
):
    lacking(monkeypatch, package)
    assert main([str(tmp_path / "model.keras"), "--format", format]) == 0
    assert package.replace("_", "-") in capsys.readouterr().out
    monkeypatch.undo()
    check_agreement(vae, tmp_path, format, X)


def spoil_weight(model):
    kernel = model.decoder.layers[-2].kernel
    kernel.assign(keras.ops.convert_to_numpy(kernel) + 1e-3)


def spoil_with_nan(model):
    model.decoder.layers[-2].bias.assign(np.full(64, np.nan))


@pytest.mark.parametrize(
    ("spoil", "format"),
    [
        *((spoil_weight, format) for format in ARTIFACTS),
        (spoil_with_nan, "keras"),
        # What compares is the same for all of them.
        *(
            pytest.param(spoil_with_nan, format, marks=pytest.mark.slow)
            for format in ARTIFACTS
            if format != "keras"
        ),
    ],
)
def test_what_does_not_agree_is_not_written(
    vae, tmp_path, capsys, monkeypatch, spoil, format
):
    # A file of another model than the one that it is compared with.
    artifact = ARTIFACTS[format]

    def write(model, files):
        other = keras.models.clone_model(model)
        other.set_weights(model.get_weights())
        spoil(other)
        artifact.write(other, files)

    spoilt = dataclasses.replace(artifact, write=write)
    monkeypatch.setitem(ARTIFACTS, format, spoilt)
    assert main([str(tmp_path / "model.keras"), "--format", format]) == 2
    assert "read back must agree" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]


@keras.saving.register_keras_serializable("tests")
def without_a_builtin(x):
    return keras.ops.erfinv(0.9 * keras.ops.tanh(x))


@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_operations_that_a_format_lacks_are_named(tmp_path, capsys, format):
    decoder = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(64, activation=without_a_builtin),
            keras.layers.Reshape((8, 8, 1)),
        ]
    )
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    masked(tmp_path, MaskedVAE(encoder, decoder, 8, likelihood="gaussian"))
    assert main([str(tmp_path / "model.keras"), "--format", format]) == 2
    error = capsys.readouterr().err
    assert "Erfinv" in error
    assert error.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]


@keras.saving.register_keras_serializable("tests")
class OutsideKeras:
    """A likelihood whose mean is TensorFlow's own."""

    def nll(self, x, output):
        return keras.ops.sum(keras.ops.square(x - output), axis=(1, 2, 3))

    def mean(self, output):
        import tensorflow as tf

        return tf.nn.relu(output)

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls()


@pytest.mark.tensorflow
def test_a_mean_outside_keras(tmp_path, capsys):
    masked(tmp_path, small_vae(8, likelihood=OutsideKeras()))
    assert main([str(tmp_path / "model.keras")]) == 0
    assert main([str(tmp_path / "model.keras"), "--format", "parts"]) == 2
    assert (
        "`likelihood.mean` must be written with `keras.ops`" in capsys.readouterr().err
    )
