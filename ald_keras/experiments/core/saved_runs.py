"""A saved run, read back from its folder for figures and reports."""

from __future__ import annotations

import dataclasses
import pathlib
import reprlib
from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from ald_keras._typing import Tensor
from ald_keras.datasets import Dataset, load_dataset
from ald_keras.experiments.core.statistics import mean_and_sd
from ald_keras.files.model_files import load_model
from ald_keras.files.text_files import read_csv, read_json
from ald_keras.models.latent_vae import LatentVAE
from ald_keras.reports.figures import Curves, SizeLine, SizePoint
from ald_keras.reports.model_view import ModelView, view_model
from ald_keras.reports.run_facts import (
    Baseline,
    RunFacts,
    curve_when_fixed,
    run_curves,
)
from ald_keras.rules import Decision
from ald_keras.runs.config import Config, load_config
from ald_keras.runs.record import NEEDED, RECORD, check_needed, read_record
from ald_keras.runs.run_files import load_curve


def load_facts(
    folder: pathlib.Path,
    data_dir: str | None = None,
    seed: int = 0,
    baseline: pathlib.Path | None = None,
) -> tuple[RunFacts, list[str]]:
    """Read a run for its figures and report.

    Where the data cannot be loaded, nothing can be shown of the model.

    Args:
        folder: Folder of a whole run.
        data_dir: Folder with the data, or `None` for the config's. Defaults to `None`.
        seed: Integer >= 0 of the samples shown. Defaults to 0.
        baseline: Folder of a run of fixed size to compare with. Defaults to `None`.

    Returns:
        The run, and sentences on what could not be loaded.

    Raises:
        ValueError: If a run is not whole, or a file is damaged.
        OSError: If a file is missing.
    """
    record = _whole(folder, NEEDED)
    config = load_config(folder / "config.yaml")
    view, missing = None, []
    data, lacking = _load_data(config, data_dir)
    if data is not None and not (folder / "model.keras").is_file():
        lacking = f"there is no {folder / 'model.keras'}"
    if lacking:
        missing.append(f"figures of the model are left out: {lacking}")
    elif data is not None:
        view = _view(folder, data, seed)
    facts = RunFacts(
        title=folder.resolve().name,
        folder=str(folder),
        config=config.to_dict(),
        record=record,
        decisions=_decisions(folder),
        history=_history(folder),
        view=view,
        curve=load_curve(folder),
    )
    if baseline is not None:
        other = _baseline(baseline, config, view)
        if data is not None:
            _check_test_part(baseline, config, data, data_dir)
        if view is not None and other.reconstructed is None:
            path = baseline / "model.keras"
            missing.append(
                f"what it makes of the samples is left out: there is no {path}"
            )
        facts = dataclasses.replace(facts, baseline=other)
    return facts, missing


def load_curves(folder: pathlib.Path, label: str) -> Curves:
    """A run's curves.

    Args:
        folder: Folder of a whole run.
        label: How a legend names it.

    Raises:
        ValueError: If the run is not whole, or a file is damaged.
        OSError: If a file is missing.
    """
    return run_curves(_history(folder), _whole(folder), _decisions(folder), label)


def load_curve_when_fixed(folder: pathlib.Path, label: str) -> SizeLine | None:
    """The size curve on which a run's size was fixed, `None` where none was read.

    Args:
        folder: Folder of a whole run.
        label: How a legend names it.

    Raises:
        ValueError: If a file is damaged.
        OSError: If a file is missing.
    """
    return curve_when_fixed(_decisions(folder), label)


def scratch_points(
    scratch: Mapping[int, Sequence[float]], elbo: float
) -> list[SizePoint]:
    """What sizes from scratch lose against an ELBO, ascending.

    Args:
        scratch: Mapping from sizes to test ELBO, one a seed; may be empty.
        elbo: The ELBO to compare with, nats per sample.
    """
    points = []
    for size in sorted(scratch):
        mean, sd = mean_and_sd(scratch[size])
        points.append(SizePoint(size, elbo - (mean or 0.0), sd))
    return points


