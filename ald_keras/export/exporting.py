"""A trained run's smaller model, written, read back and measured."""

from __future__ import annotations

import contextlib
import pathlib

from ald_keras._typing import JSON
from ald_keras._validation import check_choice
from ald_keras.export.formats import (
    ARTIFACTS,
    Artifact,
    holds_saved_model,
    largest_gap,
    missing,
)
from ald_keras.files.atomic import atomic_path
from ald_keras.files.model_files import load_model
from ald_keras.models.compaction import (
    TOLERANCE,
    can_slice_optimizer,
    compact,
    kept_dims,
    largest_difference,
    relative_difference,
)
from ald_keras.models.graph import is_places
from ald_keras.models.latent_vae import LatentVAE
from ald_keras.runs.evaluation import parameter_count
from ald_keras.runs.record import RECORD, load_record
from ald_keras.runs.run_files import load_curve


def export(
    model_path: pathlib.Path,
    output: pathlib.Path | None = None,
    format: str = "keras",
    overwrite: bool = False,
    baseline: pathlib.Path | None = None,
    size: int | None = None,
) -> JSON:
    """Write the smaller model, read it back, and report what has changed.

    The formats are

    - `"keras"`: one file, a model of the same class;
    - `"parts"`: encoder and decoder as plain Keras models that load without this
      library;
    - `"saved_model"`: a folder for TensorFlow, and `"tflite"`: a file for LiteRT, both
      with the signatures `encode`, `decode` and `reconstruct`;
    - `"onnx"`: encoder and decoder for ONNX runtimes.

    The last three are float32, take any batch size and are deterministic: they
    reconstruct from the posterior mean.

    Args:
        model_path: `.keras` file of a model with a latent mask.
        output: File to write, ending as its format does; a folder for
            `"saved_model"`. Defaults to `compact` beside the model, with that ending.
            With `"parts"` and `"onnx"`, `-encoder` and `-decoder` are added to its
            name.
        format: One of the formats. Defaults to `"keras"`.
        overwrite: Boolean, replace files that are there. Defaults to `False`.
        baseline: Folder of a run of fixed size to take the metrics before compression
            from. Defaults to the model itself.
        size: Integer, latent size to export of a model with sampled sizes (`elastic:
            true`). Defaults to `None`: all active dimensions.

    Returns:
        `before` and `after` (dimensions, parameters, bytes and, where `run.json` and
        `size_curve.csv` stand beside the model, test metrics), `largest_difference`
        between the masked and the smaller model, `read_back` (the same between the
        smaller model and the files; `None` where a package to read them is missing,
        which `not_read_back` names), `optimizer` (`"fresh"` where its state cannot be
        sliced, else `"kept"`), `places` (whether the decoder stands behind the layer
        `latent_places`, as no Dense layer reads the code) and `files`.

    Raises:
        ImportError: If a package that the format needs is missing.
        OSError: If a file is missing or cannot be written.
        RuntimeError: If what is read back differs by more than 1e-5.
        ValueError: If the model cannot be loaded, cannot be written in this format, has
            no such size, or a file is there already.
    """
    artifact = ARTIFACTS[check_choice("format", format, ARTIFACTS)]
    artifact.check_writable(format)
    if output is None:
        output = artifact.beside(model_path.parent, size)
    files = artifact.files(output)
    for file in files:
        _check_free(file, model_path, overwrite)
    model = load_model(model_path)
    keep = can_slice_optimizer(model)
    small = compact(model, keep_optimizer=keep, size=size)
    before = baseline / "model.keras" if baseline else model_path
    wide = load_model(before) if baseline else model
    report: JSON = {
        "before": {
            **_size(wide),
            "bytes": before.stat().st_size,
            **_measured(before.parent, wide.active_dims),
            **_test_metrics(before.parent, "test", wide.active_dims),
        },
        "after": {
            **_size(small),
            **_measured(model_path.parent, small.latent_dim),
            **_test_metrics(model_path.parent, "test_compact", small.latent_dim),
        },
        "largest_difference": _difference(model, small, size),
        "optimizer": "kept" if keep else "fresh",
        "places": any(map(is_places, small.latent_input_layers)),
        "not_read_back": missing(artifact.reader),
        "files": [str(file) for file in files],
    }
    with contextlib.ExitStack() as stack:
        temporaries = [
            stack.enter_context(atomic_path(file, folder_too=True)) for file in files
        ]
        artifact.write(small, temporaries)
        report["read_back"] = _read_back(artifact, small, temporaries)
    report["after"]["bytes"] = sum(_bytes(file) for file in files)
    return report


def _difference(model: LatentVAE, small: LatentVAE, size: int | None) -> float:
    if size is None:
        return largest_difference(model, small)
    with model.latent_mask.only(kept_dims(model, size)):
        return largest_difference(model, small)


def _measured(folder: pathlib.Path, size: int) -> dict[str, float]:
    """Losses and the increase at a size, of a run whose size curve was measured."""
    curve = load_curve(folder)
    if curve is None or size not in curve.sizes:
        return {}
    at = curve.sizes.index(size)
    return {
        "loss": curve.metrics["loss"][at],
        "reconstruction_loss": curve.metrics["reconstruction"][at],
        "increase": curve.increase[at],
    }


def _check_free(file: pathlib.Path, model_path: pathlib.Path, overwrite: bool) -> None:
    if file.resolve() == model_path.resolve():
        raise ValueError(f"`output` must not be the model itself: {file}")
    if file.exists() and not overwrite:
        raise ValueError(f"{file} exists already: pass --overwrite to replace it.")
    if file.is_dir() and not holds_saved_model(file):
        raise ValueError(f"{file} is a folder that holds no SavedModel to replace.")


def _read_back(
    artifact: Artifact, small: LatentVAE, files: list[pathlib.Path]
) -> float | None:
    if missing(artifact.reader):
        return None
    gap = largest_gap(artifact, small, files, relative_difference)
    if not gap <= TOLERANCE:
        raise RuntimeError(
            f"What is read back must agree with the model to {TOLERANCE}. Received: a "
            f"difference of {gap:.3g}"
        )
    return gap


def _bytes(path: pathlib.Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _size(model: LatentVAE) -> JSON:
    return {"dimensions": model.latent_dim, "parameters": parameter_count(model)}


def _test_metrics(folder: pathlib.Path, part: str, active_dims: int) -> JSON:
    """Test metrics of a run, unless there is none or its model has another size."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    metrics = load_record(path).get(part, {})
    if metrics.get("active_dims") != active_dims:
        return {}
    names = ("reconstruction_loss", "silhouette")
    if not metrics.keys() >= {*names}:
        raise ValueError(f"{path}: {part!r} must hold {list(names)}.")
    return {name: metrics[name] for name in names}
