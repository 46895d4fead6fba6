"""Starts searches in processes of their own and follows their trials."""

from __future__ import annotations

import pathlib
import time
from collections import Counter
from collections.abc import Iterator

from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.searches import Search
from ald_keras.experiments.compare.trials import (
    Event,
    has_ended,
    read_end,
    trial_job,
    whole_search,
)
from ald_keras.experiments.core.runner import Job, Runner, kind_of, run_module
from ald_keras.runs.record import read_record
from ald_keras.runs.run_files import ERROR_FILE

# The process that searches.
COMMAND = "ald_keras.experiments.compare.search"


def possible_jobs(comparison: Comparison, search: Search, seed: int) -> Iterator[Job]:
    """Every trial that a search may come to."""
    for epochs in sorted({epochs for _, epochs, _ in search.rounds()}):
        for size in search.sizes:
            yield trial_job(comparison, search, size, seed, epochs)


def expected_kinds(search: Search) -> list[str]:
    """Kinds of the trials that a search is to consist of."""
    return [
        search.group(epochs)
        for _, epochs, count in search.rounds()
        for _ in range(count)
    ]


def run_search(
    runner: Runner,
    comparison: Comparison,
    search: Search,
    seed: int,
    config: pathlib.Path,
) -> None:
    """Carry out a search with one seed, but for the trials that are done.

    A trial that ends its process counts as failed, and the search goes on in another.

    Args:
        runner: Its progress bar and failures are used.
        comparison: What the search belongs to.
        search: The search.
        seed: Integer >= 0.
        config: File that holds the comparison.
    """
    follower = _Follower(runner, search)
    if has_ended(comparison, search, seed, runner.output):
        for name in (read_end(runner.output, search.name, seed) or {})["trials"]:
            follower.take(Event(name, "found"))
        follower.close()
        return
    place = seed * len(comparison.searches) + comparison.searches.index(search)
    arguments = ["--config", str(config), "--output", str(runner.output)]
    arguments += ["--search", search.name, "--seed", str(seed), "--place", str(place)]
    skipped: list[str] = []
    while True:
        more = ["--skip", *skipped] if skipped else []
        problem = run_module(COMMAND, [*arguments, *more], follower.hear)
        if problem is None:
            break
        name = follower.running
        if name is None:
            whole = whole_search(search, seed)
            runner.failures[whole] = problem
            runner.board.say(f"{whole} failed: {problem}")
            break
        follower.lose(name, problem)
        skipped.append(name)
    follower.close()


class _Follower:
    """Takes what happens to a search's trials to the runner."""

    def __init__(self, runner: Runner, search: Search):
        self.running: str | None = None
        self._runner = runner
        self._begun = 0.0
        self._seen: set[str] = set()
        self._to_come = Counter(expected_kinds(search))
        self._kinds = set(self._to_come)
        runner.board.announce_missing(self._to_come.elements())

    def hear(self, line: str) -> None:
        """A line that the process has printed."""
        event = Event.read(line)
        if event is not None:
            self.take(event)

    def take(self, event: Event) -> None:
        """Something has happened to a trial."""
        name, runner = event.trial, self._runner
        if event.what == "began":
            self.running, self._begun = name, time.monotonic()
            runner.board.begin(name, kind_of(name))
            return
        if name == self.running:
            self.running = None
        if name in self._seen:
            return
        self._seen.add(name)
        self._to_come -= Counter([kind_of(name)])
        if event.what == "found":
            record = read_record(runner.output / name) or {}
            runner.board.finish(kind_of(name), record.get("seconds"))
        else:
            problem = event.reason or "unknown" if event.what == "failed" else None
            runner.note(name, problem, time.monotonic() - self._begun)

    def lose(self, name: str, problem: str) -> None:
        """A trial has ended the process."""
        path = self._runner.output / name / ERROR_FILE
        path.write_text(problem + "\n", encoding="utf-8")
        self.take(Event(name, "failed", problem))

    def close(self) -> None:
        """No more trials will come."""
        self._runner.board.withdraw(self._to_come.elements())
