"""The report of a `fit` in a notebook, from its callback."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from ald_keras.files.versions import versions
from ald_keras.likelihoods import LIKELIHOODS
from ald_keras.reports.model_view import view_model
from ald_keras.reports.run_facts import RunFacts
from ald_keras.reports.run_report import write_run_report
from ald_keras.rules import RULES

# What the last epoch logged, by the names of final figures.
_LOGGED = (
    "reconstruction_loss",
    "kl_loss",
    "silhouette",
    "clustering_accuracy",
    "frechet_reconstruction",
    "frechet_generation",
)


def write_callback_report(callback: Any, path: pathlib.Path) -> None:
    """Write the report of an `ALDCallback` after its `fit`.

    Args:
        callback: The callback, with its model.
        path: The HTML file; its folder must exist.
    """
    model, seen = callback.model, callback.last_probe
    part = "validation data"
    facts = RunFacts(
        title=path.stem,
        folder=None,
        config=_config(callback),
        record=_record(callback),
        decisions=[decision.to_dict() for decision in callback.decisions],
        history={"epoch": model.history.epoch, **model.history.history},
        view=view_model(model, seen.x, seen.y, part=part, seed=callback.seed),
        curve=getattr(callback, "curve", None),
    )
    write_run_report(path, facts)


def _record(callback: Any) -> dict[str, object]:
    model, logs = callback.model, callback.model.history.history
    last = {name: logs[f"val_{name}"][-1] for name in _LOGGED if f"val_{name}" in logs}
    if {"reconstruction_loss", "kl_loss"} <= last.keys():
        last["elbo"] = -last["reconstruction_loss"] - last["kl_loss"]
    return {
        "versions": versions(),
        "seed": callback.seed,
        "epochs": len(model.history.epoch),
        "steps": int(keras.ops.convert_to_numpy(model.optimizer.iterations)),
        "start_dims": callback.start_dims,
        "active_dims": model.active_dims,
        "fixed_epoch": callback.fixed_epoch,
        "status": callback.status,
        "outcome": callback.result(),
        "elastic": callback.sampled,
        "features": callback.last_probe.features,
        # With a reserve that was removed after the last epoch, if there was one.
        "validation": {"active_dims": logs["active_dims"][-1], **last},
    }


def _config(callback: Any) -> dict[str, object]:
    model, rule = callback.model, callback.rule
    return {
        "dataset": "data given to fit",
        "data_shape": list(model.data_shape),
        "architecture": {"name": f"{model.encoder.name} and {model.decoder.name}"},
        "latent_dim": model.latent_dim,
        "likelihood": _name_of(type(model.likelihood), LIKELIHOODS),
        "beta": {"value": model.final_beta, "warmup": 0},
        "method": "ald",
        "rule": {"name": _name_of(type(rule), RULES), **_fields(rule)},
        "probe": {"size": callback.probe_size, "n_clusters": callback.n_clusters},
        "optimizer": {
            "name": model.optimizer.name,
            "learning_rate": _rate(model.optimizer),
        },
        "seed": callback.seed,
    }


def _rate(optimizer: keras.optimizers.Optimizer) -> float:
    rate = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    return float(f"{rate:.6g}")  # float32, so the other digits say nothing


def _name_of(kind: type, known: Mapping[str, type]) -> str:
    return next((name for name, other in known.items() if other is kind), kind.__name__)


def _fields(rule: object) -> dict[str, object]:
    """A rule's arguments in plain types; a user's own rule may hold anything."""
    if not dataclasses.is_dataclass(rule) or isinstance(rule, type):
        return {}
    return _plain(dataclasses.asdict(rule))


def _plain(value: object) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value if isinstance(value, (bool, int, float, type(None))) else str(value)
