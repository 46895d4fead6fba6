"""The smallest sufficient size: the smallest fixed size as good as the best."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Collection, Mapping, Sequence

from ald_keras.rules.tolerance import TOLERANCE

# Sizes trained on each side of the smallest sufficient one.
MARGIN = 3


@dataclasses.dataclass(frozen=True)
class SufficientSize:
    """The smallest sufficient size.

    Args:
        size: Integer, that size.
        value: Float, its mean metric.
        best_size: Integer, the smallest of the sizes with the best mean metric.
        best: Float, the best mean metric.
        required: Float, the mean metric that is sufficient.
    """

    size: int
    value: float
    best_size: int
    best: float
    required: float


def smallest_sufficient_size(
    metrics: Mapping[int, Sequence[float]],
    baseline_nll: float | None = None,
    tolerance: float = TOLERANCE,
) -> SufficientSize:
    """The smallest fixed size that loses at most a share of the best size's gain.

    Args:
        metrics: Mapping from sizes to a metric, a value a seed, in nats per sample;
            higher is better: the test ELBO, or minus the reconstruction loss.
        baseline_nll: NLL of the best output that is the same for all samples, nats per
            sample. The gain is this plus the best mean metric; where it is `None`, the
            metric's absolute value stands for the gain. Defaults to `None`.
        tolerance: Float >= 0, share of the gain. Defaults to `TOLERANCE`.

    Returns:
        The `SufficientSize`.

    Raises:
        ValueError: If there is no value, or one is not finite.

    Example:
    >>> smallest_sufficient_size({4: [-110.0], 5: [-100.4], 6: [-100.0]}).size
    5
    """
    if not metrics or not all(metrics.values()):
        raise ValueError(f"`metrics` must hold values by size. Received: {metrics}")
    if not all(math.isfinite(value) for row in metrics.values() for value in row):
        raise ValueError(f"`metrics` must be finite. Received: {dict(metrics)}")
    means = {size: statistics.fmean(metrics[size]) for size in sorted(metrics)}
    best_size = max(means, key=lambda size: means[size])
    best = means[best_size]
    gain = abs(best) if baseline_nll is None else max(0.0, baseline_nll + best)
    required = best - tolerance * gain
    size = next(size for size, mean in means.items() if mean >= required)
    return SufficientSize(size, means[size], best_size, best, required)


def sizes_to_train(
    metrics: Mapping[int, Sequence[float]],
    tried: Collection[int],
    estimate: int,
    largest: int,
    margin: int = MARGIN,
    baseline_nll: float | None = None,
) -> list[int]:
    """Fixed sizes that are still to be trained to know the smallest sufficient one.

    First every size within `margin` of an estimate, and the largest. Then every size
    within `margin` of the smallest sufficient one of these, and so on; where the next
    smaller size is far away, the one half-way first.

    Args:
        metrics: As `smallest_sufficient_size` takes it.
        tried: Sizes that were trained, with success or not.
        estimate: Integer >= 1.
        largest: Integer >= `estimate`; no size above `largest + margin` is asked for.
        margin: Integer >= 0. Defaults to `MARGIN`.
        baseline_nll: As `smallest_sufficient_size` takes it. Defaults to `None`.

    Returns:
        Sizes in ascending order; none once the smallest sufficient size is known.
    """
    around = {*_within(estimate, margin, largest), largest}.difference(tried)
    if around or not metrics:
        return sorted(around)
    found = smallest_sufficient_size(metrics, baseline_nll).size
    below = max((size for size in {*tried, *metrics} if size < found), default=0)
    if found - below > 2 * margin + 1:
        return [(found + below) // 2]
    return sorted(_within(found, margin, largest).difference(tried))


def _within(size: int, margin: int, largest: int) -> set[int]:
    return set(range(max(1, size - margin), min(size, largest) + margin + 1))
