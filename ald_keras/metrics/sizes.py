"""Which sizes a size curve is measured at, and the statistics of its increases."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def paired_increase(
    losses: ArrayLike, full: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean paired difference of losses and its standard error.

    Args:
        losses: Loss of each sample at each size, shape `(sizes, samples)`, at least two
            samples.
        full: Loss of each sample at the full size, shape `(samples,)`.

    Returns:
        Mean of `losses - full` over samples and its standard error, each of shape
        `(sizes,)`, in the unit of the losses.

    Example:
    >>> increase, error = paired_increase([[3.0, 5.0]], [1.0, 1.0])
    >>> float(increase[0]), float(error[0])
    (3.0, 1.0)
    """
    differences = np.asarray(losses, "float64") - np.asarray(full, "float64")
    errors = differences.std(axis=1, ddof=1) / math.sqrt(differences.shape[1])
    return differences.mean(axis=1), errors


# All sizes are measured up to this one, and no more than this many at the edge.
_ALL = 24

# Ratio of neighbouring sizes above.
_RATIO = 4 / 3


def spaced_sizes(full: int) -> tuple[int, ...]:
    """All sizes up to 24, above that each a third larger, and the full one.

    Args:
        full: Integer >= 1, the full size.

    Example:
    >>> spaced_sizes(100)[20:]
    (21, 22, 23, 24, 32, 43, 57, 76, 100)
    """
    sizes = list(range(1, min(full, _ALL) + 1))
    while sizes[-1] < full:
        sizes.append(min(round(_RATIO * sizes[-1]), full))
    return tuple(sizes)


def sizes_at_edge(
    sizes: Sequence[int], increase: Sequence[float], allowed: float
) -> tuple[int, ...]:
    """Sizes that are missing where the increase crosses a tolerance.

    Args:
        sizes: Measured sizes, ascending.
        increase: Increase at each of them.
        allowed: Float, the tolerance in the unit of the increase.

    Returns:
        The integers between the smallest size from which on the increase stays within
        the tolerance and the measured size below it, at most 24, evenly spaced.

    Example:
    >>> sizes_at_edge((4, 8, 16), (5.0, 0.1, 0.0), allowed=0.5)
    (5, 6, 7)
    """
    above = [i for i, value in enumerate(increase) if value > allowed]
    if not above or above[-1] + 1 == len(sizes):
        return ()
    low, high = sizes[above[-1]], sizes[above[-1] + 1]
    missing = np.arange(low + 1, high)
    if len(missing) > _ALL:
        missing = np.unique(np.linspace(low + 1, high - 1, _ALL).round())
    return tuple(int(size) for size in missing)
