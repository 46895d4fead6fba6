"""Arrays out of what users hold: data frames, sparse matrices, lists of one array."""

from __future__ import annotations

from typing import Any

import numpy as np

from ald_keras._typing import FitData, Tensor


class SparseRows:
    """A sparse matrix of SciPy whose rows are dense as they are taken.

    Args:
        matrix: Sparse matrix or array of shape `(samples, features)`.
    """

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix.tocsr()
        self.shape, self.dtype = self.matrix.shape, self.matrix.dtype
        self.ndim = 2

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.asarray(self.matrix[rows].toarray(), "float32")

    def part(self, rows: slice) -> SparseRows:
        """Some rows, still sparse."""
        return SparseRows(self.matrix[rows])


def for_keras(data: FitData) -> FitData:
    """Data as Keras takes them: sparse matrices as SciPy's."""
    if isinstance(data, tuple):
        return tuple(map(for_keras, data))
    if isinstance(data, SparseRows):
        return data.matrix.astype("float32")
    return data


def is_array(data: object) -> bool:
    """Whether `data` is held in memory: NumPy, or a tensor of any framework."""
    return hasattr(data, "shape") and hasattr(data, "dtype")


def as_array(name: str, data: FitData) -> FitData:
    """Data as an array: a data frame, a series, a list of one array, a sparse matrix.

    Others are returned as they are; the rows of a sparse matrix are dense as they are
    taken.

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
    if hasattr(data, "tocsr"):
        return SparseRows(data)
    if not hasattr(data, "to_numpy"):
        return data
    if not hasattr(data, "columns"):
        return data.to_numpy()
    wrong = [
        column
        for column, dtype in zip(data.columns, data.dtypes, strict=True)
        if not _is_numeric(dtype)
    ]
    if wrong:
        raise TypeError(
            f"`{name}` must hold numbers in each column. Received: other values in the "
            f"columns {wrong[:20]}. Encode them, for example with "
            "`pandas.get_dummies`, or drop them."
        )
    if hasattr(data, "iloc"):
        # pandas keeps what is missing among integers as an object of its own.
        return data.to_numpy("float64", na_value=np.nan)
    return np.asarray(data.to_numpy(), "float64")


def _is_numeric(dtype: Any) -> bool:
    """Whether a column of pandas, or of Polars, holds numbers."""
    if hasattr(dtype, "is_numeric"):
        return bool(dtype.is_numeric())
    return getattr(dtype, "kind", "O") in "biuf"


def as_labels(labels: Tensor) -> Tensor:
    """Labels as an array of numbers: texts become their rank among all of them."""
    labels = labels.to_numpy() if hasattr(labels, "to_numpy") else labels
    if getattr(getattr(labels, "dtype", None), "kind", None) in ("O", "U", "S", "T"):
        _, labels = np.unique(np.asarray(labels, str), return_inverse=True)
    return labels
