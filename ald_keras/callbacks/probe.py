"""Validation samples to measure on: from arrays, or from a stream by reservoir."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np

from ald_keras._typing import FitData, Tensor
from ald_keras.callbacks.model_protocol import ValidatedModel
from ald_keras.metrics.arrays import (
    as_array,
    as_labels,
    concatenate,
    is_array,
    to_numpy,
)

_BATCH = 256
_DEFAULT_CLUSTERS = 10


class ArrayProbe:
    """Samples of arrays in memory.

    Args:
        x: Array of shape `(samples, *data_shape)`.
        y: Labels of shape `(samples,)`, or one-hot, or `None`. Anything else, such
            as targets of a regression, is not taken for labels. Defaults to `None`.
    """

    def __init__(self, x: Tensor, y: Tensor = None):
        self.x = to_numpy(x) if keras.ops.is_tensor(x) else x
        # `fit(x, x)`, as for an autoencoder of Keras: no labels.
        if y is x or isinstance(y, Mapping) or _are_equal(y, self.x):
            y = None
        self.y = None if y is None else _as_labels(to_numpy(y))
        if self.y is not None and len(self.y) != len(x):
            raise ValueError(
                "`probe`: data and labels must be equally many. "
                f"Received: {len(x)} samples and {len(self.y)} labels"
            )
        self.n_samples = len(x)
        self.n_classes = None if self.y is None else len(np.unique(self.y))

    def sample(
        self, size: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """At most `size` samples without repetition, and their labels or `None`."""
        return self.take(self.choose(size, rng))

    def choose(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Rows of what `sample` draws, ascending."""
        count = min(size, self.n_samples)
        return np.sort(rng.choice(self.n_samples, count, replace=False))

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The samples of these rows, and their labels or `None`."""
        return to_numpy(self.x[rows]), None if self.y is None else self.y[rows]

    def batches(self) -> Iterator[np.ndarray]:
        """All samples once, in batches."""
        for start in range(0, self.n_samples, _BATCH):
            yield to_numpy(self.x[start : start + _BATCH])


class StreamProbe:
    """Samples of a stream that can be read again and again.

    Every call of `sample` reads the stream once (Vitter 1985, algorithm R); no more
    than the samples asked for are held in memory.

    Args:
        stream: `tf.data.Dataset`, `keras.utils.PyDataset` or another iterable of
            batches `x`, `(x, y)` or `(x, y, sample_weight)`.
        steps: Batches that are read, or `None` for all. Defaults to `None`.
        named: Gives several inputs in a list their names. Defaults to `None`: there
            are none.

    Raises:
        ValueError: If the stream is infinite or can be read only once.
    """

    def __init__(
        self,
        stream: FitData,
        steps: int | None = None,
        named: Callable[[FitData], FitData] | None = None,
    ):
        _check_rereadable(stream)
        self._stream, self._steps = stream, steps
        self._named = named or (lambda x: x)
        self.n_samples, labelled = 0, True
        labels: set[object] = set()
        for x, y in self._read():
            self.n_samples += len(x)
            labelled = labelled and y is not None
            labels.update(np.unique(y).tolist() if y is not None else [])
        self.n_classes = len(labels) if labelled and labels else None

    def sample(
        self, size: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """At most `size` samples without repetition, and their labels or `None`."""
        kept: list[tuple[np.ndarray, np.ndarray | None]] = []
        seen = 0
        for x, y in self._read():
            for i in range(len(x)):
                slot = seen if seen < size else int(rng.integers(seen + 1))
                seen += 1
                if slot < size:
                    # A copy: a view would hold its whole batch.
                    kept[slot : slot + 1] = [(x[[i]], None if y is None else y[i])]
        xs, ys = zip(*kept, strict=True)
        labels = None if any(y is None for y in ys) else np.asarray(ys)
        return concatenate(xs), labels

    def batches(self) -> Iterator[np.ndarray]:
        """All samples once, in batches."""
        for x, _ in self._read():
            yield x

    def _read(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        batches = stream = self._stream
        if isinstance(stream, keras.utils.PyDataset):
            batches = (stream[i] for i in range(stream.num_batches))
        for batch in itertools.islice(batches, self._steps):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
            y = None if y is None or isinstance(y, Mapping) else _as_labels(to_numpy(y))
            yield to_numpy(self._named(x)), y


def as_probe(probe: FitData) -> FitData:
    """A probe `x` or `(x, y)` with data frames as arrays and labels as numbers."""
    if isinstance(probe, (list, tuple)) and probe:
        x, *labels = probe
        return (as_array("probe", x), *map(as_labels, labels[:1]), *labels[1:])
    return as_array("probe", probe)


def make_probe(
    data: FitData,
    steps: int | None = None,
    named: Callable[[FitData], FitData] | None = None,
) -> ArrayProbe | StreamProbe:
    """The probe for `x`, `(x, y)`, `(x, y, sample_weight)` or a stream.

    Args:
        data: The data.
        steps: As `StreamProbe` takes it. Defaults to `None`.
        named: As `StreamProbe` takes it. Defaults to `None`.

    Raises:
        ValueError: If a stream is infinite or can be read only once.
    """
    first = data[0] if isinstance(data, tuple) and data else data
    if is_array(first):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        return ArrayProbe(x, y)
    return StreamProbe(data, steps, named)


def open_probe(model: ValidatedModel, probe: object) -> ArrayProbe | StreamProbe:
    """The probe given, or else the validation data of the `fit` that runs.

    Args:
        model: Model with `check_data` and `validation_data`.
        probe: `x` or `(x, y)`, arrays, or `None`.

    Raises:
        ValueError: If there is neither, or the data cannot be used.
    """
    if probe is not None:
        probe = as_probe(probe)
        model.check_data("probe", probe)
        return make_probe(probe)
    validation = getattr(model, "validation_data", None)
    if validation is None:
        raise ValueError(
            "`ALDCallback` needs validation data: pass `validation_data` or "
            "`validation_split` to fit, or `probe=x`. Received: none."
        )
    return make_probe(validation.data, validation.steps, model.named)


def count_clusters(
    probe: ArrayProbe | StreamProbe, n_clusters: int | None, size: int
) -> int:
    """Clusters to look for in samples of `size`: as given, or classes, or 10.

    Raises:
        ValueError: If there are fewer than 2, or no more samples than clusters.
    """
    clusters = n_clusters or probe.n_classes or _DEFAULT_CLUSTERS
    drawn = min(size, probe.n_samples)
    if not 2 <= clusters < drawn:
        origin = "given" if n_clusters else "found in the labels or the default"
        raise ValueError(
            "`n_clusters` must be at least 2 and below the number of validation "
            f"samples measured on. Received: {clusters} clusters ({origin}) and "
            f"{drawn} samples"
        )
    return clusters


def _check_rereadable(stream: object) -> None:
    cardinality = getattr(stream, "cardinality", None)
    infinite = cardinality is not None and int(cardinality()) == -1
    if isinstance(stream, keras.utils.PyDataset):
        infinite = stream.num_batches is None
    once = hasattr(stream, "__next__")
    if (
        infinite
        or once
        or not (hasattr(stream, "__iter__") or hasattr(stream, "__len__"))
    ):
        what = "infinite" if infinite else "readable only once" if once else "no stream"
        raise ValueError(
            "`validation_data` must be arrays or a finite stream that can be read "
            f"every epoch, or pass `probe=(x, y)` or `probe=x`. Received: "
            f"{type(stream).__name__}, which is {what}"
        )


def _are_equal(y: Tensor, x: Tensor) -> bool:
    # Shapes first: what is sparse or lazy would be read row by row.
    if not (hasattr(y, "shape") and hasattr(x, "shape")):
        return False
    if tuple(y.shape) != tuple(x.shape):
        return False
    return np.array_equal(to_numpy(y), x[:])


def _as_labels(y: np.ndarray) -> np.ndarray | None:
    """Class labels of shape `(samples,)`, or `None` where `y` holds no classes."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return y.argmax(axis=1)
    if y.ndim != 1 or (y.dtype.kind == "f" and not (y == np.floor(y)).all()):
        return None
    return y