def _history(folder: pathlib.Path) -> Mapping[str, list[float]]:
    """Columns of `history.csv`, in which epochs and sizes are numbers that can be."""
    path = folder / "history.csv"
    history = read_csv(path)
    if not history.get("epoch") or "active_dims" not in history:
        raise ValueError(
            f"{path} must hold `epoch` and `active_dims` of an epoch or more. "
            f"Received: {sorted(history)}"
        )
    for name in ("epoch", "active_dims"):
        wrong = [value for value in history[name] if not 0 <= value < 1 << 31]
        if wrong:
            raise ValueError(
                f"{path}: `{name}` must hold numbers of at least 0. "
                f"Received: {wrong[0]}"
            )
    return history


def _decisions(folder: pathlib.Path) -> list[dict[str, object]]:
    """What `decisions.json` holds, in plain types."""
    path = folder / "decisions.json"
    decisions = read_json(path)
    if not isinstance(decisions, list):
        raise ValueError(
            f"{path} must hold a list of decisions. Received: {reprlib.repr(decisions)}"
        )
    try:
        return [Decision.from_dict(decision).to_dict() for decision in decisions]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} must hold decisions: {error}") from error


def _whole(folder: pathlib.Path, needed: Iterable[str] = ()) -> dict[str, object]:
    record = read_record(folder)
    if record is None:
        raise ValueError(
            f"{folder} holds no whole run: `run.json` and `config.yaml` are needed."
        )
    check_needed(folder / RECORD, record, needed)
    return record


def _load_data(config: Config, data_dir: str | None) -> tuple[Dataset | None, str]:
    """The run's data, or why they cannot be loaded."""
    options = dict(config.data)
    place = options.pop("dir", None) if data_dir is None else data_dir
    options.pop("dir", None)
    try:
        return load_dataset(config.dataset, place, seed=config.seed, **options), ""
    except (OSError, ValueError) as error:
        return None, str(error)


def _model(folder: pathlib.Path, data_shape: tuple[int, ...]) -> LatentVAE:
    path = folder / "model.keras"
    model = load_model(path)
    if model.data_shape != data_shape:
        raise ValueError(
            f"{path} must hold a model of data of shape {data_shape}. "
            f"Received: {model.data_shape}"
        )
    return model


def _check_test_part(
    folder: pathlib.Path, config: Config, data: Dataset, data_dir: str | None
) -> None:
    """Raise a `ValueError` where a baseline was tested on other samples."""
    other = load_config(folder / "config.yaml")
    # The seed may decide which samples are the test part.
    decisive = [(c.seed, {**c.data, "dir": None}) for c in (config, other)]
    if decisive[0] == decisive[1]:
        return
    found, lacking = _load_data(other, data_dir)
    if found is None or not _equal(found.x_test, data.x_test):
        why = f": {lacking}" if lacking else ""
        raise ValueError(
            "`--baseline` must be a run with the same test part. Received: "
            f"{folder}, with other `data` or another `seed`{why}"
        )


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether samples are the same, compared block by block."""
    return len(one) == len(other) and all(
        np.array_equal(one[start : start + 256], other[start : start + 256])
        for start in range(0, len(one), 256)
    )


def _view(folder: pathlib.Path, data: Dataset, seed: int) -> ModelView:
    model = _model(folder, data.data_shape)
    return view_model(model, data.x_test, data.y_test, data.class_names, seed=seed)


def _baseline(folder: pathlib.Path, config: Config, view: ModelView | None) -> Baseline:
    record = _whole(folder, ("test", "epochs", "active_dims"))
    other = load_config(folder / "config.yaml")
    same = ("dataset", "likelihood", "beta")
    differing = [key for key in same if getattr(config, key) != getattr(other, key)]
    if other.method != "fixed" or differing:
        what = f"other {', '.join(differing)}" if differing else "a run with pruning"
        raise ValueError(
            f"`--baseline` must be a run without pruning of the same data set, "
            f"likelihood and beta. Received: {folder}, {what}"
        )
    reconstructed = None
    if view is not None and (folder / "model.keras").is_file():
        model = _model(folder, view.originals.shape[1:])
        reconstructed = keras.ops.convert_to_numpy(model.reconstruct(view.originals))
    return Baseline(folder.resolve().name, record, _history(folder), reconstructed)
