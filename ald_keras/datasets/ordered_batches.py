"""Batches in the order of the samples, made one at a time."""

import math
from typing import Any

import keras
import numpy as np

from ald_keras._validation import check_integer
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.metrics.arrays import NamedArrays, as_given


class OrderedBatches(keras.utils.PyDataset):
    """Batches for `evaluate` and `validation_data` of samples that are lazy.

    Keras makes one array, and then a tensor, of all validation data that are not a
    stream; of these batches no more than a few exist at a time.

    Args:
        x: Samples, shape `(n, ...)`, or `NamedArrays` of such.
        y: Labels, shape `(n, ...)`. Defaults to `None`: batches are `(x,)`.
        batch_size: Positive integer.

    Raises:
        ValueError: If `batch_size` is below 1, or `y` has another length.

    ```python
    model.evaluate(OrderedBatches(data.x_test, batch_size=64))
    ```
    """

    def __init__(
        self,
        x: np.ndarray | LazySamples | NamedArrays,
        y: np.ndarray | None = None,
        *,
        batch_size: int,
    ) -> None:
        super().__init__()
        check_integer("batch_size", batch_size, 1)
        if y is not None and len(y) != len(x):
            raise ValueError(
                f"`y` must be as long as `x`. Received: lengths {len(y)} and {len(x)}"
            )
        self.x = x
        self.y = y
        self.batch_size = batch_size

    def __len__(self) -> int:
        """Number of batches."""
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        x: Any = self.x[part]
        x = as_given(x) if isinstance(x, NamedArrays) else np.asarray(x)
        return (x,) if self.y is None else (x, self.y[part])
