"""Carries out jobs, each in a process of its own, and resumes what was killed."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console

from ald_keras.experiments.core.jobs import Job
from ald_keras.experiments.core.progress import Board
from ald_keras.experiments.core.runs import is_done
from ald_keras.runs.file_names import CHECKPOINT, ERROR_FILE
from ald_keras.runs.record import read_record


class Runner:
    """Carries out jobs under one progress bar.

    Args:
        output: The experiment's folder; made where it is missing.
        console: Where progress is shown. Defaults to standard output.

    Attributes:
        failures: Mapping from names of jobs that failed to the reason in one line.
        board: The progress bar.

    ```python
    with Runner(output) as runner:
        runner.run(jobs)
    ```
    """

    def __init__(self, output: pathlib.Path, console: Console | None = None):
        self.output = output
        self.failures: dict[str, str] = {}
        self.board = Board(console)

    def __enter__(self) -> Runner:
        self.output.mkdir(parents=True, exist_ok=True)
        self.board.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.board.stop()

    def run(self, jobs: Sequence[Job]) -> None:
        """Carry out jobs one after another, but for those that are done.

        A job that fails is saved in `failures`, and the others follow.

        Args:
            jobs: Jobs with distinct names.

        Raises:
            ValueError: If a run that is there was made from another config; nothing is
                run then.
            OSError: If a folder cannot be written to.
        """
        done = [job for job in jobs if is_done(job, self.output)]
        self.board.announce_missing(job.group for job in jobs)
        for job in done:
            self.found(job)
        for job in jobs:
            if job not in done:
                self._carry_out(job)

    def found(self, job: Job) -> None:
        """Count a job whose run is there already."""
        record = read_record(self.output / job.name) or {}
        self.board.finish(job.group, record.get("seconds"))

    def ended(self, job: Job, problem: str | None, seconds: float) -> None:
        """Count and print how a run has ended; why it failed is left in its folder.

        Args:
            job: Its job.
            problem: What went wrong, or `None`.
            seconds: Float, how long it took.
        """
        folder = self.output / job.name
        record = read_record(folder)
        if record is None or problem is not None:
            problem = problem or "it left no run.json"
            folder.mkdir(exist_ok=True)
            (folder / ERROR_FILE).write_text(f"{problem}\n", encoding="utf-8")
            self.board.finish(job.group)
            self.fail(job.name, problem)
            return
        self.board.finish(job.group, seconds)
        size = record.get("active_dims")
        dimensions = "" if size is None else f"{size} dimensions, "
        self.board.say(f"{job.name}: {dimensions}{seconds:.0f} s")

    def fail(self, name: str, problem: str) -> None:
        """Save and print why something has failed."""
        self.failures[name] = problem
        self.board.say(f"{name} failed: {problem}")

    def _carry_out(self, job: Job) -> None:
        folder = job.prepare(self.output)
        self.board.begin(job.name, job.group)
        started = time.monotonic()
        arguments = ["--config", str(folder / "config.yaml"), "--output", str(folder)]
        resumes = (folder / CHECKPOINT).exists()
        arguments += ["--resume" if resumes else "--overwrite"]
        arguments += ["--verbose", "0", *job.options]
        problem = run_module(job.module, arguments)
        self.ended(job, problem, time.monotonic() - started)


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
    child = [sys.executable, "-m", "ald_keras.experiments.core.child"]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    with (
        tempfile.TemporaryFile() as errors,
        # The child ends when its standard input closes, and so with this process.
        subprocess.Popen(
            [*child, module, *arguments],
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
