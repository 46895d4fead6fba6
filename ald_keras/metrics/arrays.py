"""Arrays out of what users hold: data frames, sparse matrices, lists of one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
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

    def part(self, rows: Any) -> SparseRows:
        """Some rows, still sparse."""
        return SparseRows(self.matrix[rows])


class NamedArrays:
    """Arrays of the same samples by name, whose rows are taken together.

    Args:
        parts: Arrays, or what gives arrays when it is sliced, by name. At least one.

    Raises:
        ValueError: If they are not equally long.
    """

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = dict(parts)
        lengths = {name: len(part) for name, part in self.parts.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(
                "Arrays by name must hold as many samples each. "
                f"Received: {lengths or 'none'}"
            )

    def __len__(self) -> int:
        return len(next(iter(self.parts.values())))

    def __getitem__(self, rows: Any) -> NamedArrays:
        return NamedArrays({name: part[rows] for name, part in self.parts.items()})

    def part(self, rows: Any) -> NamedArrays:
        """Some rows; what is sparse or lazy stays so."""
        return NamedArrays({n: rows_of(part, rows) for n, part in self.parts.items()})


def rows_of(array: Any, rows: Any) -> Any:
    """Some rows of an array; what is sparse or lazy stays so.

    Args:
        array: Array, or what gives arrays when it is sliced.
        rows: Slice, or integers of shape `(k,)`.
    """
    return array.part(rows) if hasattr(array, "part") else array[rows]


def concatenate(parts: Sequence[Any]) -> Any:
    """Arrays, or arrays by name, one after another."""
    if not isinstance(parts[0], NamedArrays):
        return np.concatenate(parts)
    names = parts[0].parts
    return NamedArrays({n: np.concatenate([p.parts[n] for p in parts]) for n in names})


def to_numpy(values: Any) -> Any:
    """A tensor as NumPy's array; arrays by name as `NamedArrays` of such."""
    if isinstance(values, NamedArrays):
        values = values.parts
    if isinstance(values, Mapping):
        return NamedArrays({name: to_numpy(part) for name, part in values.items()})
    return keras.ops.convert_to_numpy(values)


def as_given(data: Any) -> Any:
    """Arrays as a user's function takes them: one, or a dict by name."""
    if isinstance(data, NamedArrays):
        return {name: np.asarray(part[:]) for name, part in data.parts.items()}
    return np.asarray(data[:])


def for_keras(data: FitData) -> FitData:
    """Data as Keras takes them: sparse matrices as SciPy's, arrays by name as dicts."""
    if isinstance(data, tuple):
        return tuple(map(for_keras, data))
    if isinstance(data, NamedArrays):
        return {name: for_keras(part) for name, part in data.parts.items()}
    if isinstance(data, SparseRows):
        return data.matrix.astype("float32")
    return data


def is_array(data: object) -> bool:
    """Whether `data` is held in memory: NumPy, a tensor or several by name."""
    named = isinstance(data, NamedArrays)
    return named or (hasattr(data, "shape") and hasattr(data, "dtype"))


def as_array(name: str, data: FitData) -> FitData:
    """Data as an array: a data frame, a series, a list of one array, a sparse matrix.

    A mapping becomes `NamedArrays`. Others are returned as they are; the rows of a
    sparse matrix are dense as they are taken.

    Args:
        name: The argument's name, for messages.
        data: What was given for it.

    Raises:
        TypeError: If `data` is a list of samples, or if columns of a data frame do not
            hold numbers.
        ValueError: If arrays by name are not equally long.
    """
    if isinstance(data, Mapping):
        parts = {key: as_array(f"{name}['{key}']", part) for key, part in data.items()}
        wrong = [key for key, part in parts.items() if not is_array(part)]
        if wrong:
            raise TypeError(
                f"`{name}` must hold arrays by name. Received: other values as {wrong}"
            )
        # Rows are taken by arrays of numbers, which not every framework allows.
        tensors = keras.ops.is_tensor
        return NamedArrays(
            {key: to_numpy(p) if tensors(p) else p for key, p in parts.items()}
        )
    if isinstance(data, (list, tuple)) and len(data) == 1 and is_array(data[0]):
        return data[0]
    if isinstance(data, (list, tuple)):
        raise TypeError(
            f"`{name}` must be one array, arrays by name or a stream of batches. "
            f"Received: a {type(data).__name__} of length {len(data)}. Make a list of "
            "samples an array with `np.asarray`; give several inputs by name: "
            "{'x': data, 'condition': labels}."
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
    if isinstance(labels, (Mapping, NamedArrays)):
        return None  # `fit(x, x)`, as for an autoencoder of Keras
    labels = labels.to_numpy() if hasattr(labels, "to_numpy") else labels
    labels = np.asarray(labels) if isinstance(labels, (list, tuple)) else labels
    if getattr(getattr(labels, "dtype", None), "kind", None) in ("O", "U", "S", "T"):
        _, labels = np.unique(np.asarray(labels, str), return_inverse=True)
    return labels
