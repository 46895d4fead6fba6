"""Checks on metric inputs, shared by the metrics of this room."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_REAL_KINDS = "biuf"


def as_matrix(values: ArrayLike, name: str, min_rows: int) -> NDArray[np.float64]:
    """Values as a finite float64 matrix.

    Args:
        values: Array or tensor of real numbers, shape `(n, d)`.
        name: The argument's name, for the message.
        min_rows: Integer, fewest rows accepted.

    Returns:
        New float64 array, shape `(n, d)`.

    Raises:
        ValueError: If the values are not real numbers, not 2-D, not finite, have no
            column or fewer than `min_rows` rows.
    """
    array = np.asarray(values)
    if array.dtype.kind not in _REAL_KINDS and array.dtype.name != "bfloat16":
        raise ValueError(
            f"`{name}` must hold real numbers. Received: dtype={array.dtype}"
        )
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"`{name}` must be 2-D, (samples, dimensions), with at least one "
            f"dimension. Received: shape={array.shape}"
        )
    if array.shape[0] < min_rows:
        raise ValueError(
            f"`{name}` must have at least {min_rows} samples. "
            f"Received: shape={array.shape}"
        )
    array = array.astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise ValueError(
            f"`{name}` must be finite. Received: {bad} of {array.size} values are "
            "NaN or infinite"
        )
    return array
