"""The files of a training run."""

from __future__ import annotations

import math
import pathlib
import re
import shutil
from typing import Any

import keras
import numpy as np

from ald_keras._typing import JSON
from ald_keras.callbacks import GateSearch
from ald_keras.datasets import Dataset
from ald_keras.export.formats import ARTIFACTS, holds_saved_model
from ald_keras.files.atomic import atomic_path
from ald_keras.files.text_files import write_csv, write_json, write_yaml
from ald_keras.files.versions import versions
from ald_keras.metrics import SizeCurve
from ald_keras.metrics.arrays import rows_of
from ald_keras.models import GatedVAE
from ald_keras.models.compaction import compact
from ald_keras.models.latent_vae import LatentVAE
from ald_keras.reports import RUN_FIGURES, try_to_report
from ald_keras.rules import ALDToTheEndState
from ald_keras.runs.config import Config
from ald_keras.runs.data_record import data_record
from ald_keras.runs.evaluation import evaluate_model, parameter_count
from ald_keras.runs.file_names import (
    CURVE,
    ERROR_FILE,
    REPORT,
    TENSORBOARD,
)
from ald_keras.runs.parts import RunParts
from ald_keras.runs.record import (
    CONFIG,
    RECORD,
    GatedBound,
    OpenBound,
    RuleStop,
    RunRecord,
)
from ald_keras.runs.training import Search

# An export of one size.
_EXPORTED = re.compile(r"compact-(\d{1,9})(?:-|\.|$)")

# Test samples that the size curve is measured on, at most.
_CURVE_SAMPLES = 10_000


def write_run(
    output: pathlib.Path,
    config: Config,
    parts: RunParts,
    model: LatentVAE,
    history: keras.callbacks.History,
    search: Search | None,
    **facts: object,
) -> JSON:
    """Measure a trained model on the test part and write the files of `RUN_FILES`.

    The report is left out where the config says so. One that fails costs a line on
    standard error and nothing else, since the run is whole by then.

    Args:
        output: The run's folder.
        config: The run's config.
        parts: What `load_parts` gave.
        model: The trained model.
        history: The `History` of its training.
        search: The `ALDCallback` or `GateSearch`, or `None`.
        **facts: Further entries of the record, or replacements of its own.

    Returns:
        The record.
    """
    _write_training(output, config, model, history, search)
    data = parts.data
    small = compact(model, keep_optimizer=False)
    kept = np.isin(range(model.latent_dim), model.latent_mask.active_indices)
    measured = {
        name: evaluate_model(
            vae,
            data.x_test,
            parts.n_clusters,
            parts.extractor,
            config.seed,
            data.y_test,
            mask,
        )
        for name, vae, mask in (("test", model, None), ("test_compact", small, kept))
    }
    curve = None
    if hasattr(model, "size_curve"):
        curve = model.size_curve(_first(data.x_test, _CURVE_SAMPLES), seed=config.seed)
        with atomic_path(output / CURVE) as temporary:
            curve.to_csv(temporary)
    record = {
        **_record(config, data, model, history, search),
        "parameters_compact": parameter_count(small),
        **facts,
        "baseline_nll": None if curve is None else curve.baseline_nll,
        "features": None if parts.extractor is None else parts.extractor.name,
        **measured,
    }
    # Written last: a folder that holds it is a whole run.
    write_json(output / RECORD, record)
    if config.report:
        decisions = _decision_log(search)
        try_to_report(
            str(output),
            lambda: _report(
                output, config, data, model, history, decisions, record, curve
            ),
        )
    return record


def load_curve(folder: pathlib.Path) -> SizeCurve | None:
    """A run's size curve, `None` where it was not measured.

    Args:
        folder: The run's folder.

    Raises:
        ValueError: If the file is damaged, naming it.
    """
    path = folder / CURVE
    return SizeCurve.from_csv(path) if path.is_file() else None


def _first(x: Any, samples: int) -> Any:
    """The first samples of data; lazy ones stay lazy."""
    return rows_of(x, slice(samples))


