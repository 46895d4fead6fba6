"""A format in which a model is exported, and whether files agree with the model."""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras.export.formats.endpoints import Endpoints
from ald_keras.metrics.arrays import as_given
from ald_keras.models.inputs import CODE, DATA

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE

Files = list[pathlib.Path]

_FILE_SUFFIXES = (".keras", ".onnx", ".tflite")


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One format in which a model is written.

    Attributes:
        write: Function of the model and the files.
        read: Function from the files to the functions in them by name: `encode` (data
            to mean and log variance), `decode` (codes to data) and, where it is one
            of them, `reconstruct` (data to data, through the mean).
        written: Function from the model to the functions that the files then hold.
        suffix: String, how the files' names end; empty for a folder.
        parts: What is added to the name of each file.
        writer: Packages that writing needs.
        reader: Packages that reading back needs.
        backend: Keras backend that writing needs; empty for any.
    """

    write: Callable[[LatentVAE, Files], None]
    read: Callable[[Files], Endpoints]
    written: Callable[[LatentVAE], Endpoints]
    suffix: str = ".keras"
    parts: tuple[str, ...] = ("",)
    writer: tuple[str, ...] = ()
    reader: tuple[str, ...] = ()
    backend: str = ""

    def beside(self, folder: pathlib.Path, size: int | None = None) -> pathlib.Path:
        """Where the output goes in a run's folder, unless another place is named.

        Args:
            folder: The run's folder.
            size: Integer, the latent size exported of a model with sampled sizes, or
                `None`. Defaults to `None`.
        """
        name = "compact" if size is None else f"compact-{size}"
        return folder / f"{name}{self.suffix}"

    def files(self, output: pathlib.Path) -> Files:
        """The files that an output named `output` consists of.

        Raises:
            ValueError: If `output` ends in anything but `suffix`.
        """
        if self.suffix:
            fits, expected = output.suffix == self.suffix, f"end in {self.suffix}"
        else:  # a dot in its name is no harm, but it must not pass for another format
            fits, expected = output.suffix not in _FILE_SUFFIXES, "be a folder"
        if not fits:
            raise ValueError(f"`output` must {expected}. Received: {output}")
        stem = output.name.removesuffix(self.suffix)
        return [output.with_name(f"{stem}{part}{self.suffix}") for part in self.parts]

    def check_writable(self, format: str) -> None:
        """Raise an error if the format cannot be written here.

        Raises:
            ImportError: That names a package which writing needs and lacks.
            ValueError: If another Keras backend runs than the one that can write it.
        """
        running = keras.backend.backend()
        if self.backend and running != self.backend:
            raise ValueError(
                f"`format={format!r}` needs the backend {self.backend!r}. Received: "
                f"{running!r}. Set KERAS_BACKEND={self.backend} and export again: it "
                "reads the same model file."
            )
        absent = missing(self.writer)
        if absent:
            raise ImportError(
                f"`format={format!r}` needs the package {absent[0]}: pip install "
                f"{' '.join(absent)}"
            )


def holds_saved_model(folder: pathlib.Path) -> bool:
    """Whether a folder is a SavedModel, and no folder of someone's own."""
    return (folder / "saved_model.pb").is_file()


def missing(packages: tuple[str, ...]) -> list[str]:
    """Those of the packages that are not installed; a module stands for its package."""
    return [
        name.replace("_", "-")
        for name in packages
        if importlib.util.find_spec(name) is None
    ]


def largest_gap(
    artifact: Artifact,
    model: LatentVAE,
    files: Files,
    gap: Callable[[np.ndarray, np.ndarray], float],
) -> float:
    """Largest difference between a model and what is read back of it.

    What is written in float32 is compared in float32.

    Args:
        artifact: The format in which the files were written.
        model: The model that was written.
        files: The files.
        gap: Function of two arrays.

    Returns:
        Float, the largest `gap` of any output; NaN if one is.
    """
    read, written = artifact.read(files), artifact.written(model)
    rng = np.random.default_rng(0)
    # Three sizes, for a batch that is fixed would fail on one of them.
    given = {
        name: _made_up(model, names, samples, rng)
        for name, names, samples in (
            ("encode", model.model_inputs.encoder_names, 5),
            ("decode", model.model_inputs.decoder_names, 3),
            ("reconstruct", model.model_inputs.names, 2),
        )
    }
    gaps = []
    for name, function in read.items():
        sides = [_flat(each(given[name])) for each in (written[name], function)]
        gaps += [gap(*pair) for pair in zip(*sides, strict=True)]
    return float(np.max(gaps))  # not `max`, which may pass over a NaN


def _made_up(
    model: LatentVAE, names: tuple[str, ...], samples: int, rng: np.random.Generator
) -> Any:
    """Values for inputs of these names: one array, or several by name."""
    made = as_given(model.model_inputs.random(rng, samples))
    known = made if isinstance(made, dict) else {DATA: made}
    known[CODE] = rng.standard_normal((samples, model.latent_dim)).astype("float32")
    values = {name: known[name] for name in names}
    return values if len(values) > 1 else values[names[0]]


def _flat(values: Tensor) -> list[np.ndarray]:
    return [ops.convert_to_numpy(value) for value in keras.tree.flatten(values)]
