"""How large an error is, beside the variance of the data."""

from __future__ import annotations

import math

import numpy as np

from ald_keras._typing import Tensor
from ald_keras._validation import check_real
from ald_keras.metrics.arrays import NamedArrays, as_array

# Values looked at at once.
_BLOCK = 4_000_000


def tau_for(x: Tensor, explained: float = 0.95) -> float:
    """The squared error a sample that leaves a share of the variance explained.

    The share is `1 - error / variance`, where the variance is that of the data summed
    over the values of a sample: the error of a model that always gives the mean.

    Args:
        x: Array of shape `(samples, *data_shape)`, data frame, or `LazySamples`; of
            arrays by name, that called `"x"` is taken.
        explained: Float in [0, 1). Defaults to 0.95.

    Returns:
        Float, in squared data units, as `GatedVAE` takes it for `tau`.

    Raises:
        TypeError: If `x` has no `shape`.
        ValueError: If `explained` is out of range, or the data hold no values, do not
            vary or are not finite.

    Example:
    >>> tau_for(np.array([[0.0, 1.0], [2.0, 1.0]]), explained=0.75)
    0.25
    """
    explained = check_real("explained", explained, at_least=0.0, below=1.0)
    x = as_array("x", x)
    x = x.parts.get("x", x) if isinstance(x, NamedArrays) else x
    if not hasattr(x, "shape"):
        raise TypeError(
            f"`x` must be an array or `LazySamples`. Received: {type(x).__name__}"
        )
    if not math.prod(x.shape):
        raise ValueError(f"`x` must hold values. Received: shape {tuple(x.shape)}")
    rows = max(1, _BLOCK // math.prod(x.shape[1:]))
    total: Tensor = 0.0
    squared = 0.0
    # Differences, so that nothing is lost where all values are large.
    first = np.asarray(x[:1], "float64")
    for start in range(0, len(x), rows):
        block = np.asarray(x[start : start + rows], "float64") - first
        total = total + block.sum(axis=0)
        squared += float(np.square(block).sum())
    variance = squared / len(x) - float(np.square(total / len(x)).sum())
    if not 0.0 < variance < math.inf:
        raise ValueError(
            "`x` must be finite and vary, to have a variance to explain. "
            f"Received: a variance of {variance:g}"
        )
    return (1.0 - explained) * variance
