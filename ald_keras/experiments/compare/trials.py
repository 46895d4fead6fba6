"""A search's trials on disk: whole runs, and which of them a search consists of."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import TypedDict

from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.hp_search import HPSearch
from ald_keras.experiments.core.jobs import Job
from ald_keras.experiments.core.runs import is_done
from ald_keras.files.text_files import read_json, write_json

# First in the lines in which a process that searches reports on its trials.
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

    def send(self) -> None:
        """Print it for the process that listens."""
        print(_MARK + json.dumps(dataclasses.asdict(self)), flush=True)

    @classmethod
    def read(cls, line: str) -> Event | None:
        """The event of a line, or `None`."""
        if not line.startswith(_MARK):
            return None
        return cls(**json.loads(line[len(_MARK) :]))


class End(TypedDict):
    """How a search has ended.

    `hp_search` is its description, `trials` a mapping from names of trials to size and
    epochs, `failures` one from those that failed to the reason.
    """

    hp_search: dict[str, object]
    trials: dict[str, tuple[int, int]]
    failures: dict[str, str]


def trial_job(
    comparison: Comparison,
    hp_search: HPSearch,
    size: int,
    seed: int,
    epochs: int | None = None,
) -> Job:
    """The job of a trial.

    Args:
        comparison: What it belongs to.
        hp_search: The search.
        size: Integer >= 1, its latent size.
        seed: Integer >= 0.
        epochs: Integer >= 1, or `None` for all. Defaults to `None`.
    """
    epochs = hp_search.epochs if epochs is None else epochs
    config = dataclasses.replace(
        comparison.base, latent_dim=size, seed=seed, epochs=epochs, method="fixed"
    )
    return Job(hp_search.group(epochs), config, facts=hp_search.facts())


def possible_jobs(
    comparison: Comparison, hp_search: HPSearch, seed: int
) -> Iterator[Job]:
    """Every possible trial of a search."""
    for epochs in sorted({epochs for _, epochs, _ in hp_search.rounds()}):
        for size in hp_search.sizes:
            yield trial_job(comparison, hp_search, size, seed, epochs)


def write_end(
    output: pathlib.Path,
    hp_search: HPSearch,
    seed: int,
    trials: Mapping[str, tuple[int, int]],
    failures: Mapping[str, str],
) -> None:
    """Write that a search has ended.

    Args:
        output: The comparison's folder.
        hp_search: The search.
        seed: Its seed.
        trials: Mapping from the names of its trials to size and epochs.
        failures: Mapping from those that failed to the reason.
    """
    path = _end_path(output, hp_search, seed)
    path.parent.mkdir(exist_ok=True)
    end: End = {
        "hp_search": hp_search.to_dict(),
        "trials": dict(trials),
        "failures": dict(failures),
    }
    write_json(path, end)


def read_end(output: pathlib.Path, hp_search: HPSearch, seed: int) -> End | None:
    """What `write_end` wrote, or `None` before this search has ended."""
    path = _end_path(output, hp_search, seed)
    end: End | None = read_json(path) if path.is_file() else None
    same = end is not None and end["hp_search"] == hp_search.to_dict()
    return end if same else None


def remove_end(output: pathlib.Path, hp_search: HPSearch, seed: int) -> None:
    """Remove what `write_end` wrote, where there is something."""
    _end_path(output, hp_search, seed).unlink(missing_ok=True)


def ended_jobs(
    output: pathlib.Path, comparison: Comparison, hp_search: HPSearch, seed: int
) -> list[Job] | None:
    """The jobs of a search that has ended without a failure; `None` if one is missing.

    Raises:
        ValueError: If a run that is there was made from another config.
    """
    end = read_end(output, hp_search, seed)
    if end is None or end["failures"]:
        return None
    jobs = [
        trial_job(comparison, hp_search, size, seed, epochs)
        for size, epochs in end["trials"].values()
    ]
    return jobs if all([is_done(job, output) for job in jobs]) else None


def search_name(hp_search: HPSearch, seed: int) -> str:
    """Name of a search with one seed, also for its failure as a whole."""
    return f"{hp_search.name}-seed{seed}"


def _end_path(output: pathlib.Path, hp_search: HPSearch, seed: int) -> pathlib.Path:
    return output / "hp_searches" / f"{search_name(hp_search, seed)}.json"
