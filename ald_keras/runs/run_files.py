"""What a training run is measured with, and the files that it leaves."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shutil
from typing import Any

import keras
import numpy as np

from ald_keras.datasets import Dataset, LazySamples, load_dataset
from ald_keras.export.formats import ARTIFACTS, holds_saved_model
from ald_keras.files.atomic import atomic_path
from ald_keras.files.text_files import write_csv, write_json, write_yaml
from ald_keras.files.versions import versions
from ald_keras.metrics import FeatureExtractor, SizeCurve, build_extractor
from ald_keras.models.compaction import compact
from ald_keras.reports import RUN_FIGURES, try_to_report
from ald_keras.rules import ALDToTheEndState
from ald_keras.runs.checkpoint import CHECKPOINT
from ald_keras.runs.config import Config
from ald_keras.runs.evaluation import evaluate_model, parameter_count

REPORT = "report.html"
CURVE = "size_curve.csv"
RUN_FILES = (
    *("model.keras", "history.csv", "decisions.json", "config.yaml", "run.json"),
    *(CURVE, REPORT),
)

# An export of one size.
_EXPORTED = re.compile(r"compact-(\d{1,9})(?:-|\.|$)")

# Test samples that the size curve is measured on, at most.
_CURVE_SAMPLES = 10_000

# Beside what a run of an experiment that failed has left: why.
ERROR_FILE = "error.txt"

# Training samples that the features are tried on before training.
_CHECKED = 256

TENSORBOARD = "tensorboard"


@dataclasses.dataclass(frozen=True, eq=False)
class RunParts:
    """What a run needs beside its model.

    Args:
        data: The data set, split.
        extractor: What the Frechet distances are taken on.
        n_clusters: Integer >= 2, clusters of the silhouette.
    """

    data: Dataset
    extractor: FeatureExtractor
    n_clusters: int


def load_parts(config: Config) -> RunParts:
    """Load a run's data, and check before training what its final figures need.

    Args:
        config: The run's config.

    Raises:
        ValueError: If the config does not fit the data.
        OSError: If data are missing.
    """
    options = dict(config.data)
    data = load_dataset(
        config.dataset, options.pop("dir", None), seed=config.seed, **options
    )
    extractor = build_extractor(
        config.probe.features, data.data_shape, weights=config.probe.weights
    )
    extractor.check_data(data.x_train[:_CHECKED])
    return RunParts(data, extractor, _count_clusters(config, data))


def _count_clusters(config: Config, data: Dataset) -> int:
    clusters = config.probe.n_clusters or data.n_classes or 10
    if clusters >= len(data.x_test):
        raise ValueError(
            "`probe.n_clusters` must be below the number of test samples. Received: "
            f"{clusters} clusters and {len(data.x_test)} samples"
        )
    return clusters


def write_run(
    output: pathlib.Path,
    config: Config,
    parts: RunParts,
    model: Any,
    history: Any,
    pruning: Any,
    **figures: Any,
) -> dict[str, Any]:
    """Measure a trained model on the test part and write the files of `RUN_FILES`.

    The report is left out where the config says so. One that fails costs a line on
    standard error and nothing else, since the run is whole by then.

    Args:
        output: The run's folder.
        config: The run's config.
        parts: What `load_parts` gave.
        model: The trained model.
        history: The `History` of its training.
        pruning: The `ALDCallback`, or `None`.
        **figures: What else belongs into `run.json`, or replaces what it would hold.

    Returns:
        What `run.json` holds.
    """
    _write_training(output, config, model, history, pruning)
    data = parts.data
    small = compact(model, keep_optimizer=False)
    measured = {
        name: evaluate_model(
            part,
            data.x_test,
            parts.n_clusters,
            parts.extractor,
            config.seed,
            data.y_test,
        )
        for name, part in (
            ("test", model),
            ("test_compact", small),
        )
    }
    curve = None
    if hasattr(model, "size_curve"):
        curve = model.size_curve(_first(data.x_test, _CURVE_SAMPLES), seed=config.seed)
        with atomic_path(output / CURVE) as temporary:
            curve.to_csv(temporary)
    record = {
        **_record(config, data, model, history, pruning),
        "parameters_compact": parameter_count(small),
        **figures,
        "baseline_nll": None if curve is None else curve.baseline_nll,
        "features": parts.extractor.name,
        **measured,
    }
    # Where it stands, the run is whole.
    write_json(output / "run.json", record)
    if config.report:
        try_to_report(
            str(output),
            lambda: _report(
                output, config, data, model, history, pruning, record, curve
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
    if isinstance(x, LazySamples):
        return x.take(np.arange(min(samples, len(x))))
    return x[:samples]


def _report(
    output: pathlib.Path,
    config: Config,
    data: Dataset,
    model: Any,
    history: Any,
    pruning: Any,
    record: dict[str, Any],
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
        decisions=_decision_log(pruning),
        history={"epoch": history.epoch, **history.history},
        view=view,
        curve=curve,
    )
    write_run_report(output / REPORT, facts)


def _record(
    config: Config, data: Dataset, model: Any, history: Any, pruning: Any
) -> dict[str, Any]:
    return {
        "versions": versions(),
        "seed": config.seed,
        "seconds": None,
        "epochs": len(history.epoch),
        "steps": int(keras.ops.convert_to_numpy(model.optimizer.iterations)),
        "start_dims": config.latent_dim,
        "active_dims": model.active_dims,
        "validation_loss": (history.history.get("val_loss") or [None])[-1],
        "fixed_epoch": None if pruning is None else pruning.fixed_epoch,
        "fixed_step": None if pruning is None else pruning.fixed_step,
        "status": None if pruning is None else pruning.status,
        "outcome": None if pruning is None else pruning.result(),
        "elastic": _is_elastic(model),
        **_rule_stop(pruning),
        **_bound(config, model, history, pruning),
        "parameters": parameter_count(model),
        "samples": {
            "train": len(data.x_train),
            "validation": len(data.x_val),
            "test": len(data.x_test),
        },
    }


def _is_elastic(model: Any) -> bool:
    """Whether sizes were sampled to the end of training."""
    sampling = getattr(model, "size_sampling", None)
    return sampling is not None and sampling.is_on


def _rule_stop(pruning: Any) -> dict[str, Any]:
    """Where the paper's rule would have stopped, of a run that went on."""
    state = None if pruning is None else pruning.state
    if not isinstance(state, ALDToTheEndState):
        return {}
    if state.stop_epoch is None:
        return {"rule_stop": None}
    return {"rule_stop": {"epoch": state.stop_epoch, "active_dims": state.stop_dims}}


