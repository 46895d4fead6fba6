"""Carries out runs, each in a process of its own, and goes on where it was left."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console

from ald_keras.experiments.core.progress import Board
from ald_keras.experiments.core.runs import differences, read_run_config
from ald_keras.files.text_files import write_yaml
from ald_keras.runs.checkpoint import CHECKPOINT
from ald_keras.runs.config import Config
from ald_keras.runs.record import read_record
from ald_keras.runs.run_files import ERROR_FILE


@dataclasses.dataclass(frozen=True)
class Job:
    """A run that is to be there.

    Args:
        name: Name of its folder; runs whose names agree up to the last two hyphens are
            taken to last about as long.
        config: Its config.
        module: Command that makes it: its `main` takes `--config`, `--output`,
            `--overwrite` and `--verbose`. Defaults to `"ald_keras.train"`.
        options: Further arguments of the command. Defaults to none.
        facts: What decides the run beside its config, as its `run.json` holds it.
            Defaults to nothing.
    """

    name: str
    config: Config
    module: str = "ald_keras.train"
    options: tuple[str, ...] = ()
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What it shares with runs that last about as long."""
        return kind_of(self.name)


def kind_of(name: str) -> str:
    """What a run shares with those that last about as long.

    Example:
    >>> kind_of("size_curve-64-seed0")
    'size_curve'
    """
    return name.rsplit("-", 2)[0]


def is_done(job: Job, output: pathlib.Path) -> bool:
    """Whether a job's run is whole.

    Raises:
        ValueError: If the run that is there was made from another config.
    """
    folder = output / job.name
    record = read_record(folder)
    if record is None:
        return False
    config = read_run_config(folder)
    differing = differences(config, job.config)
    if differing:
        there, asked = config.to_dict(), job.config.to_dict()
        values = "; ".join(f"{k}: {there[k]} there, {asked[k]} here" for k in differing)
        raise ValueError(
            f"{folder} holds a run of another config: move it away, or pass another "
            f"--output. Received: {values}"
        )
    for name, value in job.facts.items():
        if record.get(name) != value:
            raise ValueError(
                f"{folder} holds a run of another {name}: move it away, or pass "
                f"another --output. Received: {record.get(name)} there, {value} here"
            )
    return True


class Runner:
    """Carries out jobs under one progress bar.

    Args:
        output: The experiment's folder; made where it is missing.
        console: Where progress is shown. Defaults to standard output.

    Attributes:
        failures: Mapping from names of jobs that failed to the reason in one line.
        board: The progress bar.

    Example:
    >>> with Runner(output) as runner:
    ...     runner.run(jobs)
    """

    def __init__(self, output: pathlib.Path, console: Console | None = None):
        self.output = output
        self.failures: dict[str, str] = {}
        self.board = Board(console)

    def __enter__(self) -> Runner:
        self.output.mkdir(parents=True, exist_ok=True)
        self.board.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.board.stop()

    def run(self, jobs: Sequence[Job]) -> None:
        """Carry out jobs one after another, but for those that are done.

        A job that fails is noted in `failures`, and the others go on.

        Args:
            jobs: Jobs with distinct names.

        Raises:
            ValueError: If a run that is there was made from another config; nothing is
                run then.
            OSError: If a folder cannot be written to.
        """
        done = [job for job in jobs if is_done(job, self.output)]
        self.board.announce_missing(job.kind for job in jobs)
        for job in done:
            record = read_record(self.output / job.name) or {}
            self.board.finish(job.kind, record.get("seconds"))
        for job in jobs:
            if job not in done:
                self._carry_out(job)

    def note(self, name: str, problem: str | None, seconds: float) -> None:
        """Note and say how a run has ended; why one has failed is left in its folder.

        Args:
            name: Name of its folder.
            problem: What went wrong, or `None`.
            seconds: Float, how long it took.
        """
        record = read_record(self.output / name)
        if problem is None and record is None:
            problem = "it left no run.json"
        if problem is not None or record is None:
            self.failures[name] = problem or ""
            path = self.output / name / ERROR_FILE
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{problem}\n", encoding="utf-8")
            self.board.finish(kind_of(name))
            self.board.say(f"{name} failed: {problem}")
            return
        self.board.finish(kind_of(name), seconds)
        size = record.get("active_dims")
        dimensions = "" if size is None else f"{size} dimensions, "
        self.board.say(f"{name}: {dimensions}{seconds:.0f} s")

    def _carry_out(self, job: Job) -> None:
        folder = self.output / job.name
        folder.mkdir(exist_ok=True)
        for name in ("run.json", ERROR_FILE):
            (folder / name).unlink(missing_ok=True)
        write_yaml(folder / "config.yaml", job.config.to_dict())
        self.board.begin(job.name, job.kind)
        started = time.monotonic()
        arguments = ["--config", str(folder / "config.yaml"), "--output", str(folder)]
        goes_on = (folder / CHECKPOINT).exists()
        arguments += ["--resume" if goes_on else "--overwrite"]
        arguments += ["--verbose", "0", *job.options]
        problem = run_module(job.module, arguments)
        self.note(job.name, problem, time.monotonic() - started)


def raise_failures(failures: Mapping[str, str]) -> None:
    """Raise a `RuntimeError` that names the runs that failed, where there are some.

    Args:
        failures: Mapping from their names to the reason.
    """
    if failures:
        name, reason = next(iter(failures.items()))
        raise RuntimeError(
            f"{len(failures)} failed: {', '.join(failures)}. {name}: {reason}"
        )


def run_module(
    module: str,
    arguments: Sequence[str],
    listen: Callable[[str], None] | None = None,
) -> str | None:
    """Run a command in a process that ends with this one.

    Args:
        module: Its `main` takes the arguments.
        arguments: Texts.
        listen: Called with each line that it prints, or `None`. Defaults to `None`.

    Returns:
        What went wrong in one line, or `None`.
    """
    command = [
        sys.executable,
        "-m",
        "ald_keras.experiments.core.child",
        module,
        *arguments,
    ]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    with (
        tempfile.TemporaryFile() as errors,
        # The child ends when its standard input closes, and so with this process.
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if listen is None else subprocess.PIPE,
            stderr=errors,
            env=environment,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        for line in process.stdout or ():
            if listen is not None:
                listen(line.rstrip("\n"))
        code = process.wait()
        if code == 0:
            return None
        errors.seek(0)
        lines = errors.read().decode("utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if code < 0:
        return f"ended by signal {-code}; last line: {last or 'none'}"
    return last or f"exit code {code}"
