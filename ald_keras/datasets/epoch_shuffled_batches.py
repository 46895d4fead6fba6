"""Batches whose order depends on the seed and the epoch, and on nothing else."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ald_keras._typing import Logs, Tensor
from ald_keras._validation import check_integer
from ald_keras.backends import stream
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.metrics.arrays import NamedArrays, SparseRows, as_array


class EpochShuffledBatches:
    """Shuffled batches for `fit` that an interrupted run can take up again.

    The samples of epoch `e` come in the order
    ``np.random.default_rng([seed, e]).permutation(n)``; the last batch may be smaller.
    `fit` on arrays draws its order from a global state instead, which a resumed run
    does not have (and repeats one order after `keras.utils.set_random_seed`).

    `dataset` is a `tf.data.Dataset` with TensorFlow, else a `keras.utils.PyDataset`,
    whose batches `fit` shuffles once more unless `shuffle=False`. Each pass over it is
    one epoch. `callback` says it
    which one, so that `initial_epoch`, `BackupAndRestore`, `evaluate` in between and
    the batch that `fit` draws ahead under a distribution strategy do no harm. Without
    the callback the passes are counted from `initial_epoch`.

    Args:
        x: Samples, shape `(n, ...)`, or a dict of such by name; `LazySamples` are read
            batch by batch.
        y: Labels or targets, shape `(n, ...)`. Defaults to `None`: batches are `(x,)`.
        sample_weight: Weights, shape `(n,)` or that of `x`. Defaults to `None`.
        batch_size: Positive integer.
        seed: Non-negative integer.
        initial_epoch: Epoch of the first pass, from 0, where `callback` is not used.
            Defaults to 0.

    Raises:
        TypeError: If an integer argument is not one.
        ValueError: If an integer is out of range, `x` is empty, or `y` has another
            length.

    ```python
    batches = EpochShuffledBatches(x, batch_size=64, seed=0)
    model.fit(batches.dataset, shuffle=False, callbacks=[batches.callback])
    ```
    """

    def __init__(
        self,
        x: npt.ArrayLike | LazySamples | NamedArrays | Mapping[str, npt.ArrayLike],
        y: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
        *,
        batch_size: int,
        seed: int,
        initial_epoch: int = 0,
    ) -> None:
        check_integer("batch_size", batch_size, minimum=1)
        check_integer("seed", seed, minimum=0)
        check_integer("initial_epoch", initial_epoch, minimum=0)
        x = as_array("x", x) if isinstance(x, Mapping) else x
        self.samples = self._count(x)
        parts = x.parts if isinstance(x, NamedArrays) else {"": x}
        made = (LazySamples, SparseRows)
        self.lazy: dict[str, Any] = {
            n: part for n, part in parts.items() if isinstance(part, made)
        }
        # Row numbers stand for samples that are made batch by batch.
        first = {
            name: np.arange(self.samples) if name in self.lazy else np.asarray(part)
            for name, part in parts.items()
        }
        self._is_named = isinstance(x, NamedArrays)
        more = {"y": y, "sample_weight": sample_weight}
        if y is None and sample_weight is not None:
            more["y"] = np.zeros(self.samples, "float32")  # which keep their place
        given = {n: np.asarray(part) for n, part in more.items() if part is not None}
        for name, part in given.items():
            if part.shape[:1] != (self.samples,):
                raise ValueError(
                    f"`{name}` must be as long as `x`. "
                    f"Received: shape {part.shape} and {self.samples} samples"
                )
        self.arrays = (first, *given.values())
        self.batch_size = int(batch_size)
        self.seed = int(seed)
        self._position = _Position(int(initial_epoch))
        self._dataset = stream(self)

    @staticmethod
    def _count(x: Any) -> int:
        shape = (len(x),) if isinstance(x, NamedArrays) else np.shape(x)
        if not shape or not shape[0]:
            raise ValueError(
                f"`x` must hold at least one sample. Received: shape={shape}"
            )
        return int(shape[0])

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return math.ceil(self.samples / self.batch_size)

    @property
    def dataset(self) -> Any:
        """What to pass to `fit`, finite, one pass an epoch."""
        return self._dataset

    @property
    def callback(self) -> keras.callbacks.Callback:
        """A callback for `fit` that announces the epoch before it starts."""
        return _AnnounceEpoch(self._position)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Order of the samples in one epoch.

        Args:
            epoch: Epoch, from 0.

        Returns:
            Permutation of `0 .. n - 1`, shape `(n,)`.
        """
        return np.random.default_rng([self.seed, epoch]).permutation(self.samples)

    def begin_epoch(self, epoch: int) -> None:
        """Let the next pass be that of an epoch, from 0."""
        self._position.next_epoch = epoch

    def next_order(self) -> npt.NDArray[np.int64]:
        """Order of the samples in the pass that begins."""
        return self.order(self._position.advance())

    def named(self, parts: Mapping[str, Tensor]) -> Any:
        """Parts of a batch as a model takes them: one, or a dict by name."""
        return dict(parts) if self._is_named else parts[""]


class _Position:
    """The epoch that the next pass belongs to."""

    def __init__(self, next_epoch: int) -> None:
        self.next_epoch = next_epoch

    def advance(self) -> int:
        epoch = self.next_epoch
        self.next_epoch += 1
        return epoch


class _AnnounceEpoch(keras.callbacks.Callback):
    """Sets the number of the epoch that the batches are of."""

    def __init__(self, position: _Position) -> None:
        super().__init__()
        self._position = position

    def __deepcopy__(self, memo: dict[int, object]) -> "_AnnounceEpoch":
        # keras-tuner copies callbacks; a copy must still speak to the same batches.
        return _AnnounceEpoch(self._position)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._position.next_epoch = epoch
