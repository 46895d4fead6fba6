"""The right answer: the smallest fixed size that is as good as the best."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Collection, Mapping, Sequence

# Share of the best size's gain, and sizes trained on each side of the edge.
TOLERANCE = 0.005
MARGIN = 3


@dataclasses.dataclass(frozen=True)
class Edge:
    """The smallest size that is good enough.

    Args:
        size: Integer, that size.
        value: Float, its mean figure.
        best_size: Integer, the smallest of the sizes with the best mean figure.
        best: Float, the best mean figure.
        least: Float, the mean figure that is good enough.
    """

    size: int
    value: float
    best_size: int
    best: float
    least: float


def right_answer(
    figures: Mapping[int, Sequence[float]],
    baseline_nll: float | None = None,
    tolerance: float = TOLERANCE,
) -> Edge:
    """The smallest fixed size that loses at most a share of the best size's gain.

    Args:
        figures: Mapping from sizes to figures, one a seed, in nats per sample; higher
            is better: the test ELBO, or minus the reconstruction loss.
        baseline_nll: NLL of the best output that is the same for all samples, nats per
            sample. The gain is this plus the best mean figure; where it is `None`, the
            figure's absolute value stands for the gain. Defaults to `None`.
        tolerance: Float >= 0, share of the gain. Defaults to `TOLERANCE`.

    Returns:
        The `Edge`.

    Raises:
        ValueError: If there is no figure, or one is not finite.

    Example:
    >>> right_answer({4: [-110.0], 5: [-100.4], 6: [-100.0]}).size
    5
    """
    if not figures or not all(figures.values()):
        raise ValueError(f"`figures` must hold a figure a size. Received: {figures}")
    if not all(math.isfinite(value) for row in figures.values() for value in row):
        raise ValueError(f"`figures` must be finite. Received: {dict(figures)}")
    means = {size: statistics.fmean(figures[size]) for size in sorted(figures)}
    best_size = max(means, key=lambda size: means[size])
    best = means[best_size]
    gain = abs(best) if baseline_nll is None else max(0.0, baseline_nll + best)
    least = best - tolerance * gain
    size = next(size for size, mean in means.items() if mean >= least)
    return Edge(size, means[size], best_size, best, least)


def sizes_to_train(
    figures: Mapping[int, Sequence[float]],
    tried: Collection[int],
    guess: int,
    largest: int,
    margin: int = MARGIN,
    baseline_nll: float | None = None,
) -> list[int]:
    """Fixed sizes that are still to be trained to know the right answer.

    First every size within `margin` of a guess, and the largest. Then every size within
    `margin` of the edge found with these, and so on; where the next smaller size is far
    away, the one half-way first.

    Args:
        figures: As `right_answer` takes it.
        tried: Sizes that were trained, with success or not.
        guess: Integer >= 1.
        largest: Integer >= `guess`; no size above `largest + margin` is asked for.
        margin: Integer >= 0. Defaults to `MARGIN`.
        baseline_nll: As `right_answer` takes it. Defaults to `None`.

    Returns:
        Sizes in ascending order; none once the answer is known.
    """
    around = {*_within(guess, margin, largest), largest}.difference(tried)
    if around or not figures:
        return sorted(around)
    edge = right_answer(figures, baseline_nll).size
    below = max((size for size in {*tried, *figures} if size < edge), default=0)
    if edge - below > 2 * margin + 1:
        return [(edge + below) // 2]
    return sorted(_within(edge, margin, largest).difference(tried))


def _within(size: int, margin: int, largest: int) -> set[int]:
    return set(range(max(1, size - margin), min(size, largest) + margin + 1))
