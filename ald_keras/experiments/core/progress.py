"""One progress bar over runs of several kinds, with the time left."""

from __future__ import annotations

import datetime
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.progress import TextColumn as Words
from rich.text import Text


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


class Board:
    """Counts runs and draws the bar.

    Args:
        console: Where it is drawn. Defaults to standard output.
    """

    def __init__(self, console: Console | None = None):
        self._finished: dict[str, list[float]] = {}
        self._to_come: Counter[str] = Counter()
        self._running: tuple[str, float] | None = None
        self._done = 0
        columns = (Words("{task.description}"), BarColumn(), MofNCompleteColumn())
        console = console or Console()
        self._progress = Progress(*columns, _TimeLeft(self), console=console)
        self._bar = self._progress.add_task("runs", total=0)
        self.start, self.stop = self._progress.start, self._progress.stop

    def announce(self, kinds: Iterable[str]) -> None:
        """Runs that are to come, beside those announced before."""
        self._to_come += Counter(kinds)
        self._draw()

    def announce_missing(self, kinds: Iterable[str]) -> None:
        """Runs that are to come, those announced before among them."""
        self._to_come |= Counter(kinds)
        self._draw()

    def withdraw(self, kinds: Iterable[str]) -> None:
        """Runs that were announced and will not come."""
        self._to_come -= Counter(kinds)
        self._draw()

    def begin(self, name: str, kind: str) -> None:
        """A run begins."""
        self._running = (kind, time.monotonic())
        self._draw(name)

    def finish(self, kind: str, seconds: Any = None) -> None:
        """A run has ended, or was there already.

        Args:
            kind: Its kind.
            seconds: How long runs of its kind take, if it is known. Defaults to `None`.
        """
        if isinstance(seconds, (int, float)):
            self._finished.setdefault(kind, []).append(float(seconds))
        self._to_come -= Counter([kind])
        self._done += 1
        self._running = None
        self._draw()

    def seconds_left(self) -> float | None:
        """Seconds to go for all runs announced; `None` before one has finished."""
        # Copies, as the bar is drawn by another thread.
        finished, running = dict(self._finished), self._running
        left = time_left(finished, list(self._to_come.elements()))
        if left is None or running is None:
            return left
        kind, begun = running
        whole = time_left(finished, [kind]) or 0.0
        return left - min(whole, time.monotonic() - begun)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        console = self._progress.console
        console.print(line, soft_wrap=True, highlight=False, markup=False)

    def _draw(self, description: str = "runs") -> None:
        total = self._done + self._to_come.total()
        self._progress.update(
            self._bar, description=description, total=total, completed=self._done
        )


class _TimeLeft(ProgressColumn):
    """Time to go; rich's own column takes all runs to last alike."""

    max_refresh = 0.5

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board

    def render(self, task: Task) -> Text:
        left = self._board.seconds_left()
        if left is None:
            return Text("-:--:-- left")
        return Text(f"{datetime.timedelta(seconds=round(max(0.0, left)))} left")