def _bound(config: Config, model: Any, history: Any, search: Any) -> dict[str, Any]:
    """The bound on the error and what became of it, of `method: geco`."""
    if config.method != "geco":
        return {}
    found: dict[str, Any] = {"tau": model.tau}
    if search is None:
        errors = history.history.get("val_squared_error", [])
        found |= {"max_multiplier": model.max_multiplier}
        found |= {"lowest_error": min(errors, default=None)}
        if model.tau > 0.0:
            found |= {"last_error": errors[-1] if errors else None}
        return {"bound": found}
    undecided = len(model.undecided_gates)
    found |= {
        "tolerance": search.rule.tolerance,
        "error": search.error,
        "met": search.met,
        "undecided_gates": undecided,
    }
    return {"bound": found}


def _decision_log(pruning: Any) -> list[dict[str, Any]]:
    """What `decisions.json` holds: all that an `ALDCallback` decided, or nothing."""
    return [] if pruning is None else [d.to_dict() for d in pruning.decisions]


def holds_run(output: pathlib.Path) -> bool:
    """Whether a folder is there and holds nothing but what a run writes."""
    own = {*RUN_FILES, ERROR_FILE, CHECKPOINT, TENSORBOARD, "figures"}
    return output.is_dir() and all(
        path.name in own or path.name.startswith(".") for path in output.iterdir()
    )


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
    output: pathlib.Path, config: Config, model: Any, history: Any, pruning: Any
) -> None:
    # A run that is replaced leaves nothing that could be taken for part of this one.
    for name in ("run.json", CURVE, REPORT, ERROR_FILE):
        (output / name).unlink(missing_ok=True)
    for name in RUN_FIGURES:
        (output / "figures" / f"{name}.png").unlink(missing_ok=True)
    for stale in _exports(output):
        if stale.is_file():
            stale.unlink()
        elif holds_saved_model(stale):
            shutil.rmtree(stale)
    write_yaml(output / "config.yaml", config.to_dict())
    write_csv(output / "history.csv", {"epoch": history.epoch, **history.history})
    write_json(output / "decisions.json", _decision_log(pruning))
    with atomic_path(output / "model.keras") as temporary:
        model.save(temporary)
