"""Whether the scale of a table suits a likelihood of unit scale."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from ald_keras._warn import warn
from ald_keras.metrics.arrays import to_numpy

# Rows that are looked at, and standard deviations that ask for no warning.
_ROWS = 1000
_USUAL = (0.1, 10.0)


def warn_of_scale(x: Any) -> None:
    """Warn of columns that are large or small beside a likelihood's scale of 1.

    Args:
        x: Array of the data without conditions, shape `(samples, *data_shape)`; only
            tables are looked at.
    """
    if len(x.shape) != 2:
        return
    x = to_numpy(x) if keras.ops.is_tensor(x) else x
    rows = np.linspace(0, len(x) - 1, min(_ROWS, len(x))).astype(int)
    values = np.ma.masked_invalid(np.asarray(x[rows], "float64"))
    spread = np.ma.std(values, axis=0).filled(0.0)
    spread = spread[spread > 0.0]
    if not spread.size or _USUAL[0] <= np.median(spread) <= _USUAL[1]:
        return
    warn(
        "The columns of `x` have a median standard deviation of "
        f"{np.median(spread):.3g}, and the likelihood takes deviations of 1 for noise: "
        "the latent size depends on that. Standardise the columns: "
        "`data: {standardize: true}` in a config, "
        "`(x - np.nanmean(x, 0)) / np.nanstd(x, 0)` in Python."
    )
