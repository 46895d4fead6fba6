"""A search's trials on disk: whole runs, and which of them a search consists of."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.searches import Search
from ald_keras.experiments.core.runner import Job, is_done
from ald_keras.experiments.core.runs import run_name
from ald_keras.files.text_files import read_json, write_json

# Leads the lines in which a process that searches tells about its trials.
_MARK = "@trial "


@dataclasses.dataclass(frozen=True)
class Event:
    """What happened to a trial.

    Args:
        trial: Name of its folder.
        what: `"began"`, `"ended"`, `"failed"` or, where its run was there already,
            `"found"`.
        reason: What went wrong. Defaults to nothing.
    """

    trial: str
    what: str
    reason: str = ""

    def tell(self) -> None:
        """Print it for the process that listens."""
        print(_MARK + json.dumps(dataclasses.asdict(self)), flush=True)

    @classmethod
    def read(cls, line: str) -> Event | None:
        """The event that a line tells, or `None`."""
        if not line.startswith(_MARK):
            return None
        return cls(**json.loads(line[len(_MARK) :]))


def trial_job(
    comparison: Comparison,
    search: Search,
    size: int,
    seed: int,
    epochs: int | None = None,
) -> Job:
    """A trial as a run that is to be there.

    Args:
        comparison: What it belongs to.
        search: The search.
        size: Integer >= 1, its latent size.
        seed: Integer >= 0.
        epochs: Integer >= 1, or `None` for all. Defaults to `None`.
    """
    epochs = search.epochs if epochs is None else epochs
    config = dataclasses.replace(
        comparison.base, latent_dim=size, seed=seed, epochs=epochs, method="fixed"
    )
    name = run_name(search.group(epochs), size, seed)
    return Job(name, config, facts=search.facts())


def write_end(
    output: pathlib.Path,
    search: Search,
    seed: int,
    trials: Mapping[str, tuple[int, int]],
    failures: Mapping[str, str],
) -> None:
    """Write that a search has come to its end.

    Args:
        output: The comparison's folder.
        search: The search.
        seed: Its seed.
        trials: Mapping from the names of its trials to size and epochs.
        failures: Mapping from those that failed to the reason.
    """
    path = _end_path(output, search.name, seed)
    path.parent.mkdir(exist_ok=True)
    record = {
        "search": search.to_dict(),
        "trials": {name: list(trial) for name, trial in trials.items()},
        "failures": dict(failures),
    }
    write_json(path, record)


def read_end(output: pathlib.Path, name: str, seed: int) -> dict[str, Any] | None:
    """What `write_end` wrote, or `None` if the search has not come to its end."""
    path = _end_path(output, name, seed)
    return read_json(path) if path.is_file() else None


def ended_with(
    output: pathlib.Path, search: Search, seed: int
) -> dict[str, Any] | None:
    """What `read_end` gives if the search that has ended is this one, else `None`."""
    end = read_end(output, search.name, seed)
    same = end is not None and end["search"] == search.to_dict()
    return end if same else None


def whole_search(search: Search, seed: int) -> str:
    """What a search as a whole is called where it fails."""
    return f"{search.name}-seed{seed}"


def remove_end(output: pathlib.Path, name: str, seed: int) -> None:
    """Remove what `write_end` wrote, where there is something."""
    _end_path(output, name, seed).unlink(missing_ok=True)


def has_ended(
    comparison: Comparison, search: Search, seed: int, output: pathlib.Path
) -> bool:
    """Whether a search has come to its end without a failure, and its runs are whole.

    Raises:
        ValueError: If a run that is there was made from another config.
    """
    end = ended_with(output, search, seed)
    if end is None or end["failures"]:
        return False
    jobs = [
        trial_job(comparison, search, size, seed, epochs)
        for size, epochs in end["trials"].values()
    ]
    return all([is_done(job, output) for job in jobs])


def _end_path(output: pathlib.Path, name: str, seed: int) -> pathlib.Path:
    return output / "searches" / f"{name}-seed{seed}.json"
