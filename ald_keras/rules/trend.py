"""Where a falling loss is on its way to, and what removals add to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import orth
from scipy.optimize import nnls

from ald_keras.rules.frozen import Immutable

# Fitted to epochs 19 to 30 of networks of fixed size, it misses their loss 15 epochs
# later by less than 0.1 nats on MNIST, Fashion-MNIST and digits; with 1/2 by up to 0.3,
# with 1 by up to 0.9.
_POWER = 1.0 / 3.0

# That of what a network makes up for in a few epochs: on rendered shapes the loss rose
# by 106 nats in the first epoch without a dimension, of which 19, 12, 8, 6 and 5 were
# left in the next.
_FAST = 2.0


def shape(epochs: float) -> float:
    """How much of a gain is still to come after `epochs` > 0, from 1 after one."""
    return float(epochs**-_POWER)


@dataclass(frozen=True)
class Removal(Immutable):
    """What a removal adds to the loss, `cost + debt / cbrt(t) + shock / t**2`.

    `t` is the epochs since. Of what a network makes up for, part is as slow as all it
    learns, and part is over in a few epochs.

    Args:
        start: Float > 0, epochs trained before it.
        cost: Float, nats that are left of it after endless training.
        debt: Float >= 0, nats that are made up for slowly, by the first epoch.
        shock: Float >= 0, nats that are made up for quickly, by the first epoch.
    """

    start: float
    cost: float
    debt: float
    shock: float

    def at(self, epochs: float) -> float:
        """What it adds after so many epochs of training in all, in nats."""
        since = epochs - self.start
        if since <= 0.0:
            return 0.0
        return self.cost + self.debt * shape(since) + self.shock * since**-_FAST


@dataclass(frozen=True)
class Course(Immutable):
    """A loss that falls with the inverse cube root of the epochs trained.

    Without removals it is `level + gain / cbrt(t)`. Without such a trend a removal
    would get the credit for what training brings meanwhile; a straight line would
    promise ever more of it. Learning curves follow power laws (Hestness et al., 2017,
    arXiv 1712.00409). What a removal adds falls likewise, as the network makes up for
    it.

    Args:
        level: Float, the loss after endless training, in nats per sample.
        gain: Float >= 0, nats that it lies above that after one epoch.
        removals: What each removal adds to it, the earliest first. Defaults to none.
    """

    level: float
    gain: float
    removals: tuple[Removal, ...] = ()

    def at(self, epochs: float) -> float:
        """The loss expected after `epochs` > 0 epochs, had nothing been removed."""
        return self.level + self.gain * shape(epochs)

    def added(self, epochs: float) -> float:
        """What all removals add after `epochs` > 0 epochs, in nats."""
        return math.fsum(removal.at(epochs) for removal in self.removals)

    def without_last(self) -> Course:
        """The same course without the last removal."""
        return Course(self.level, self.gain, self.removals[:-1])


def fit_course(
    epochs: Sequence[float],
    losses: Sequence[float],
    starts: Sequence[float] = (),
    *,
    falls: bool = True,
    may_help: bool = False,
) -> Course:
    """Least-squares `Course` of losses; level where they rise.

    All of it is fitted at once, so that what is recorded during a trial tells of the
    trend as well. A trend of the epochs before the trials alone is off by several times
    what a dimension costs 30 epochs later, where the loss still falls by a nat an epoch
    (frames of SPRITES).

    Args:
        epochs: Floats > 0, epochs trained, shape `(n,)`, `n >= 2`, ascending.
        losses: Floats of the same number, in nats per sample.
        starts: Floats, epochs trained before each removal, ascending. Defaults to none.
        falls: Boolean, whether the loss falls by training. Defaults to `True`.
        may_help: Boolean, whether the last removal may make the loss lower. No other
            may, or it would stand for what training brings. Defaults to `False`.

    Returns:
        The course. Its gain is 0 where the losses rise from the start; what they rise
        later is put down to the removals.

    Example:
    >>> round(fit_course([1, 8, 27], [7.0, 4.0, 3.0]).at(216), 6)
    2.0
    """
    times, heights = np.asarray(epochs, float), np.asarray(losses, float)
    free, least = [np.ones_like(times)], [times**-_POWER] if falls else []
    for start in starts:
        since = times - start
        after = since > 0.0
        since = np.where(after, since, 1.0)
        least += [after * since**-power for power in (0.0, _POWER, _FAST)]
    if starts and may_help:
        free.append(least.pop(-3))
    at_least_0, others = _solve(np.stack(free, axis=1), least, heights)
    level = others[0]
    gain = at_least_0.pop(0) if falls else 0.0
    if starts and may_help:
        at_least_0.insert(-2, others[1])
    parts = zip(*(at_least_0[part::3] for part in range(3)), strict=True)
    removals = tuple(
        Removal(float(start), *part) for start, part in zip(starts, parts, strict=True)
    )
    return Course(level, gain, removals)


def _solve(
    free: np.ndarray, least: list[np.ndarray], heights: np.ndarray
) -> tuple[list[float], list[float]]:
    """Least-squares weights of columns: those that are at least 0, and free ones."""
    found = np.zeros(len(least))
    rest = heights
    if least:
        columns = np.stack(least, axis=1)
        # What free columns can explain has no say in the others.
        basis = orth(free)
        apart, left = (a - basis @ (basis.T @ a) for a in (columns, heights))
        sizes = [np.linalg.norm(a, axis=0) for a in (columns, apart)]
        # Of a column that they explain whole, only rounding is left.
        apart[:, sizes[1] <= 1e-9 * sizes[0]] = 0.0
        found, _ = nnls(apart, left, maxiter=100 * len(least))
        rest = heights - columns @ found
    others = np.linalg.lstsq(free, rest)[0]
    return found.tolist(), others.tolist()