def _report(
    output: pathlib.Path,
    config: Config,
    data: Dataset,
    model: LatentVAE,
    history: keras.callbacks.History,
    decisions: list[dict[str, object]],
    record: JSON,
    curve: SizeCurve | None,
) -> None:
    # These load matplotlib, which nothing else of a run needs.
    from ald_keras.reports.model_view import view_model
    from ald_keras.reports.run_facts import RunFacts
    from ald_keras.reports.run_report import write_run_report

    view = view_model(
        model, data.x_test, data.y_test, data.class_names, seed=config.seed
    )
    facts = RunFacts(
        title=output.name,
        folder=str(output),
        config=config.to_dict(),
        record=record,
        decisions=decisions,
        history={"epoch": history.epoch, **history.history},
        view=view,
        curve=curve,
    )
    write_run_report(output / REPORT, facts)


def _record(
    config: Config,
    data: Dataset,
    model: LatentVAE,
    history: keras.callbacks.History,
    search: Search | None,
) -> RunRecord:
    record: RunRecord = {
        "versions": versions(),
        "seed": config.seed,
        "seconds": None,
        "epochs": len(history.epoch),
        "steps": int(keras.ops.convert_to_numpy(model.optimizer.iterations)),
        "start_dims": config.latent_dim,
        "active_dims": model.active_dims,
        "validation_loss": (history.history.get("val_loss") or [None])[-1],
        "fixed_epoch": None if search is None else search.fixed_epoch,
        "fixed_step": None if search is None else search.fixed_step,
        "status": None if search is None else search.status,
        "outcome": None if search is None else search.result(),
        "elastic": _is_elastic(model),
        "parameters": parameter_count(model),
        **data_record(data),
    }
    state = getattr(search, "state", None)
    if isinstance(state, ALDToTheEndState):
        record["rule_stop"] = _rule_stop(state)
    if isinstance(model, GatedVAE):
        record["bound"] = _bound(model, history, search)
    return record


def _is_elastic(model: LatentVAE) -> bool:
    """Whether sizes were sampled to the end of training."""
    sampling = getattr(model, "size_sampling", None)
    return sampling is not None and sampling.is_on


def _rule_stop(state: ALDToTheEndState) -> RuleStop | None:
    if state.stop_epoch is None or state.stop_dims is None:
        return None
    return {"epoch": state.stop_epoch, "active_dims": state.stop_dims}


def _bound(
    model: GatedVAE, history: keras.callbacks.History, search: Search | None
) -> OpenBound | GatedBound:
    if isinstance(search, GateSearch):
        return {
            "tau": model.tau,
            "tolerance": search.rule.tolerance,
            "error": math.nan if search.error is None else search.error,
            "feasible": search.is_feasible,
            "undecided_gates": len(model.undecided_gates),
            "cause": search.cause,
        }
    errors = history.history["val_squared_error"]
    bound: OpenBound = {
        "tau": model.tau,
        "max_multiplier": model.max_multiplier,
        "lowest_error": min(errors),
    }
    if model.tau > 0.0:
        bound["last_error"] = errors[-1]
    return bound


def _decision_log(search: Search | None) -> list[dict[str, object]]:
    """What `decisions.json` holds: all decisions of a search, none without one."""
    return [] if search is None else [d.to_dict() for d in search.decisions]


def clear_logs(output: pathlib.Path) -> None:
    """Remove what an earlier run in this folder has written for TensorBoard."""
    for events in (output / TENSORBOARD).rglob("events.out.tfevents*"):
        events.unlink()


def _exports(output: pathlib.Path) -> list[pathlib.Path]:
    """What was exported of an earlier run in this folder, of any size."""
    numbers = (_EXPORTED.match(path.name) for path in output.iterdir())
    sizes = {int(found[1]) for found in numbers if found}
    return [
        file
        for artifact in ARTIFACTS.values()
        for size in (None, *sizes)
        for file in artifact.files(artifact.beside(output, size))
    ]


def _write_training(
    output: pathlib.Path,
    config: Config,
    model: LatentVAE,
    history: keras.callbacks.History,
    search: Search | None,
) -> None:
    # A run that is replaced leaves nothing that could be taken for part of this one.
    for name in (RECORD, CURVE, REPORT, ERROR_FILE):
        (output / name).unlink(missing_ok=True)
    for name in RUN_FIGURES:
        (output / "figures" / f"{name}.png").unlink(missing_ok=True)
    for stale in _exports(output):
        if stale.is_file():
            stale.unlink()
        elif holds_saved_model(stale):
            shutil.rmtree(stale)
    write_yaml(output / CONFIG, config.to_dict())
    write_csv(output / "history.csv", {"epoch": history.epoch, **history.history})
    write_json(output / "decisions.json", _decision_log(search))
    with atomic_path(output / "model.keras") as temporary:
        model.save(temporary)
