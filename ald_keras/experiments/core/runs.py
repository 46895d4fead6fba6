"""Runs on disk: which jobs have been carried out, and with which result."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection

from ald_keras._typing import JSON
from ald_keras.experiments.core.jobs import (
    Job,
    check_config,
    differences,
    read_job,
    refuse,
)
from ald_keras.runs.config import Config
from ald_keras.runs.record import read_record


@dataclasses.dataclass(frozen=True)
class Run:
    """A whole run.

    Args:
        folder: Its folder.
        job: Its job.
        record: What its `run.json` holds.
    """

    folder: pathlib.Path
    job: Job
    record: JSON

    @property
    def group(self) -> str:
        """Group of its job."""
        return self.job.group

    @property
    def size(self) -> int:
        """Size that its job is listed under."""
        return self.job.size or self.config.latent_dim

    @property
    def seed(self) -> int:
        """Its seed."""
        return self.config.seed

    @property
    def config(self) -> Config:
        """Its config."""
        return self.job.config

    @property
    def active_dims(self) -> int:
        """Latent dimensions at its end."""
        return int(self.record["active_dims"])

    def metric(self, name: str) -> float | None:
        """A metric of the test part, or `None` where it was not measured."""
        value: float | None = self.record["test"].get(name)
        return value


def read_run(folder: pathlib.Path) -> Run | None:
    """The run in a folder, or `None` if it is not whole.

    Raises:
        ValueError: If a file is damaged or not from this version.
    """
    record = read_record(folder)
    return None if record is None else Run(folder, read_job(folder), record)


def is_done(job: Job, output: pathlib.Path) -> bool:
    """Whether a job's run is whole.

    Raises:
        ValueError: If the run that is there was made from another config, or from other
            facts.
    """
    run = read_run(output / job.name)
    if run is None:
        return False
    check_config(run.folder, run.config, job.config)
    for name in {**run.job.facts, **job.facts}:
        values = (run.job.facts.get(name), job.facts.get(name))
        if values[0] != values[1]:
            refuse(run.folder, name, {name: values})
    return True


def find_runs(output: pathlib.Path) -> list[Run]:
    """Every whole run of an experiment, by group, size and seed.

    Raises:
        ValueError: If a file is damaged or not from this version.
    """
    folders = output.iterdir() if output.is_dir() else ()
    found = [run for folder in folders if (run := read_run(folder)) is not None]
    return sorted(found, key=lambda run: (run.group, run.size, run.seed))


def read_runs(output: pathlib.Path, may_differ: Collection[str] = ()) -> list[Run]:
    """The whole runs of an experiment that have trained a model, as `find_runs` does.

    Args:
        output: The experiment's folder.
        may_differ: Keys, as `differences` leaves them out, in which runs of one group
            may differ beside `latent_dim` and `seed`. Defaults to none.

    Raises:
        ValueError: If runs of one group were made from different configs, or a file is
            damaged or not from this version.
    """
    runs = [run for run in find_runs(output) if run.job.trains]
    for run in runs:
        _check_metrics(run)
    _check_groups(output, runs, may_differ)
    return runs


def _check_metrics(run: Run) -> None:
    needed = {"elbo", "reconstruction_loss", "active_units"}
    metrics = run.record.get("test")
    if not isinstance(metrics, dict) or not needed <= metrics.keys():
        raise ValueError(
            f"{run.folder / 'run.json'} must hold {sorted(needed)} of the test part."
        )
    if not isinstance(run.record.get("active_dims"), int):
        raise ValueError(f"{run.folder / 'run.json'} must hold `active_dims`.")


def _check_groups(
    output: pathlib.Path, runs: list[Run], may_differ: Collection[str]
) -> None:
    first: dict[str, Run] = {}
    for run in runs:
        other = first.setdefault(run.group, run)
        left_out = ("latent_dim", "seed", *may_differ)
        differing = differences(run.config, other.config, left_out)
        if differing:
            raise ValueError(
                f"{output}: {other.job.name} and {run.job.name} must be of one config. "
                f"Received: other {', '.join(differing)}"
            )
