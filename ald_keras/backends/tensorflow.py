"""TensorFlow: steps, batches and what is compiled beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ald_keras._typing import FitData, Tensor
from ald_keras.backends.batch import Batch
from ald_keras.backends.source import BatchSource
from ald_keras.backends.step_model import StepModel
from ald_keras.backends.tensorflow_adam import fused_adam


class Steps(StepModel):
    """Training and test steps as `fit` calls them."""

    def train_step(self, data: FitData) -> dict[str, Tensor]:
        """One step of gradient descent."""
        x, sample_weight = self.read_batch(data)
        batch = batch_of(self.data_of(x))
        with tf.GradientTape() as tape:
            loss, measured = self.training_loss(x, sample_weight, batch)
            # Keras sums gradients over replicas.
            loss = self.optimizer.scale_loss(batch.weighted(loss))
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        with fused_adam(self.optimizer):
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return batch.results(self.metrics, **self.after_step(x, measured, batch))

    def test_step(self, data: FitData) -> dict[str, Tensor]:
        """What a batch costs at inference."""
        x, sample_weight = self.read_batch(data)
        batch = batch_of(self.data_of(x))
        self.measure_batch(x, sample_weight, batch)
        return batch.results(self.metrics)


def batch_of(x: Tensor) -> Batch:
    """The batch of a step, or the part of it that this replica has.

    Args:
        x: Its data, shape `(samples, *data_shape)`.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return Batch()
    return PartOfBatch(x)


class PartOfBatch(Batch):
    """The batch of a step, of which each replica has a part that may be empty.

    Made inside a training or test step, on every replica.

    Args:
        x: The part of this replica, shape `(samples, *data_shape)`.

    Attributes:
        share: Share of the whole that this part is, scalar in [0, 1].
    """

    def __init__(self, x: Tensor) -> None:
        strategy = tf.distribute.get_strategy()
        replicas = strategy.num_replicas_in_sync
        workers = tf.distribute.MultiWorkerMirroredStrategy
        self._is_spread = isinstance(strategy, workers)
        self._context = tf.distribute.get_replica_context()
        number = self._context.replica_id_in_sync_group
        samples = tf.shape(x)[0]
        sizes = self.sum(samples * tf.one_hot(number, replicas, dtype=tf.int32))
        before = tf.range(replicas) < number
        first = tf.reduce_sum(tf.where(before, sizes, 0))
        total = tf.reduce_sum(sizes)
        self.rows = first, total
        self.share = tf.cast(samples, "float32") / tf.cast(total, "float32")

    def part_mean(self, values: Tensor) -> Tensor:
        count = ops.cast(ops.maximum(ops.shape(values)[0], 1), values.dtype)
        return ops.sum(values, axis=0) / count

    def mean(self, part_mean: Tensor) -> Tensor:
        return self.sum(part_mean * ops.cast(self.share, part_mean.dtype))

    def sum(self, part_sum: Tensor) -> Tensor:
        return self._context.all_reduce("sum", part_sum)

    def weighted(self, loss: Tensor) -> Tensor:
        return loss * ops.cast(self.share, loss.dtype)

    def results(
        self, trackers: Iterable[keras.metrics.Mean], **figures: Tensor
    ) -> dict[str, Tensor]:
        trackers = list(trackers)
        totals, counts = (
            # What adds up over replicas is no plain variable; times one it is a tensor.
            self.sum(ops.stack([1.0 * variable for variable in variables]))
            for variables in ([m.total for m in trackers], [m.count for m in trackers])
        )
        means = ops.divide_no_nan(totals, counts)
        values = {m.name: means[i] for i, m in enumerate(trackers)} | figures
        # Of several workers' results Keras takes the mean over an axis, and fails with
        # scalars (tensorflow's issue 72388).
        shape = (1,) if self._is_spread else ()
        return {name: ops.reshape(value, shape) for name, value in values.items()}


def cond(
    model: keras.Model,
    predicate: Tensor,
    true: Callable[[], Tensor],
    false: Callable[[], Tensor],
) -> Tensor:
    """What one of two functions gives, of which only that one is computed."""
    return ops.cond(predicate, true, false)


def is_eager() -> bool:
    """Whether steps run as Python calls them, with values that can be read."""
    return tf.executing_eagerly()


def compiled(model: keras.Model, function: Callable[..., Tensor]) -> Any:
    """A function of tensors and of a model's weights, to be called many times."""
    if model.compiled and model.run_eagerly:
        return function
    # As Keras compiles its own steps: layers are not rewritten by AutoGraph.
    return tf.function(function, reduce_retracing=True, autograph=False)


def without_gradients() -> contextlib.AbstractContextManager[None]:
    """In which nothing is kept for gradients: there is nothing to do here."""
    return contextlib.nullcontext()


def longest_execution(model: keras.Model) -> int:
    """Steps that one call of the backend takes, where nothing needs each batch."""
    replicas = model.distribute_strategy.num_replicas_in_sync
    # With 8 an epoch takes as long as with 32, and callbacks come in time.
    return 8 if replicas == 1 else 1


def shared_random_state() -> list[np.ndarray]:
    """State of random numbers that layers draw and no variable holds: none here."""
    return []


def set_shared_random_state(arrays: Sequence[np.ndarray]) -> None:
    """Go on from what `shared_random_state` gave; nothing to do here."""


def sync(model: keras.Model) -> None:
    """Weights as the last step has left them: they always are here."""


def stream(source: BatchSource) -> tf.data.Dataset:
    """Batches for `fit`, one pass an epoch, drawn ahead in the background."""
    # On an accelerator the constants would otherwise travel there and back.
    with tf.device("CPU:0"):
        data = tf.data.Dataset.from_tensors(source.arrays).repeat()

    def gather(index: Tensor, parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        x, *y = tf.nest.map_structure(lambda part: tf.gather(part, index), parts)
        for name, lazy in source.lazy.items():
            x[name] = tf.numpy_function(lazy.__getitem__, [x[name]], tf.float32)
            x[name].set_shape((index.shape[0], *lazy.shape[1:]))
        return (source.named(x), *y)

    def index_batches(_: Tensor) -> tf.data.Dataset:
        order = tf.numpy_function(source.next_order, [], tf.int64)
        full, rest = divmod(source.samples, source.batch_size)
        # Whole rows of indices are far cheaper than batching single ones.
        rows = tf.reshape(order[: source.samples - rest], (full, source.batch_size))
        indices = tf.data.Dataset.from_tensor_slices(rows)
        if rest:
            last = tf.ensure_shape(order[source.samples - rest :], (rest,))
            indices = indices.concatenate(tf.data.Dataset.from_tensors(last))
        return indices

    indices = tf.data.Dataset.range(1).flat_map(index_batches)
    batches = tf.data.Dataset.zip((indices, data)).map(
        gather, num_parallel_calls=tf.data.AUTOTUNE
    )
    # Keras reads the number of steps off the cardinality.
    batches = batches.apply(tf.data.experimental.assert_cardinality(len(source)))
    options = tf.data.Options()
    # Its thread sleeps for as long as it has been awake and may miss that an epoch has
    # ended, which then lasts up to twice as long (TensorFlow 2.20, 2.21).
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)
