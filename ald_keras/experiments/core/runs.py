"""Runs on disk: which folder is a whole run, and of which config."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Any

from ald_keras.runs.config import UNUSED, Config, load_config
from ald_keras.runs.record import read_record

# What stands before start and seed in the names of folders.
FIXED, ONE_SHOT = "fixed", "oneshot"

_NAME = re.compile(r"(?P<group>.+)-(?P<size>\d+)-seed(?P<seed>\d+)")


@dataclasses.dataclass(frozen=True)
class Run:
    """A whole run.

    Args:
        group: What is repeated over starts and seeds: a rule, a variant, `FIXED` or
            `ONE_SHOT`.
        start: Integer, latent dimensions at the start.
        seed: Integer.
        config: Its config.
        record: What its `run.json` holds.
    """

    group: str
    start: int
    seed: int
    config: Config
    record: dict[str, Any]


def run_name(group: str, start: int, seed: int) -> str:
    """Name of a run's folder.

    Example:
    >>> run_name("size_curve", 100, 0)
    'size_curve-100-seed0'
    """
    return f"{group}-{start}-seed{seed}"


def read_run_config(folder: pathlib.Path) -> Config:
    """The config of the run in a folder.

    Raises:
        ValueError: If it is not from this version, naming the folder.
    """
    try:
        return load_config(folder / "config.yaml")
    except ValueError as error:
        raise ValueError(
            f"{folder}: not from this version's config: {error}"
        ) from error


def read_runs(output: pathlib.Path, may_differ: tuple[str, ...] = ()) -> list[Run]:
    """All whole runs of an experiment, in the order of group, start and seed.

    Args:
        output: The experiment's folder.
        may_differ: Keys, as `differences` leaves them out, in which runs of one group
            may differ beside `latent_dim` and `seed`. Defaults to none.

    Raises:
        ValueError: If runs that belong together were made from different configs, or a
            file is damaged.
    """
    runs = []
    for folder in output.iterdir() if output.is_dir() else ():
        found = _NAME.fullmatch(folder.name)
        record = read_record(folder) if found else None
        if found is None or record is None:
            continue
        _check_figures(folder, record)
        config = load_config(folder / "config.yaml")
        start, seed = int(found["size"]), int(found["seed"])
        runs.append(Run(found["group"], start, seed, config, record))
    runs.sort(key=lambda run: (run.group, run.start, run.seed))
    _check_groups(output, runs, may_differ)
    return runs


def _check_figures(folder: pathlib.Path, record: dict[str, Any]) -> None:
    figures = record.get("test")
    needed = {"elbo", "reconstruction_loss", "active_units"}
    if not isinstance(figures, dict) or not needed <= figures.keys():
        raise ValueError(
            f"{folder / 'run.json'} must hold {sorted(needed)} of the test part."
        )
    if not isinstance(record.get("active_dims"), int):
        raise ValueError(f"{folder / 'run.json'} must hold `active_dims`.")


def _check_groups(
    output: pathlib.Path, runs: list[Run], may_differ: tuple[str, ...]
) -> None:
    left_out = ("latent_dim", "seed", *may_differ)
    first: dict[str, Run] = {}
    for run in runs:
        other = first.setdefault(run.group, run)
        differing = differences(run.config, other.config, left_out)
        if differing:
            names = [run_name(r.group, r.start, r.seed) for r in (other, run)]
            raise ValueError(
                f"{output}: {names[0]} and {names[1]} must be of one config. "
                f"Received: other {', '.join(differing)}"
            )


def differences(
    one: Config, other: Config, left_out: tuple[str, ...] = ()
) -> list[str]:
    """Keys in which two configs would give different runs.

    Where the data lie does not count, nor whether a report or logs are written, nor
    what another method is told.

    Args:
        one: A config.
        other: Another.
        left_out: Further keys that do not count, of which some may be dotted, such as
            `"geco.tau"`. Defaults to none.
    """
    first, second = one.to_dict(), other.to_dict()
    skipped = {*left_out, "report", "tensorboard"}
    if one.method == other.method:
        skipped |= UNUSED[one.method]
    for values in (first, second):
        for name in ("data.dir", *left_out):
            section, _, key = name.partition(".")
            if key:
                values[section].pop(key, None)
    return [key for key in first if key not in skipped and first[key] != second[key]]
