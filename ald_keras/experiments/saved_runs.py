"""What is told of a run, read back from its folder."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from ald_keras.config import Config, load_config
from ald_keras.datasets import load_dataset
from ald_keras.experiments.runs import read_record
from ald_keras.figures import Curves
from ald_keras.files import read_csv, read_json
from ald_keras.model_files import load_model
from ald_keras.report.model_view import ModelView, view_model
from ald_keras.report.run_facts import Baseline, RunFacts, run_curves


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
    record = _whole(folder)
    config = load_config(folder / "config.yaml")
    view, missing = None, []
    try:
        view = _view(folder, config, data_dir, seed)
    except (OSError, ValueError) as error:
        missing.append(f"figures of the model are left out: {error}")
    facts = RunFacts(
        title=folder.resolve().name,
        folder=str(folder),
        config=config.to_dict(),
        record=record,
        decisions=read_json(folder / "decisions.json"),
        history=_history(folder),
        view=view,
    )
    if baseline is not None:
        other = _baseline(baseline, config)
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
    decisions = read_json(folder / "decisions.json")
    return run_curves(_history(folder), _whole(folder), decisions, label)


def _history(folder: pathlib.Path) -> dict[str, list[float]]:
    path = folder / "history.csv"
    history = read_csv(path)
    if not history.get("epoch") or "active_dims" not in history:
        raise ValueError(
            f"{path} must hold `epoch` and `active_dims` of an epoch or more. "
            f"Received: {sorted(history)}"
        )
    return history


def _whole(folder: pathlib.Path) -> dict[str, Any]:
    record = read_record(folder)
    if record is None:
        raise ValueError(
            f"{folder} holds no whole run: `run.json` and `config.yaml` are needed."
        )
    return record


def _view(
    folder: pathlib.Path, config: Config, data_dir: str | None, seed: int
) -> ModelView:
    options = dict(config.data)
    place = options.pop("dir", None) if data_dir is None else data_dir
    options.pop("dir", None)
    data = load_dataset(config.dataset, place, seed=config.seed, **options)
    model = load_model(folder / "model.keras")
    return view_model(model, data.x_test, data.y_test, data.class_names, seed=seed)


def _baseline(folder: pathlib.Path, config: Config) -> Baseline:
    record = _whole(folder)
    other = load_config(folder / "config.yaml")
    same = ("dataset", "likelihood", "beta")
    differing = [key for key in same if getattr(config, key) != getattr(other, key)]
    if other.method != "fixed" or differing:
        what = f"other {', '.join(differing)}" if differing else "a run with pruning"
        raise ValueError(
            f"`--baseline` must be a run without pruning of the same data set, "
            f"likelihood and beta. Received: {folder}, {what}"
        )
    return Baseline(folder.resolve().name, record, _history(folder))
