"""Checks of what `fit` and `evaluate` are given, before the first step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ald_keras._typing import FitData, Tensor
from ald_keras.likelihoods import Likelihood, in_support
from ald_keras.metrics.arrays import (
    NamedArrays,
    SparseRows,
    as_array,
    as_labels,
    concatenate,
    for_keras,
    is_array,
    rows_of,
    to_numpy,
)

# Values per block of a check: bounds the copies made of a large array.
_BLOCK_VALUES = 1 << 24


def is_stream(data: object) -> bool:
    """Whether `data` comes in batches whose order is not Keras's to change."""
    return hasattr(data, "element_spec") or hasattr(data, "__next__")


def first_samples(
    data: FitData, count: int, named: Callable[[FitData], FitData]
) -> Any:
    """Some samples of training data, spread over arrays, the first ones of a stream.

    Args:
        data: What `fit` was given as `x`.
        count: Integer >= 1, how many at most.
        named: As `as_arrays` takes it.

    Returns:
        Array of shape `(samples, *data_shape)`, arrays by name, or `None` for a stream
        that can be read only once.
    """
    if is_array(data):
        rows = np.linspace(0, len(data) - 1, min(count, len(data))).astype(int)
        lazy = isinstance(data, (SparseRows, NamedArrays))
        data = data if lazy else np.asarray(data)
        return to_numpy(data[rows])
    if hasattr(data, "__next__"):
        return None
    batches = data
    if isinstance(data, keras.utils.PyDataset):
        batches = (data[i] for i in itertools.count())
    parts: list[Any] = []
    for batch in batches:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        parts.append(to_numpy(named(x)))
        if sum(map(len, parts)) >= count:
            break
        if isinstance(data, keras.utils.PyDataset) and len(parts) == data.num_batches:
            break
    return concatenate(parts)[:count] if parts else None


def check_end(name: str, data: object, argument: str, steps: object) -> None:
    """Raise a `ValueError` if a stream never ends, which Keras would read for ever.

    A generator of Python cannot be asked.

    Args:
        name: The stream's argument, for the message.
        data: What was given for it.
        argument: The argument that says how many batches are read.
        steps: What was given for that, or `None`.
    """
    count = getattr(data, "cardinality", None)
    endless = callable(count) and int(count()) == -1
    if isinstance(data, keras.utils.PyDataset):
        endless = data.num_batches is None
    if endless and steps is None:
        raise ValueError(
            f"`{argument}` must say how many batches of `{name}` are read, which is "
            f"infinite. Received: {argument}=None"
        )


def as_arrays(
    x: Tensor,
    y: Tensor,
    validation_data: FitData,
    named: Callable[[FitData], FitData],
) -> tuple[FitData, Tensor, FitData]:
    """What `fit` is given, data frames and lists of one array as arrays.

    Validation data in a list become a tuple, texts among labels become numbers, several
    inputs in a list a mapping, as `named` says.

    Raises:
        TypeError: If data are a list of samples, a mapping, or no numbers.
    """
    if isinstance(validation_data, (list, tuple)) and validation_data:
        first, *labels = validation_data
        labels[:1] = [as_labels(label) for label in labels[:1]]
        first = as_array("validation_data", named(first))
        validation_data = (_as_numpy(first), *labels)
    elif not is_stream(validation_data):
        validation_data = _as_numpy(as_array("validation_data", validation_data))
    return _as_numpy(as_array("x", named(x))), as_labels(y), validation_data


def _as_numpy(data: FitData) -> FitData:
    """A tensor as an array; other data as they are."""
    return to_numpy(data) if keras.ops.is_tensor(data) else data


def as_weights(sample_weight: Any) -> Any:
    """Sample weights as an array, or arrays by name.

    Raises:
        ValueError: If one is negative or not finite.
    """
    if isinstance(sample_weight, (list, tuple)):
        sample_weight = np.asarray(sample_weight, "float32")
    if isinstance(sample_weight, Mapping):
        sample_weight = as_array("sample_weight", sample_weight)
    named = isinstance(sample_weight, NamedArrays)
    for part in sample_weight.parts.values() if named else [sample_weight]:
        values = None if part is None else to_numpy(part[:])
        if values is None or (np.isfinite(values).all() and (values >= 0).all()):
            continue
        wrong = values[~(np.isfinite(values) & (values >= 0))]
        raise ValueError(
            "`sample_weight` must be finite and not negative. "
            f"Received: {len(wrong)} other values, such as {wrong[0]}"
        )
    return sample_weight


