"""Batches whose order depends on the seed and the epoch, and on nothing else."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ald_keras._typing import Logs, Tensor
from ald_keras._validation import check_integer
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.metrics.arrays import NamedArrays, SparseRows, as_array


class EpochShuffledBatches:
    """Shuffled batches for `fit` that an interrupted run can take up again.

    The samples of epoch `e` come in the order
    ``np.random.default_rng([seed, e]).permutation(n)``; the last batch may be smaller.
    `fit` on arrays draws its order from a global state instead, which a resumed run
    does not have (and repeats one order after `keras.utils.set_random_seed`).

    `dataset` is a `tf.data.Dataset`: as fast as arrays, and nothing in Keras reorders
    it, whereas `fit` shuffles the batches of a `keras.utils.PyDataset` once more from
    Python's global random state. Each pass over it is one epoch. `callback` says it
    which one, so that `initial_epoch`, `BackupAndRestore`, `evaluate` in between and
    the batch that `fit` draws ahead under a distribution strategy do no harm. Without
    the callback the passes are counted from `initial_epoch`.

    Args:
        x: Samples, shape `(n, ...)`, or a dict of such by name; `LazySamples` are read
            batch by batch.
        y: Labels or targets, shape `(n, ...)`. Defaults to `None`: batches are `(x,)`.
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
        *,
        batch_size: int,
        seed: int,
        initial_epoch: int = 0,
    ) -> None:
        check_integer("batch_size", batch_size, minimum=1)
        check_integer("seed", seed, minimum=0)
        check_integer("initial_epoch", initial_epoch, minimum=0)
        x = as_array("x", x) if isinstance(x, Mapping) else x
        self._n = self._count(x)
        parts = x.parts if isinstance(x, NamedArrays) else {"": x}
        self._lazy = {n: p for n, p in parts.items() if isinstance(p, LazySamples)}
        # Row numbers stand for lazy samples until a batch is drawn.
        first: Any = {
            name: np.arange(self._n) if name in self._lazy else _dense(part)
            for name, part in parts.items()
        }
        self._is_named = isinstance(x, NamedArrays)
        arrays = [first] if y is None else [first, np.asarray(y)]
        if y is not None and arrays[1].shape[:1] != (self._n,):
            raise ValueError(
                "`y` must be as long as `x`. "
                f"Received: shape {arrays[1].shape} and {self._n} samples"
            )
        self.batch_size = int(batch_size)
        self.seed = int(seed)
        self._position = _Position(int(initial_epoch))
        self._dataset = self._build_dataset(tuple(arrays))

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
        return math.ceil(self._n / self.batch_size)

    @property
    def dataset(self) -> tf.data.Dataset:
        """The `tf.data.Dataset` to pass to `fit`, finite, one pass an epoch."""
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
        return np.random.default_rng([self.seed, epoch]).permutation(self._n)

    def _build_dataset(self, arrays: tuple[Any, ...]) -> tf.data.Dataset:
        # On an accelerator the constants would otherwise travel there and back.
        with tf.device("CPU:0"):
            data = tf.data.Dataset.from_tensors(arrays).repeat()
        indices = tf.data.Dataset.range(1).flat_map(self._index_batches)
        batches = tf.data.Dataset.zip((indices, data)).map(
            self._gather, num_parallel_calls=tf.data.AUTOTUNE
        )
        # Keras reads the number of steps off the cardinality.
        batches = batches.apply(tf.data.experimental.assert_cardinality(len(self)))
        options = tf.data.Options()
        # Its thread sleeps for as long as it has been awake and may miss that an epoch
        # has ended, which then lasts up to twice as long (TensorFlow 2.20, 2.21).
        options.autotune.enabled = False
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        return batches.with_options(options).prefetch(tf.data.AUTOTUNE)

    def _gather(self, index: Tensor, parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        x, *y = tf.nest.map_structure(lambda part: tf.gather(part, index), parts)
        for name, lazy in self._lazy.items():
            x[name] = tf.numpy_function(lazy.__getitem__, [x[name]], tf.float32)
            x[name].set_shape((index.shape[0], *lazy.shape[1:]))
        return (x if self._is_named else x[""], *y)

    def _index_batches(self, _: Tensor) -> tf.data.Dataset:
        order = tf.numpy_function(self._next_order, [], tf.int64)
        full = self._n // self.batch_size
        in_full = full * self.batch_size
        # Whole rows of indices are far cheaper than batching single ones.
        rows = tf.reshape(order[:in_full], (full, self.batch_size))
        indices = tf.data.Dataset.from_tensor_slices(rows)
        if in_full < self._n:
            rest = tf.ensure_shape(order[in_full:], (self._n - in_full,))
            indices = indices.concatenate(tf.data.Dataset.from_tensors(rest))
        return indices

    def _next_order(self) -> npt.NDArray[np.int64]:
        return self.order(self._position.advance())


def _dense(part: Any) -> npt.NDArray[Any]:
    return part[:] if isinstance(part, SparseRows) else np.asarray(part)


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
