"""What a loader returns, and what `load_dataset` makes of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ald_keras.datasets.columns import Column
from ald_keras.metrics.arrays import NamedArrays

if TYPE_CHECKING:
    from ald_keras.datasets.lazy_samples import LazySamples

    Samples: TypeAlias = npt.NDArray[Any] | LazySamples | NamedArrays
else:
    Samples = Any


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in its three parts, ready for `fit`.

    Args:
        name: Name in the registry, for example ``"mnist"``.
        x_train: float32 array, shape `(n_train, *data_shape)`; images in [0, 1].
            `LazySamples` where an array would be too large to hold at ease;
            `NamedArrays` of `"x"` and the conditions where there are some.
        y_train: int64 array, shape `(n_train,)`, classes `0 .. n_classes - 1`;
            `None` when the data carry no labels.
        x_val: Like `x_train`, shape `(n_val, *data_shape)`.
        y_val: Like `y_train`, shape `(n_val,)`.
        x_test: Like `x_train`, shape `(n_test, *data_shape)`: for final metrics only.
        y_test: Like `y_train`, shape `(n_test,)`.
        n_classes: Number of classes, `None` when the data carry no labels.
        class_names: One name a class, in the order of the labels. Defaults to `None`.
        columns: What each column of a table's data is. Defaults to `None`.
    """

    name: str
    x_train: Samples
    y_train: npt.NDArray[np.int64] | None
    x_val: Samples
    y_val: npt.NDArray[np.int64] | None
    x_test: Samples
    y_test: npt.NDArray[np.int64] | None
    n_classes: int | None
    class_names: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one sample, for example `(28, 28, 1)`."""
        return tuple(data_of(self.x_train).shape[1:])

    @property
    def conditions(self) -> dict[str, tuple[int, ...]]:
        """Shape of one sample of each condition, by name."""
        if not isinstance(self.x_train, NamedArrays):
            return {}
        parts = self.x_train.parts.items()
        return {name: tuple(part.shape[1:]) for name, part in parts if name != "x"}


@dataclasses.dataclass(frozen=True, eq=False)
class RawDataset:
    """A training and a test part as a loader read them.

    uint8 values are read as images (divided by 255 later), floats are left alone.

    Args:
        source: Where the data came from, for error messages.
        x: uint8, bool or float array, shape `(n, *data_shape)`; `LazySamples`, which
            stay lazy; or `NamedArrays` of `"x"` and conditions.
        y: Labels of `x`, integers or strings, shape `(n,)`; `None` when there are none.
        x_test: Like `x`, shape `(n_test, *data_shape)`.
        y_test: Like `y`, shape `(n_test,)`.
        class_names: One name a class when the labels are already `0 .. k - 1`.
            Defaults to `None`: the sorted distinct labels.
        columns: What each column of a table's data is. Defaults to `None`.

    Raises:
        ValueError: If a part is empty, if shapes or lengths do not fit together, or
            if only one part is labelled.
    """

    source: str
    x: Samples
    y: npt.NDArray[np.generic] | None
    x_test: Samples
    y_test: npt.NDArray[np.generic] | None
    class_names: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None

    def __post_init__(self) -> None:
        check_part(self.source, "training", self.x, self.y)
        check_part(self.source, "test", self.x_test, self.y_test)
        shapes = [_shapes(x) for x in (self.x, self.x_test)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{self.source}: training and test samples must have one shape. "
                f"Received: {shapes[0]} and {shapes[1]}"
            )
        if (self.y is None) != (self.y_test is None):
            labelled = "training" if self.y_test is None else "test"
            raise ValueError(
                f"{self.source}: both parts must carry labels, or neither. "
                f"Received: labels for the {labelled} part only"
            )


def data_of(x: Samples) -> Any:
    """The data among samples, without conditions."""
    return x.parts["x"] if isinstance(x, NamedArrays) else x


def _shapes(x: Samples) -> Any:
    """Shape of one sample, by name where there are conditions."""
    if isinstance(x, NamedArrays):
        return {name: tuple(part.shape[1:]) for name, part in x.parts.items()}
    return tuple(x.shape[1:])


def check_part(
    source: str,
    part: str,
    x: Samples,
    y: npt.NDArray[np.generic] | None,
) -> None:
    """Check that one part holds samples, and one label for each.

    Args:
        source: Where the data came from, for error messages.
        part: Name of the part, for error messages.
        x: Samples, shape `(n, *data_shape)`.
        y: Labels, shape `(n,)`, or `None`.

    Raises:
        ValueError: If there is no sample, no data dimension, or a label too few.
    """
    data = data_of(x)
    if data.ndim < 2 or 0 in data.shape:
        raise ValueError(
            f"{source}: the {part} part must be a non-empty array of samples, "
            f"shape (n, ...). Received: shape={data.shape}"
        )
    if y is not None and y.shape != (len(x),):
        raise ValueError(
            f"{source}: the {part} part must have one label a sample, shape "
            f"({len(x)},). Received: shape={y.shape}"
        )


def scale(
    x: npt.NDArray[np.generic], source: str, may_miss: bool = False
) -> npt.NDArray[np.float32]:
    """Turn samples as read into float32.

    uint8 is divided by 255 and bool becomes 0.0 and 1.0; floats keep their values.

    Args:
        x: Array of any shape.
        source: Where the data came from, for error messages.
        may_miss: Boolean, NaN stands for a missing value. Defaults to `False`.

    Returns:
        float32 array of the same shape.

    Raises:
        ValueError: If `x` holds another type, or a value that float32 cannot hold.
    """
    if x.dtype == np.uint8:
        return np.divide(x, np.float32(255), dtype=np.float32)
    if x.dtype.kind not in "bf":
        raise ValueError(
            f"{source}: samples must be uint8 (images, divided by 255 here) or floats "
            f"(scaled by you). Received: dtype={x.dtype}"
        )
    with np.errstate(over="ignore"):
        scaled = x.astype(np.float32)
    finite = np.isfinite(scaled)
    if may_miss:
        finite |= np.isnan(scaled)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{source}: samples must be finite in float32. "
            f"Received: {x[index]} at index {index} of {x.shape}"
        )
    return scaled


def encode_labels(
    y: npt.NDArray[np.generic], source: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Number the distinct labels from 0 in sorted order.

    Args:
        y: Integers, integer-valued floats, booleans or strings, shape `(n,)`.
        source: Where the data came from, for error messages.

    Returns:
        The labels as `0 .. k - 1`, shape `(n,)`, and the `k` distinct labels as text.

    Raises:
        ValueError: If a label is a fraction, not finite, or of another type.
    """
    if y.dtype.kind == "f":
        wrong = ~np.isfinite(y) | (y != np.floor(y))
        if wrong.any():
            raise ValueError(
                f"{source}: labels must be whole numbers or text. "
                f"Received: {y[wrong][0]}"
            )
        y = y.astype(np.int64)
    elif y.dtype.kind not in "iubU":
        raise ValueError(
            f"{source}: labels must be whole numbers or text. Received: dtype={y.dtype}"
        )
    classes, codes = np.unique(y, return_inverse=True)
    return codes.astype(np.int64), tuple(str(label) for label in classes)