def check_array(
    name: str,
    x: Tensor,
    likelihood: Likelihood,
    shape: Sequence[int],
    reach: tuple[float, float] = (-math.inf, math.inf),
) -> None:
    """Raise a `ValueError` unless `x` is data that a model can be trained on.

    Args:
        name: The argument's name, for the message.
        x: Array of shape `(samples, *shape)`.
        likelihood: The likelihood whose support the values must lie in.
        shape: Shape of one sample.
        reach: Smallest and largest value that the decoder can give. Defaults to any.

    Raises:
        ValueError: If `x` is empty or of another shape, holds no real numbers, or a
            value that is not finite, outside the likelihood's support or beyond what
            the decoder can give.
    """
    if tuple(x.shape[1:]) != tuple(shape) or len(x) == 0:
        raise ValueError(
            f"`{name}` must have shape (samples, {', '.join(map(str, shape))}) and at "
            f"least one sample. Received: shape {tuple(x.shape)}"
        )
    kind = np.asarray(x[:1]).dtype
    if kind.kind not in "biuf" and "float" not in kind.name:
        raise ValueError(f"`{name}` must hold real numbers. Received: dtype={kind}")
    rows = max(1, _BLOCK_VALUES // max(1, math.prod(shape)))
    known = False
    for start in range(0, len(x), rows):
        block = np.asarray(x[start : start + rows], dtype="float32")
        known = known or not np.isnan(block).all()
        good = keras.ops.convert_to_numpy(in_support(likelihood, block))
        if not good.all():
            raise outside_support(name, likelihood, _described(block[~good]))
        good = ~((block < reach[0]) | (block > reach[1]))
        if not good.all():
            raise ValueError(
                f"`{name}` must lie in [{reach[0]:g}, {reach[1]:g}], the range of the "
                f"decoder's last activation. Received: {_described(block[~good])}. End "
                "the decoder without an activation (linear), or scale the data."
            )
    if not known:
        raise ValueError(
            f"`{name}` must hold known values. Received: NaN alone. Means of columns "
            "with missing values are NaN themselves: scale with `np.nanmean` and "
            "`np.nanstd`."
        )


def _described(values: np.ndarray) -> str:
    """Values that are not allowed, for a message."""
    finite = values[np.isfinite(values)]
    if len(finite) < len(values):
        return f"{values[~np.isfinite(values)][0]}"
    return f"values such as {finite[0]:g}, from {finite.min():g} to {finite.max():g}"


def outside_support(name: str, likelihood: Likelihood, received: str) -> ValueError:
    """The error for data that a likelihood is not defined for.

    Args:
        name: The argument's name.
        likelihood: The likelihood; its `support` says what is expected.
        received: What came, for the message.
    """
    expected = getattr(likelihood, "support", "finite numbers")
    advice = getattr(likelihood, "advice", "")
    return ValueError(
        f"`{name}` must hold {expected} under the {type(likelihood).__name__} "
        f"likelihood. Received: {received}. {advice}".strip()
    )


def check_class_weight(class_weight: object, x: Tensor, y: Tensor) -> None:
    """Raise a `ValueError` if class weights come without labels."""
    if class_weight is None or y is not None:
        return
    spec = getattr(x, "element_spec", None)
    if is_array(x) or (spec is not None and not _has_labels(spec)):
        raise ValueError(
            "`class_weight` needs labels: pass `y`, or a stream of (x, y). "
            "Received: data without labels."
        )
    if isinstance(x, keras.utils.PyDataset) and not _has_labels(x[0]):
        raise ValueError(
            "`class_weight` needs labels: batches of (x, y). Received: batches of x."
        )


def _has_labels(batch: object) -> bool:
    return isinstance(batch, tuple) and len(batch) > 1 and batch[1] is not None


def keep_weights(x: Tensor, y: Tensor, sample_weight: Tensor) -> Tensor:
    """Labels that keep Keras from dropping sample weights that come without any."""
    if y is None and sample_weight is not None and is_array(x):
        return np.zeros(len(x), "float32")
    return y


def keep_validation_weights(data: FitData) -> FitData:
    """Validation data for Keras, with what `keep_weights` gives for their labels."""
    if isinstance(data, tuple) and len(data) == 3:
        x, y, sample_weight = data
        data = x, keep_weights(x, y, sample_weight), sample_weight
    return for_keras(data)


def split_arrays(
    arrays: tuple[Tensor, ...], fraction: float
) -> tuple[FitData, FitData]:
    """Split arrays into the first samples and the last `fraction` of them.

    Returns:
        Two tuples like `arrays`, the second the validation part, as Keras's
        `validation_split` takes it: before any shuffling.

    Raises:
        ValueError: If `fraction` is not between 0 and 1, a part would be empty, or
            the data are no arrays.
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(
            "`validation_split` must lie between 0 and 1. "
            f"Received: validation_split={fraction}"
        )
    for name, array in zip(("x", "y", "sample_weight"), arrays, strict=False):
        if array is not None and not is_array(array):
            raise ValueError(
                "`validation_split` needs arrays: pass `validation_data` with a "
                f"stream. Received: {name} of type {type(array).__name__}"
            )
    samples = len(arrays[0])
    cut = math.floor(samples * (1.0 - fraction))
    if cut in (0, samples):
        raise ValueError(
            f"`validation_split` must leave both parts a sample. Received: "
            f"validation_split={fraction} of {samples} samples"
        )
    first, last = slice(None, cut), slice(cut, None)
    return _parts(arrays, first), _parts(arrays, last)


def _parts(arrays: tuple[Tensor, ...], rows: slice) -> FitData:
    return tuple(None if each is None else rows_of(each, rows) for each in arrays)
