"""Slope of a curve's last epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ald_keras._validation import check_integer


def fit_slope(values: Sequence[float], window: int) -> float | None:
    """Least-squares slope of the last `window` values.

    The degree-1 fit of arXiv 2312.06280, Eq. 5, in closed form: with `w` values
    at times `t` centred on 0, the slope is `sum(t * y) / (w (w^2 - 1) / 12)`.

    Args:
        values: Sequence of floats, shape `(epochs,)`, one per epoch, in any unit
            (nats per sample, for instance).
        window: Integer >= 2, epochs used.

    Returns:
        Float, the values' unit per epoch; negative means falling. `None` while
        fewer than `window` values exist.

    Raises:
        ValueError: If `window` < 2 or a used value is not finite.

    Example:
    >>> fit_slope([3.0, 2.0, 1.0], window=3)
    -1.0
    """
    window = check_integer("window", window, 2)
    if len(values) < window:
        return None
    used = [float(value) for value in values[-window:]]
    if not all(math.isfinite(value) for value in used):
        raise ValueError(f"`values` must be finite. Received: values={used}")
    # Pairing the ends gives exactly 0 for a flat curve, whatever its level; a
    # plain dot product can leave a rounding error that counts as rising.
    moment = math.fsum(
        (window - 1 - 2 * i) / 2 * (used[-1 - i] - used[i]) for i in range(window // 2)
    )
    return moment / (window * (window * window - 1) / 12)
