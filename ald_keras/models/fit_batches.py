"""The batches of a `fit`, and how many of them one execution takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ald_keras._typing import FitData, Tensor
from ald_keras.backends import longest_execution
from ald_keras.datasets.epoch_shuffled_batches import EpochShuffledBatches
from ald_keras.metrics.arrays import NamedArrays, SparseRows, is_array, to_numpy
from ald_keras.models.keras_internals import overrides

# Executions of an epoch, at least: the progress bar is to move. And the steps of one,
# few numbers, as each is traced anew.
_EXECUTIONS = 4
_LENGTHS = (32, 8)

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


def shuffled_batches(
    x: FitData,
    y: Tensor,
    sample_weight: Tensor,
    batch_size: int | None,
    seed: int | None,
) -> EpochShuffledBatches | None:
    """Batches of arrays in an order that seed and epoch decide.

    Args:
        x: Data as `fit` was given them.
        y: Labels of shape `(samples,)`, or `None`.
        sample_weight: Array of weights, or `None`.
        batch_size: Integer, or `None` for Keras's 32.
        seed: Integer, or `None` for one of NumPy's global random state.

    Returns:
        The batches, or `None` where something is no array.
    """
    more = y, sample_weight
    if not all(part is None or is_array(part) for part in more) or not is_array(x):
        return None
    if isinstance(sample_weight, NamedArrays):
        return None
    if seed is None:
        seed = int(np.random.randint(2**31))
    return EpochShuffledBatches(
        _prepared(x),
        None if y is None else to_numpy(y),
        None if sample_weight is None else to_numpy(sample_weight),
        batch_size=32 if batch_size is None else batch_size,
        seed=seed,
    )


def _prepared(x: Any) -> Any:
    """Data as Keras prepares them: real numbers in the precision of the session."""
    if isinstance(x, NamedArrays):
        return NamedArrays({name: _prepared(part) for name, part in x.parts.items()})
    if isinstance(x, SparseRows) or hasattr(x, "part"):
        return x
    x = to_numpy(x)
    return x.astype(keras.config.floatx(), copy=False) if x.dtype.kind == "f" else x


def steps_per_execution(
    model: keras.Model, x: FitData, callbacks: Sequence[keras.callbacks.Callback]
) -> int:
    """How many steps one execution takes where the user has not said so.

    Several, unless something is to see each batch: a callback of the user's, eager
    execution, or devices that share a batch.

    Args:
        model: The compiled model.
        x: What Keras's `fit` is given.
        callbacks: The callbacks of this `fit`.
    """
    count = getattr(x, "cardinality", None)
    steps = int(count()) if callable(count) else getattr(x, "num_batches", None) or 0
    if model.run_eagerly or any(map(_sees_each_batch, callbacks)):
        return 1
    longest = min(longest_execution(model), steps // _EXECUTIONS)
    return next((length for length in _LENGTHS if length <= longest), 1)


def _sees_each_batch(callback: keras.callbacks.Callback) -> bool:
    if hasattr(callback, "sees_each_batch"):
        return bool(callback.sees_each_batch)
    if isinstance(
        callback, (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)
    ):
        return callback.save_freq != "epoch"
    if isinstance(callback, keras.callbacks.TensorBoard):
        return callback.update_freq != "epoch"
    if isinstance(callback, keras.callbacks.ProgbarLogger):
        return False
    return any(overrides(callback, hook) for hook in _BATCH_HOOKS)
