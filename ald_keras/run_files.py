"""What a training run is measured with, and the files that it leaves."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import pathlib
import platform
import shutil
from typing import Any

from ald_keras import __version__
from ald_keras.artifacts import ARTIFACTS, holds_saved_model
from ald_keras.compaction import compact
from ald_keras.config import Config
from ald_keras.datasets import Dataset, load_dataset
from ald_keras.evaluation import evaluate_model, parameter_count
from ald_keras.files import replacing, write_csv, write_json, write_yaml
from ald_keras.metrics import FeatureExtractor, build_extractor

RUN_FILES = ("model.keras", "history.csv", "decisions.json", "config.yaml", "run.json")

# Training samples that the features are tried on before training.
_CHECKED = 256


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
    record = {
        **_record(config, data, model, history, pruning),
        "parameters_compact": parameter_count(small),
        **figures,
        "features": parts.extractor.name,
        **measured,
    }
    # Last: where it stands, the run is whole.
    write_json(output / "run.json", record)
    return record


def _record(
    config: Config, data: Dataset, model: Any, history: Any, pruning: Any
) -> dict[str, Any]:
    return {
        "versions": versions(),
        "seed": config.seed,
        "seconds": None,
        "epochs": len(history.epoch),
        "steps": int(model.optimizer.iterations),
        "start_dims": config.latent_dim,
        "active_dims": model.active_dims,
        "validation_loss": (history.history.get("val_loss") or [None])[-1],
        "fixed_epoch": None if pruning is None else pruning.fixed_epoch,
        "outcome": None if pruning is None else pruning.result(),
        "parameters": parameter_count(model),
        "samples": {
            "train": len(data.x_train),
            "validation": len(data.x_val),
            "test": len(data.x_test),
        },
    }


def versions() -> dict[str, str]:
    """Versions of the library, of Python and of the packages that figures rest on."""
    packages = ("keras", "tensorflow", "numpy", "scipy", "scikit-learn")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"ald_keras": __version__, "python": platform.python_version(), **found}


def _write_training(
    output: pathlib.Path, config: Config, model: Any, history: Any, pruning: Any
) -> None:
    decisions = [] if pruning is None else [d.to_dict() for d in pruning.decisions]
    # A run that is replaced leaves nothing that could be taken for part of this one.
    (output / "run.json").unlink(missing_ok=True)
    for artifact in ARTIFACTS.values():
        for stale in artifact.files(artifact.beside(output)):
            if stale.is_file():
                stale.unlink()
            elif holds_saved_model(stale):
                shutil.rmtree(stale)
    write_yaml(output / "config.yaml", config.to_dict())
    write_csv(output / "history.csv", {"epoch": history.epoch, **history.history})
    write_json(output / "decisions.json", decisions)
    with replacing(output / "model.keras") as temporary:
        model.save(temporary)
