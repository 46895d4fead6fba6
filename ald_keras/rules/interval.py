"""When a rule is asked: after an epoch, after several, or within long ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ald_keras._typing import JSON

AUTO, EPOCH = "auto", "epoch"

# Optimizer steps between two evaluations, at most and at least, of "auto".
_LONGEST, _SHORTEST = 250, 20


class EvaluationClock:
    """Divides training into intervals of optimizer steps.

    Long epochs are divided into equal parts, short ones are put together: the interval
    is the nearest one that ends with an epoch.

    Args:
        interval: `"auto"` (an epoch; parts of at most 250 steps of a longer one; as
            many epochs as hold 20 steps), `"epoch"`, or an integer >= 1, steps.
        steps: Steps of an epoch, or `None` where they are known after the first one.
    """

    def __init__(self, interval: str | int, steps: int | None) -> None:
        self._interval = interval
        self._steps = steps
        self._since = self._done = 0

    def to_dict(self) -> dict[str, object]:
        """What the next epochs need to know, in plain types."""
        return {"steps": self._steps, "since": self._since}

    def load(self, data: JSON) -> None:
        """Take up what `to_dict` returned."""
        steps = data["steps"]
        self._steps = None if steps is None else int(steps)
        self._since = int(data["since"])

    def advance(self, done: int) -> float | None:
        """What part of the epoch is over, where an evaluation is due within it.

        Args:
            done: Integer >= 1, steps of the epoch that are over.
        """
        # Keras counts an execution of several steps as whole that ends with the epoch.
        done = done if self._steps is None else min(done, self._steps)
        before, self._done = self._done, done
        if self._steps is None or self._parts() == 1 or done >= self._steps:
            return None
        share = self._parts() / self._steps
        due = math.floor(done * share) > math.floor(before * share)
        return done / self._steps if due else None

    def end_epoch(self) -> bool:
        """Whether an evaluation is due at the end of the epoch that is over now."""
        self._steps = max(1, self._done)
        self._since += self._done
        self._done = 0
        due = self._since >= self._fewest(self._steps)
        if due:
            self._since = 0
        return due

    def _parts(self) -> int:
        """Intervals of an epoch, at least one."""
        steps = self._steps or 1
        if self._interval == EPOCH:
            return 1
        if self._interval == AUTO:
            return math.ceil(steps / _LONGEST)
        return max(1, round(steps / int(self._interval)))

    def _fewest(self, steps: int) -> float:
        """Steps after which the end of an epoch ends an interval."""
        if self._interval == EPOCH:
            return 0
        if self._interval == AUTO:
            return _SHORTEST
        # The number of epochs whose steps are closest to the interval.
        return int(self._interval) - steps / 2


def check_interval(interval: Any, may_divide: bool) -> None:
    """Raise a `ValueError` unless a callback can keep an interval.

    Args:
        interval: What it was given.
        may_divide: Whether its rule can be asked at other times than after an epoch.
    """
    whole = isinstance(interval, (int, np.integer)) and not isinstance(interval, bool)
    if interval not in (AUTO, EPOCH) and not (whole and interval >= 1):
        raise ValueError(
            "`interval` must be 'auto', 'epoch' or a number of optimizer steps >= 1. "
            f"Received: interval={interval!r}"
        )
    if whole and not may_divide:
        raise ValueError(
            "`interval` must be 'auto' or 'epoch' under a rule that decides by the "
            f"metrics of whole epochs. Received: interval={interval}. Leave it out, or "
            "use SizeCurveRule()."
        )
