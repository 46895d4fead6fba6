"""The formats of an export: how each is written, and read back."""

from ald_keras.export.formats.artifact import (
    Artifact,
    holds_saved_model,
    largest_gap,
    missing,
)
from ald_keras.export.formats.endpoints import methods, plain, plain_float32
from ald_keras.export.formats.keras_files import (
    read_keras,
    read_parts,
    write_keras,
    write_parts,
)
from ald_keras.export.formats.onnx_files import read_onnx, write_onnx
from ald_keras.export.formats.tensorflow_files import (
    read_saved_model,
    read_tflite,
    write_saved_model,
    write_tflite,
)

__all__ = ["ARTIFACTS", "Artifact", "holds_saved_model", "largest_gap", "missing"]

_PARTS = ("-encoder", "-decoder")
_LITERT = ("ai_edge_litert",)
ARTIFACTS = {
    "keras": Artifact(write_keras, read_keras, methods),
    "parts": Artifact(write_parts, read_parts, plain, parts=_PARTS),
    "saved_model": Artifact(
        write_saved_model,
        read_saved_model,
        plain_float32,
        suffix="",
        backend="tensorflow",
    ),
    "tflite": Artifact(
        write_tflite,
        read_tflite,
        plain_float32,
        suffix=".tflite",
        reader=_LITERT,
        backend="tensorflow",
    ),
    "onnx": Artifact(
        write_onnx,
        read_onnx,
        plain_float32,
        suffix=".onnx",
        parts=_PARTS,
        writer=("onnx", "tf2onnx"),
        reader=("onnxruntime",),
        backend="tensorflow",
    ),
}
