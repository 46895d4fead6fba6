"""What JAX and PyTorch share: one process decides, and Python makes the batches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from ald_keras._typing import T, Tensor
from ald_keras.backends.batch import Batch
from ald_keras.backends.source import BatchSource


def batch_of(x: Tensor) -> Batch:
    """The batch of a step; spread over devices it is one array all the same."""
    return Batch()


class OneDevice:
    """The strategy of a run that is not spread."""

    def scope(self) -> contextlib.AbstractContextManager[None]:
        """In which a model is made."""
        return contextlib.nullcontext()


def strategy_of(model: keras.Model) -> Any:
    """The distribution that a model is trained under."""
    return keras.distribution.distribution() or OneDevice()


def is_chief(strategy: object) -> bool:
    """Whether this process writes files and measures for all."""
    return True


def from_chief(strategy: object, function: Callable[[], T]) -> T:
    """Result of a function that only the chief's process calls."""
    return function()


def check_scope(variables: Iterable[keras.Variable]) -> None:
    """Raise a `ValueError` if variables belong to another strategy: never here."""


@contextlib.contextmanager
def together(strategy: Any) -> Iterator[None]:
    """In which a model is trained and measured, spread as a strategy says."""
    with strategy.scope():
        yield


class Stream(keras.utils.PyDataset):
    """Batches for `fit`, one pass an epoch.

    Args:
        source: Where the batches come from.
    """

    def __init__(self, source: BatchSource) -> None:
        super().__init__()
        self._source = source
        self._order: Any = None
        self._served: int | None = None

    def __len__(self) -> int:
        return len(self._source)

    def on_epoch_begin(self) -> None:
        self._served = 0

    def on_epoch_end(self) -> None:
        self._served = None

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        source = self._source
        if index >= len(source):  # where Python's own iteration ends
            raise IndexError(f"{index} is no number of {len(source)} batches")
        if self._served is not None:
            # Within a pass the order is the source's, also where `fit` asks in one of
            # its own, as it does without `shuffle=False`.
            index = self._served % len(source)
            self._served += 1
        if index == 0 or self._order is None:
            self._order = source.next_order()
        first = index * source.batch_size
        rows = self._order[first : first + source.batch_size]
        x, *more = source.arrays
        parts = {name: np.take(part, rows, axis=0) for name, part in x.items()}
        parts |= {name: lazy[parts[name]] for name, lazy in source.lazy.items()}
        return (source.named(parts), *(np.take(part, rows, axis=0) for part in more))


def stream(source: BatchSource) -> Stream:
    """Batches for `fit`, one pass an epoch; `shuffle=False` keeps their order."""
    return Stream(source)
