"""Starts hyperparameter searches in processes of their own; follows their trials."""

from __future__ import annotations

import pathlib
import time
from collections import Counter
from collections.abc import Iterable

from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.hp_search import HPSearch
from ald_keras.experiments.compare.trials import (
    Event,
    ended_jobs,
    possible_jobs,
    search_name,
)
from ald_keras.experiments.core.jobs import Job
from ald_keras.experiments.core.runner import Runner, run_module

# The process that searches.
COMMAND = "ald_keras.experiments.compare.tuner"


def run_hp_search(
    runner: Runner,
    comparison: Comparison,
    hp_search: HPSearch,
    seed: int,
    config: pathlib.Path,
) -> None:
    """Carry out a search with one seed, but for the trials that are done.

    A trial that ends its process counts as failed, and the search resumes in another.

    Args:
        runner: Its progress bar and failures are used.
        comparison: What the search belongs to.
        hp_search: The search.
        seed: Integer >= 0.
        config: File that holds the comparison.
    """
    possible = possible_jobs(comparison, hp_search, seed)
    follower = _Follower(runner, possible, hp_search.expected_groups())
    done = ended_jobs(runner.output, comparison, hp_search, seed)
    if done is not None:
        for job in done:
            follower.take(Event(job.name, "found"))
        follower.close()
        return
    place = seed * len(comparison.hp_searches)
    place += comparison.hp_searches.index(hp_search)
    arguments = ["--config", str(config), "--output", str(runner.output)]
    arguments += ["--search", hp_search.name, "--seed", str(seed)]
    arguments += ["--place", str(place)]
    skipped: list[str] = []
    while True:
        more = ["--skip", *skipped] if skipped else []
        problem = run_module(COMMAND, [*arguments, *more], follower.hear)
        if problem is None:
            break
        name = follower.running
        if name is None:
            runner.fail(search_name(hp_search, seed), problem)
            break
        follower.take(Event(name, "failed", problem))
        skipped.append(name)
    follower.close()


class _Follower:
    """Passes the events of a search's trials to the runner."""

    def __init__(self, runner: Runner, jobs: Iterable[Job], expected: Iterable[str]):
        self.running: str | None = None
        self._runner = runner
        self._jobs = {job.name: job for job in jobs}
        self._begun = 0.0
        self._ended: set[str] = set()
        self._to_come = Counter(expected)
        runner.board.announce_missing(self._to_come.elements())

    def hear(self, line: str) -> None:
        """Take a line that the process has printed."""
        event = Event.read(line)
        if event is not None:
            self.take(event)

    def take(self, event: Event) -> None:
        """Take an event."""
        name, runner = event.trial, self._runner
        job = self._jobs[name]
        if event.what == "began":
            self.running, self._begun = name, time.monotonic()
            runner.board.begin(name, job.group)
            return
        if name == self.running:
            self.running = None
        if name in self._ended:
            return
        self._ended.add(name)
        self._to_come -= Counter([job.group])
        if event.what == "found":
            runner.found(job)
        else:
            problem = event.reason or "unknown" if event.what == "failed" else None
            runner.ended(job, problem, time.monotonic() - self._begun)

    def close(self) -> None:
        """No more trials will come."""
        self._runner.board.withdraw(self._to_come.elements())
