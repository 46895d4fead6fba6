"""Tables in units of each column's standard deviation in the training part."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ald_keras.datasets.columns import Column
from ald_keras.datasets.dataset import RawDataset, Samples, data_of, scale
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.metrics.arrays import NamedArrays

# Values read at a time for the statistics.
_BLOCK_VALUES = 1 << 22


def standardize(
    raw: RawDataset, rows: npt.NDArray[np.int64], noise: float, may_miss: bool = False
) -> RawDataset:
    """Both parts with each column of numbers centred and divided.

    The divisor is `noise` standard deviations; a constant column is only centred.
    Columns of categories and conditions stay as they are. Lazy samples stay lazy.

    Args:
        raw: The data.
        rows: The samples of the training part that mean and standard deviation are
            taken of, without missing values.
        noise: Float > 0, standard deviations.
        may_miss: Boolean, NaN stands for a missing value. Defaults to `False`.

    Returns:
        Such a `RawDataset` with `columns`, of which each says mean and standard
        deviation.

    Raises:
        ValueError: If the data are no table, or not finite.
    """
    x = data_of(raw.x)
    if x.ndim != 2:
        raise ValueError(
            "`standardize` must be left out for data other than tables, shape "
            f"(samples, columns). Received: samples of shape {tuple(x.shape[1:])} from "
            f"{raw.source}"
        )
    columns = raw.columns or tuple(Column(str(i)) for i in range(x.shape[1]))
    is_number = np.array([column.is_number for column in columns])
    mean, std = _statistics(lambda: _blocks(x, rows, raw.source, may_miss))
    mean, std = np.where(is_number, mean, 0.0), np.where(is_number, std, 1.0)
    divisor = np.where(is_number, noise * std, 1.0)
    return dataclasses.replace(
        raw,
        x=_standardized(raw.x, mean, divisor, raw.source),
        x_test=_standardized(raw.x_test, mean, divisor, raw.source),
        columns=tuple(
            dataclasses.replace(column, mean=float(m), std=float(s))
            if column.is_number
            else column
            for column, m, s in zip(columns, mean, std, strict=True)
        ),
    )


def _blocks(
    x: Any, rows: npt.NDArray[np.int64], source: str, may_miss: bool
) -> Iterator[npt.NDArray[np.float64]]:
    size = max(1, _BLOCK_VALUES // x.shape[1])
    for start in range(0, len(rows), size):
        block = x[rows[start : start + size]]
        scale(block, source, may_miss)  # raises for values that are not finite
        yield _as_float64(block, source)


def _as_float64(x: npt.NDArray[np.generic], source: str) -> npt.NDArray[np.float64]:
    return np.asarray(x if x.dtype.kind == "f" else scale(x, source), "float64")


def _statistics(read: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of the known values; 1 for constant columns."""
    count: Any = 0
    total: Any = 0.0
    lowest: Any = np.inf
    highest: Any = -np.inf
    for block in read():
        count = count + (~np.isnan(block)).sum(axis=0)
        total = total + np.nansum(block, axis=0)
        lowest = np.fmin(lowest, np.fmin.reduce(block, axis=0))
        highest = np.fmax(highest, np.fmax.reduce(block, axis=0))
    count = np.maximum(count, 1)
    mean = total / count
    squares: Any = 0.0
    for block in read():
        squares = squares + np.nansum((block - mean) ** 2, axis=0)
    varies = lowest < highest
    return mean, np.where(varies, np.sqrt(squares / count), 1.0)


def _standardized(
    x: Samples,
    mean: npt.NDArray[np.float64],
    divisor: npt.NDArray[np.float64],
    source: str,
) -> Samples:
    if isinstance(x, NamedArrays):
        data = _standardized(x.parts["x"], mean, divisor, source)
        return NamedArrays({**x.parts, "x": data})
    if isinstance(x, LazySamples):
        return LazySamples(_Rows(x, mean, divisor), source)
    return (_as_float64(x, source) - mean) / divisor


class _Rows:
    """Rows of lazy samples, standardised as they are taken."""

    def __init__(
        self,
        x: LazySamples,
        mean: npt.NDArray[np.float64],
        divisor: npt.NDArray[np.float64],
    ) -> None:
        self._x, self._mean, self._divisor = x, mean, divisor
        self.shape = x.shape

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> np.ndarray:
        return (self._x[rows] - self._mean) / self._divisor
