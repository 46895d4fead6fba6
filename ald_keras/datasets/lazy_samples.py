"""Samples that stay as they are stored until they are read."""

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ald_keras.datasets.dataset import scale

# float32 bytes made at a time, beside the result of a large read.
_BLOCK_BYTES = 1 << 25


class SampleStore(Protocol):
    """Where samples are kept: an array, or anything that gives rows of one.

    `shape` is `(n, *data_shape)`, and indexing with int64 rows of shape `(k,)` gives a
    uint8, bool or float array of shape `(k, *data_shape)`.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: npt.NDArray[np.int64], /) -> np.ndarray: ...


class LazySamples:
    """float32 samples that are made from a smaller store, or from files, as read.

    Indexing (`samples[i]`, `samples[a:b]`, `samples[rows]`) gives float32 arrays,
    scaled as `load_dataset` scales everything; `np.asarray(samples)` makes all of them.

    Args:
        store: Where the samples are kept, see `SampleStore`.
        source: Where the data came from, for error messages.
        rows: int64 rows of the store that make up the samples, shape `(n,)`. Defaults
            to `None`: all.

    Example:
    >>> samples = LazySamples(np.array([[0, 51], [255, 0]], np.uint8), "here")
    >>> samples[1:]
    array([[1., 0.]], dtype=float32)
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        store: SampleStore,
        source: str,
        rows: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self._store = store
        self._source = source
        self._rows = np.arange(store.shape[0]) if rows is None else rows
        self.shape = (len(self._rows), *store.shape[1:])
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: int | slice | np.ndarray) -> npt.NDArray[np.float32]:
        rows = np.asarray(self._rows[key])
        if rows.ndim > 1:
            raise IndexError(
                "Lazy samples are indexed along their first axis alone, by an integer, "
                f"a slice or a 1-D array. Received: {key!r}"
            )
        return self._read(rows) if rows.ndim else self._read(rows[np.newaxis])[0]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> np.ndarray:
        """All samples; NumPy calls this."""
        if copy is False:
            raise ValueError("Lazy samples cannot become an array without a copy.")
        return self._read(self._rows).astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        return f"<LazySamples of shape {self.shape} from {self._source}>"

    def take(self, rows: npt.ArrayLike) -> "LazySamples":
        """Some of the samples, lazy like these and in the same store.

        Args:
            rows: Integer positions among these samples, shape `(k,)`.

        Returns:
            `LazySamples` of length `k`.
        """
        return LazySamples(self._store, self._source, self._rows[np.asarray(rows)])

    def part(self, rows: slice | npt.NDArray[np.int64]) -> "LazySamples":
        """Some of the samples, lazy like these, by a slice or integer positions."""
        return self.take(np.arange(len(self))[rows])

    def _read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        sample_bytes = self.dtype.itemsize * math.prod(self.shape[1:])
        block = max(1, _BLOCK_BYTES // sample_bytes)
        if len(rows) <= block:
            return scale(self._store[rows], self._source)
        samples = np.empty((len(rows), *self.shape[1:]), np.float32)
        for start in range(0, len(rows), block):
            part = slice(start, start + block)
            samples[part] = scale(self._store[rows[part]], self._source)
        return samples
