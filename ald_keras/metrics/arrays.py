"""Arrays out of what users hold: data frames, series, lists of one array."""

from __future__ import annotations

import numpy as np

from ald_keras._typing import FitData, Tensor


def is_array(data: object) -> bool:
    """Whether `data` is held in memory: NumPy, or a tensor of any framework."""
    return hasattr(data, "shape") and hasattr(data, "dtype")


def as_array(name: str, data: FitData) -> FitData:
    """A data frame, a series or a list of one array as an array; others as they are.

    Args:
        name: The argument's name, for messages.
        data: What was given for it.

    Raises:
        TypeError: If `data` is a list of samples or a mapping, or if columns of a data
            frame do not hold numbers.
    """
    if isinstance(data, (list, tuple)) and len(data) == 1 and is_array(data[0]):
        return data[0]
    if isinstance(data, (list, tuple, dict)):
        raise TypeError(
            f"`{name}` must be one array or a stream of batches. Received: a "
            f"{type(data).__name__} of length {len(data)}. Make a list of samples an "
            "array with `np.asarray`; concatenate several inputs to one array instead."
        )
    if not hasattr(data, "to_numpy"):
        return data
    if not hasattr(data, "columns"):
        return data.to_numpy()
    wrong = [
        column
        for column, dtype in zip(data.columns, data.dtypes, strict=True)
        if getattr(dtype, "kind", "O") not in "biuf"
    ]
    if wrong:
        raise TypeError(
            f"`{name}` must hold numbers in each column. Received: other values in the "
            f"columns {wrong[:20]}. Encode them, for example with "
            "`pandas.get_dummies`, or drop them."
        )
    return data.to_numpy("float64")


def as_labels(labels: Tensor) -> Tensor:
    """Labels as an array of numbers: texts become their rank among all of them."""
    labels = labels.to_numpy() if hasattr(labels, "to_numpy") else labels
    if getattr(getattr(labels, "dtype", None), "kind", None) in ("O", "U", "S", "T"):
        _, labels = np.unique(np.asarray(labels, str), return_inverse=True)
    return labels
