"""The smallest size that is good enough, read off the last measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ald_keras.rules.size_curve.measurement import SizeMeasurement

# Evaluations whose measurements are averaged.
WINDOW = 4


@dataclass(frozen=True)
class Increase:
    """What the loss increases by at one size, over several measurements.

    Args:
        mean: Mean of the increases, nats per sample.
        standard_error: Mean of their standard errors, that of one measurement.
        count: Integer >= 1, number of measurements.
    """

    mean: float
    standard_error: float
    count: int

    def is_within(self, allowed: float, margin: float = 0.0) -> bool:
        """Whether it is within a tolerance, or too small to be distinguished from 0.

        A tolerance below one standard error cannot be resolved (the one-standard-error
        rule of Breiman, Friedman, Olshen and Stone 1984, chapter 3).

        Args:
            allowed: Float, the tolerance in nats per sample.
            margin: Standard errors of the mean by which it may exceed the tolerance;
                negative where it must stay below it. Defaults to 0.
        """
        scatter = self.standard_error / math.sqrt(self.count)
        return self.mean <= max(allowed, self.standard_error) + margin * scatter


def mean_increases(window: Sequence[SizeMeasurement]) -> dict[int, Increase]:
    """The increase at each size of the last measurement, over all that have the size.

    Args:
        window: Measurements, oldest first, at least one.
    """
    found = {}
    for size in window[-1].sizes:
        having = [(m, m.sizes.index(size)) for m in window if size in m.sizes]
        increases = [m.increase[i] for m, i in having]
        errors = [m.standard_error[i] for m, i in having]
        count = len(having)
        found[size] = Increase(sum(increases) / count, sum(errors) / count, count)
    return found


def sufficient_size(
    increases: Mapping[int, Increase],
    allowed: float,
    before: int | None,
    minimum: int,
) -> int:
    """The smallest size from which on the increase stays within a tolerance.

    From an earlier answer it moves only where an increase is beyond its own scatter, so
    that an increase close to the tolerance does not move it up and down.

    Args:
        increases: `mean_increases`, of neighbouring sizes around the answer.
        allowed: Float, the tolerance in nats per sample.
        before: The earlier answer, or `None`.
        minimum: Integer >= 1, the smallest answer.

    Example:
    >>> at = {1: Increase(9.0, 0.1, 1), 2: Increase(0.2, 0.1, 1), 3: Increase(0, 0, 1)}
    >>> sufficient_size(at, allowed=0.5, before=None, minimum=1)
    2
    """
    full = max(increases)
    margin = 0.0 if before is None else 1.0
    size = full if before is None else min(before, full)
    while size < full and not _at(increases, size).is_within(allowed, margin):
        size += 1
    for smaller in sorted(increases, reverse=True):
        if minimum <= smaller < size:
            if not increases[smaller].is_within(allowed, -margin):
                break
            size = smaller
    return size


def _at(increases: Mapping[int, Increase], size: int) -> Increase:
    """The increase at a size, or at the next one that was measured."""
    return increases[min(s for s in increases if s >= size)]


def size_within_bound(
    window: Sequence[SizeMeasurement], name: str, bound: float, minimum: int
) -> int | None:
    """The smallest size from which on a metric stays within a bound.

    Args:
        window: Measurements, at least one.
        name: Name of the metric, of which lower is better.
        bound: Float, in the metric's unit.
        minimum: Integer >= 1, the smallest answer.

    Returns:
        The size, or `None` where the full size exceeds the bound.
    """
    sizes, means = mean_metric(window, name)
    fitting = None
    for size, mean in zip(reversed(sizes), reversed(means), strict=True):
        if mean > bound or size < minimum:
            break
        fitting = size
    return fitting


def best_size(
    window: Sequence[SizeMeasurement], name: str, sign: float, minimum: int
) -> int:
    """The smallest size at which a metric is as good as at its best size.

    As good means within the standard error of the mean over the measurements.

    Args:
        window: Measurements, at least one.
        name: Name of the metric.
        sign: 1 where lower is better, -1 where higher is.
        minimum: Integer >= 1, the smallest answer.
    """
    sizes, means = mean_metric(window, name)
    rows = [dict(zip(m.sizes, m.metrics[name], strict=True)) for m in window]
    usable = [(s, sign * m) for s, m in zip(sizes, means, strict=True) if s >= minimum]
    best, lowest = min(usable, key=lambda pair: pair[1])
    values = [sign * row[best] for row in rows if best in row]
    scatter = 0.0
    if len(values) > 1:
        variance = sum((v - lowest) ** 2 for v in values) / (len(values) - 1)
        scatter = math.sqrt(variance / len(values))
    return next(size for size, mean in usable if mean <= lowest + scatter)


def mean_metric(
    window: Sequence[SizeMeasurement], name: str
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Sizes of the last measurement, and the mean of a metric at each."""
    sizes = window[-1].sizes
    means = []
    for size in sizes:
        having = [
            m.metrics[name][m.sizes.index(size)] for m in window if size in m.sizes
        ]
        means.append(sum(having) / len(having))
    return sizes, tuple(means)
