"""SavedModel and LiteRT, each with the signatures encode, decode, reconstruct."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras

from ald_keras._typing import Tensor
from ald_keras.export.formats.endpoints import Endpoints, plain_float32, unpacked
from ald_keras.models.inputs import CODE, DATA

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE


def write_saved_model(model: LatentVAE, files: list[pathlib.Path]) -> None:
    """Write a folder for TensorFlow."""
    inputs, code = model.model_inputs, (model.latent_dim,)
    data = inputs.signature()
    read = inputs.signature(inputs.encoder_names)
    codes = inputs.signature(inputs.decoder_names, **{CODE: code})
    endpoints = plain_float32(model)

    def encode(x: Any) -> dict[str, Tensor]:
        z_mean, z_log_var = endpoints["encode"](x)
        return {"z_mean": z_mean, "z_log_var": z_log_var}

    def decode(z: Any) -> dict[str, Tensor]:
        return _by_modality(endpoints["decode"](z))

    def reconstruct(x: Any) -> dict[str, Tensor]:
        return _by_modality(endpoints["reconstruct"](x))

    archive = keras.export.ExportArchive()
    # Not `track`ed: Keras finds the weights in the functions anyway, and would write
    # them twice.
    for function, signature in ((encode, read), (decode, codes), (reconstruct, data)):
        archive.add_endpoint(function.__name__, function, input_signature=[signature])
    archive.write_out(str(files[0]), verbose=False)


def _by_modality(means: Any) -> dict[str, Tensor]:
    return means if isinstance(means, dict) else {DATA: means}


def read_saved_model(files: list[pathlib.Path]) -> Endpoints:
    """Read what `write_saved_model` wrote."""
    signatures = {
        # Under a mixed policy it would cast what it is given.
        name: keras.layers.TFSMLayer(str(files[0]), call_endpoint=name, dtype="float32")
        for name in ("encode", "decode", "reconstruct")
    }
    return unpacked(signatures)


def write_tflite(model: LatentVAE, files: list[pathlib.Path]) -> None:
    """Write a file for LiteRT, of operations that each of its runtimes has.

    Raises:
        ValueError: If the network has others, which it names.
    """
    import tensorflow as tf

    folder = files[0].with_suffix("")
    write_saved_model(model, [folder])
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder), signature_keys=["encode", "decode", "reconstruct"]
    )
    # Nothing but what every LiteRT runtime has.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        content = converter.convert()
    except Exception as error:  # the converter's own kind, which is not public
        lacking = sorted(set(re.findall(r"tf\.\w+", str(error))))
        raise ValueError(
            "`format='tflite'`: the network has operations that LiteRT lacks: "
            f"{', '.join(lacking) or str(error)[:300]}"
        ) from error
    files[0].write_bytes(content)


def read_tflite(files: list[pathlib.Path]) -> Endpoints:
    """Read what `write_tflite` wrote, in LiteRT with its plain kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # The plain kernels: an accelerated one may sum in another order, which in a deep
    # network alone adds up to more than what is looked for.
    interpreter = Interpreter(
        model_path=str(files[0]),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    runners = {
        name: _by_name(interpreter.get_signature_runner(name))
        for name in ("encode", "decode", "reconstruct")
    }
    return unpacked(runners)


def _by_name(runner: Any) -> Callable[[Any], Any]:
    """A LiteRT signature as a function of its one input, or of several by name."""
    names = list(runner.get_input_details())

    def function(values: Any) -> Any:
        return runner(**(values if len(names) > 1 else {names[0]: values}))

    return function
