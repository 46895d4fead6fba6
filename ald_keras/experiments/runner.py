"""Carries out runs, each in a process of its own, and goes on where it was left."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.progress import TextColumn as Words
from rich.text import Text

from ald_keras.config import Config, load_config
from ald_keras.experiments.runs import differences, read_record
from ald_keras.files import write_yaml


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
    """

    name: str
    config: Config
    module: str = "ald_keras.train"
    options: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it shares with runs that last about as long."""
        return self.name.rsplit("-", 2)[0]


def is_done(job: Job, output: pathlib.Path) -> bool:
    """Whether a job's run is whole.

    Raises:
        ValueError: If the run that is there was made from another config.
    """
    folder = output / job.name
    if read_record(folder) is None:
        return False
    try:
        config = load_config(folder / "config.yaml")
    except ValueError as error:
        raise ValueError(
            f"{folder}: not from this version's config: {error}"
        ) from error
    differing = differences(config, job.config)
    if differing:
        there, asked = config.to_dict(), job.config.to_dict()
        values = "; ".join(f"{k}: {there[k]} there, {asked[k]} here" for k in differing)
        raise ValueError(
            f"{folder} holds a run of another config: move it away, or pass another "
            f"--output. Received: {values}"
        )
    return True


def time_left(
    finished: Mapping[str, Sequence[float]], waiting: Iterable[str]
) -> float | None:
    """Seconds that runs will take, as long as those of their kind on average.

    Args:
        finished: Mapping from kinds to seconds of finished runs.
        waiting: Kinds of the runs to come; one not among `finished` is given the mean
            over all.

    Returns:
        Float, or `None` where nothing has finished.
    """
    seconds = [value for values in finished.values() for value in values]
    if not seconds:
        return None
    overall = statistics.fmean(seconds)
    return sum(
        statistics.fmean(finished[kind]) if finished.get(kind) else overall
        for kind in waiting
    )


class Runner:
    """Carries out jobs under one progress bar.

    Args:
        output: The experiment's folder; made where it is missing.
        console: Where progress is shown. Defaults to standard output.

    Attributes:
        failures: Mapping from names of jobs that failed to the reason in one line.

    Example:
    >>> with Runner(output) as runner:
    ...     runner.run(jobs)
    """

    def __init__(self, output: pathlib.Path, console: Console | None = None):
        self.output = output
        self.failures: dict[str, str] = {}
        self._finished: dict[str, list[float]] = {}
        self._waiting: list[Job] = []
        self._started: float | None = None
        self._progress = Progress(
            Words("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _TimeLeft(self),
            console=console or Console(),
        )
        self._bar = self._progress.add_task("runs", total=0)
        self._total = self._done = 0

    def __enter__(self) -> Runner:
        self.output.mkdir(parents=True, exist_ok=True)
        self._progress.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.stop()

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
        self._waiting = [job for job in jobs if job not in done]
        self._total += len(jobs)
        self._done += len(done)
        for job in done:
            self._note(job, (read_record(self.output / job.name) or {}).get("seconds"))
        while self._waiting:
            self._update(self._waiting[0].name)
            self._carry_out(self._waiting[0])
            self._waiting.pop(0)
            self._done += 1
        self._update("runs")

    def seconds_left(self) -> float | None:
        """Seconds to go for the jobs given so far; `None` before a run has finished."""
        # Copies, as the bar is drawn by another thread.
        waiting, started = [job.kind for job in self._waiting], self._started
        left = time_left(self._finished, waiting)
        if left is None or started is None or not waiting:
            return left
        running = time_left(self._finished, waiting[:1]) or 0.0
        return left - min(running, time.monotonic() - started)

    def _update(self, description: str) -> None:
        self._progress.update(
            self._bar, description=description, total=self._total, completed=self._done
        )

    def _note(self, job: Job, seconds: Any) -> None:
        if isinstance(seconds, (int, float)):
            self._finished.setdefault(job.kind, []).append(float(seconds))

    def _carry_out(self, job: Job) -> None:
        folder = self.output / job.name
        folder.mkdir(exist_ok=True)
        (folder / "run.json").unlink(missing_ok=True)
        write_yaml(folder / "config.yaml", job.config.to_dict())
        self._started = time.monotonic()
        problem = _outcome(job, folder)
        seconds = time.monotonic() - self._started
        self._started = None
        record = read_record(folder)
        if problem is None and record is None:
            problem = "it left no run.json"
        if problem is not None or record is None:
            self.failures[job.name] = problem or ""
            self._say(f"{job.name} failed: {problem}")
            return
        self._note(job, seconds)
        size = record.get("active_dims")
        dimensions = "" if size is None else f"{size} dimensions, "
        self._say(f"{job.name}: {dimensions}{seconds:.0f} s")

    def _say(self, line: str) -> None:
        self._progress.console.print(
            line, soft_wrap=True, highlight=False, markup=False
        )


def _outcome(job: Job, folder: pathlib.Path) -> str | None:
    """Carry out a job whose config stands in its folder; returns what went wrong."""
    command = [sys.executable, "-m", "ald_keras.experiments.child", job.module]
    command += ["--config", str(folder / "config.yaml"), "--output", str(folder)]
    command += ["--overwrite", "--verbose", "0", *job.options]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    with (
        tempfile.TemporaryFile() as errors,
        # The child ends when its standard input closes, and so with this process.
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
        ) as process,
    ):
        code = process.wait()
        if code == 0:
            return None
        errors.seek(0)
        lines = errors.read().decode("utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if code < 0:
        return f"ended by signal {-code}; last line: {last or 'none'}"
    return last or f"exit code {code}"


class _TimeLeft(ProgressColumn):
    """Hours, minutes and seconds to go."""

    max_refresh = 0.5

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner

    def render(self, task: Task) -> Text:
        left = self._runner.seconds_left()
        if left is None:
            return Text("-:--:-- left")
        minutes, seconds = divmod(round(max(0.0, left)), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(f"{hours}:{minutes:02d}:{seconds:02d} left")
