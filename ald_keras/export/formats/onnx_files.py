"""ONNX: one file for the encoder, one for the decoder."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras

from ald_keras._typing import Tensor
from ald_keras.export.formats.endpoints import Endpoints, unpacked
from ald_keras.export.formats.float32 import float32
from ald_keras.models.inputs import DATA

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE


def write_onnx(model: LatentVAE, files: list[pathlib.Path]) -> None:
    """Write two files, whose inputs and outputs are named as the signatures elsewhere.

    Raises:
        ValueError: If the network has an operation that ONNX lacks.
    """
    encoder, decoder = float32(model.encoder_model()), float32(model.decoder_model())
    z_mean, z_log_var = encoder.outputs
    means = (
        decoder.output if isinstance(decoder.output, dict) else {DATA: decoder.output}
    )
    inputs = model.model_inputs
    # A structure of names is what names an ONNX model's outputs.
    parts = (
        (encoder, {"z_mean": z_mean, "z_log_var": z_log_var}, inputs.encoder_names),
        (decoder, means, inputs.decoder_names),
    )
    for (part, outputs, names), file in zip(parts, files, strict=True):
        signature = [
            keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=name)
            for name, tensor in zip(names, part.inputs, strict=True)
        ]
        read = part.inputs if len(names) > 1 else part.inputs[0]
        try:
            _export_onnx(keras.Model(read, outputs), signature, file)
        except Exception as error:  # of many kinds, none of them public
            raise ValueError(
                "`format='onnx'`: the network cannot be written in ONNX: "
                f"{str(error)[:300]}"
            ) from error


def _export_onnx(
    model: keras.Model, signature: list[keras.InputSpec], file: pathlib.Path
) -> None:
    import onnx

    with warnings.catch_warnings():
        # Keras looks up a name that NumPy announces to define anew one day.
        warnings.simplefilter("ignore", FutureWarning)
        model.export(
            str(file),
            format="onnx",
            input_signature=[signature] if len(signature) > 1 else signature,
            verbose=False,
        )
    # An operation that ONNX lacks is written all the same.
    onnx.checker.check_model(str(file))


def read_onnx(files: list[pathlib.Path]) -> Endpoints:
    """Read what `write_onnx` wrote, in ONNX Runtime on the CPU."""
    import onnxruntime

    def open_file(file: pathlib.Path) -> Callable[[Any], dict[str, Tensor]]:
        session = onnxruntime.InferenceSession(
            str(file), providers=["CPUExecutionProvider"]
        )
        given = [each.name for each in session.get_inputs()]
        names = [output.name for output in session.get_outputs()]

        def run(values: Any) -> dict[str, Tensor]:
            read = values if len(given) > 1 else {given[0]: values}
            return dict(zip(names, session.run(names, read), strict=True))

        return run

    encoder, decoder = (open_file(file) for file in files)
    return unpacked({"encode": encoder, "decode": decoder})
