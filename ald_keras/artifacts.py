"""The forms in which a model leaves: how each is written, and read back elsewhere."""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

Files = list[pathlib.Path]
Endpoints = dict[str, Callable[..., Any]]


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One form in which a model is written.

    Attributes:
        write: Function of the model and the files.
        read: Function from the files to the functions in them by name: `encode` (data
            to mean and log variance), `decode` (codes to data) and, where it is one
            of them, `reconstruct` (data to data, through the mean).
        float32: Boolean, whether it is written in float32 whatever the model has.
        suffix: String, how the files' names end; empty for a folder.
        parts: What is added to the name of each file.
        writer: Packages that writing needs.
        reader: Packages that reading back needs.
    """

    write: Callable[[Any, Files], None]
    read: Callable[[Files], Endpoints]
    float32: bool = True
    suffix: str = ".keras"
    parts: tuple[str, ...] = ("",)
    writer: tuple[str, ...] = ()
    reader: tuple[str, ...] = ()

    def files(self, output: pathlib.Path) -> Files:
        """The files that an output named `output` consists of.

        Raises:
            ValueError: If `output` ends in anything but `suffix`.
        """
        wrong = self.suffix and output.suffix != self.suffix
        # A folder may have a dot in its name, but not pass for a file of another form.
        if wrong or (
            not self.suffix and output.suffix in (".keras", ".onnx", ".tflite")
        ):
            raise ValueError(
                f"`output` must {f'end in {self.suffix}' if wrong else 'be a folder'}. "
                f"Received: {output}"
            )
        stem = output.name.removesuffix(self.suffix)
        return [output.with_name(f"{stem}{part}{self.suffix}") for part in self.parts]

    def check_writable(self, format: str) -> None:
        """Raise an `ImportError` that names a package which writing needs and lacks."""
        absent = missing(self.writer)
        if absent:
            raise ImportError(
                f"`format={format!r}` needs the package {absent[0]}: pip install "
                f"{' '.join(absent)}"
            )


def missing(packages: tuple[str, ...]) -> list[str]:
    """Those of the packages that are not installed; a module stands for its package."""
    return [
        name.replace("_", "-")
        for name in packages
        if importlib.util.find_spec(name) is None
    ]


def largest_gap(
    artifact: Artifact, model: Any, files: Files, gap: Callable[[Any, Any], float]
) -> float:
    """Largest difference between a model and what is read back of it.

    A model that computes in half precision is compared as it was written: in float32.

    Args:
        artifact: The form in which the files were written.
        model: The model that was written.
        files: The files.
        gap: Function of two arrays.
    """
    read, written = artifact.read(files), _endpoints(model, artifact.float32)
    rng = np.random.default_rng(0)
    # Three sizes, for a batch that is fixed would fail on one of them.
    x = rng.uniform(size=(5, *model.data_shape)).astype("float32")
    z = rng.standard_normal((3, model.latent_dim)).astype("float32")
    given = {"encode": x, "decode": z, "reconstruct": x[:2]}
    gaps = []
    for name, function in read.items():
        sides = [_flat(each(given[name])) for each in (written[name], function)]
        gaps += [gap(*pair) for pair in zip(*sides, strict=True)]
    return float(np.max(gaps))  # not `max`, which may pass over a NaN


def _flat(values: Any) -> list[np.ndarray]:
    return [ops.convert_to_numpy(value) for value in keras.tree.flatten(values)]


def _endpoints(model: Any, float32: bool) -> Endpoints:
    encoder, decoder = model.encoder_model, model.decoder_model
    if float32:
        encoder, decoder = _float32(encoder), _float32(decoder)
    return {
        "encode": lambda x: encoder(x, training=False),
        "decode": lambda z: decoder(z, training=False),
        "reconstruct": lambda x: decoder(encoder(x, training=False)[0], training=False),
    }


def _write_keras(model: Any, files: Files) -> None:
    model.save(files[0])


def _read_keras(files: Files) -> Endpoints:
    model = keras.saving.load_model(files[0])
    return {name: getattr(model, name) for name in ("encode", "decode", "reconstruct")}


def _write_parts(model: Any, files: Files) -> None:
    model.encoder_model.save(files[0])
    model.decoder_model.save(files[1])


def _read_parts(files: Files) -> Endpoints:
    encoder, decoder = (keras.saving.load_model(file) for file in files)
    return {"encode": encoder, "decode": decoder}


def _write_saved_model(model: Any, files: Files) -> None:
    data = keras.InputSpec(shape=(None, *model.data_shape), dtype="float32", name="x")
    code = keras.InputSpec(shape=(None, model.latent_dim), dtype="float32", name="z")
    endpoints = _endpoints(model, float32=True)

    def encode(x: Any) -> dict[str, Any]:
        z_mean, z_log_var = endpoints["encode"](x)
        return {"z_mean": z_mean, "z_log_var": z_log_var}

    def decode(z: Any) -> dict[str, Any]:
        return {"x": endpoints["decode"](z)}

    def reconstruct(x: Any) -> dict[str, Any]:
        return {"x": endpoints["reconstruct"](x)}

    archive = keras.export.ExportArchive()
    # Not `track`ed: Keras finds the weights in the functions anyway, and would write
    # them twice.
    for function, signature in ((encode, data), (decode, code), (reconstruct, data)):
        archive.add_endpoint(function.__name__, function, input_signature=[signature])
    archive.write_out(str(files[0]), verbose=False)


def _read_saved_model(files: Files) -> Endpoints:
    signatures = {
        name: keras.layers.TFSMLayer(str(files[0]), call_endpoint=name)
        for name in ("encode", "decode", "reconstruct")
    }
    return _unpacked(signatures)


def _write_tflite(model: Any, files: Files) -> None:
    import tensorflow as tf

    folder = files[0].with_suffix("")
    _write_saved_model(model, [folder])
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder), signature_keys=["encode", "decode", "reconstruct"]
    )
    # Nothing but what every LiteRT runtime has.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        content = converter.convert()
    except Exception as error:  # the converter's own kind, which is not public
        raise ValueError(
            "`format='tflite'`: the network has operations that LiteRT lacks: "
            f"{str(error)[:500]}"
        ) from error
    files[0].write_bytes(content)


def _read_tflite(files: Files) -> Endpoints:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # The plain kernels: an accelerated one may sum in another order, which in a deep
    # network alone comes to more than what is looked for.
    interpreter = Interpreter(
        model_path=str(files[0]),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    runners = {
        name: _by_name(interpreter.get_signature_runner(name))
        for name in ("encode", "decode", "reconstruct")
    }
    return _unpacked(runners)


def _by_name(runner: Any) -> Callable[[Any], Any]:
    """A LiteRT signature as a function of its one input."""
    (name,) = runner.get_input_details()
    return lambda values: runner(**{name: values})


def _write_onnx(model: Any, files: Files) -> None:
    encoder, decoder = _float32(model.encoder_model), _float32(model.decoder_model)
    z_mean, z_log_var = encoder.outputs
    # A structure of names is what names an ONNX model's outputs.
    parts = (
        (encoder, {"z_mean": z_mean, "z_log_var": z_log_var}, "x"),
        (decoder, {"x": decoder.outputs[0]}, "z"),
    )
    with warnings.catch_warnings():
        # Keras looks up a name that NumPy announces to define anew one day.
        warnings.simplefilter("ignore", FutureWarning)
        for (part, outputs, name), file in zip(parts, files, strict=True):
            named = keras.Model(part.inputs[0], outputs)
            shape = part.inputs[0].shape
            signature = [keras.InputSpec(shape=shape, dtype="float32", name=name)]
            named.export(
                str(file), format="onnx", input_signature=signature, verbose=False
            )


def _read_onnx(files: Files) -> Endpoints:
    import onnxruntime

    def open_file(file: pathlib.Path) -> Callable[[Any], dict[str, Any]]:
        session = onnxruntime.InferenceSession(
            str(file), providers=["CPUExecutionProvider"]
        )
        (given,) = session.get_inputs()
        names = [output.name for output in session.get_outputs()]
        return lambda values: dict(
            zip(names, session.run(names, {given.name: values}), strict=True)
        )

    encoder, decoder = (open_file(file) for file in files)
    return _unpacked({"encode": encoder, "decode": decoder})


def _unpacked(signatures: dict[str, Callable[[Any], dict[str, Any]]]) -> Endpoints:
    """Endpoints of functions that give their results by name."""

    def endpoint(name: str) -> Callable[[Any], Any]:
        function = signatures[name]
        if name == "encode":
            return lambda x: [function(x)[key] for key in ("z_mean", "z_log_var")]
        return lambda values: function(values)["x"]

    return {name: endpoint(name) for name in signatures}


def _float32(part: keras.Model) -> keras.Model:
    """The model, or a copy that computes in float32 where it does not."""
    if all(layer.compute_dtype == "float32" for layer in part._flatten_layers()):
        return part

    def copy(layer: Any) -> Any:
        typed = isinstance(layer, keras.Layer)  # a bare operation has no type
        dtype = {"dtype": "float32"} if typed else {}
        return type(layer).from_config({**layer.get_config(), **dtype})

    inputs = keras.Input(part.inputs[0].shape[1:], dtype="float32")
    clone = keras.models.clone_model(
        part,
        input_tensors=keras.tree.map_structure(lambda _: inputs, part.input),
        clone_function=copy,
        recursive=True,
    )
    clone.set_weights(part.get_weights())
    return clone


_PARTS = ("-encoder", "-decoder")
_LITERT = ("ai_edge_litert",)
ARTIFACTS = {
    "keras": Artifact(_write_keras, _read_keras, float32=False),
    "parts": Artifact(_write_parts, _read_parts, float32=False, parts=_PARTS),
    "saved_model": Artifact(_write_saved_model, _read_saved_model, suffix=""),
    "tflite": Artifact(_write_tflite, _read_tflite, suffix=".tflite", reader=_LITERT),
    "onnx": Artifact(
        _write_onnx,
        _read_onnx,
        suffix=".onnx",
        parts=_PARTS,
        writer=("onnx", "tf2onnx"),
        reader=("onnxruntime",),
    ),
}
