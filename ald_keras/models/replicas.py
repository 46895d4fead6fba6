"""Training spread over devices and machines, as exactly as on one device.

The one place beside the training steps that speaks TensorFlow. On one device everything
here is the identity.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import keras
from keras import ops

from ald_keras._typing import Tensor

if TYPE_CHECKING:
    import tensorflow as tf


T = TypeVar("T")


class GlobalBatch:
    """The batch of a step, of which each replica has a part that may be empty.

    Made inside a training or test step, on every replica.

    Args:
        x: The part of this replica, shape `(samples, *data_shape)`.

    Attributes:
        rows: First row of this part and rows of the whole, or `None` on one device.
        share: Share of the whole that this part is, scalar in [0, 1].
    """

    def __init__(self, x: Tensor) -> None:
        import tensorflow as tf

        self._context: Any = None
        self.rows: tuple[Tensor, Tensor] | None = None
        self.share: Tensor = 1.0
        strategy = tf.distribute.get_strategy()
        replicas = strategy.num_replicas_in_sync
        workers = tf.distribute.MultiWorkerMirroredStrategy
        self._is_spread = isinstance(strategy, workers)
        if replicas == 1:
            return
        self._context = tf.distribute.get_replica_context()
        number = self._context.replica_id_in_sync_group
        samples = tf.shape(x)[0]
        sizes = self._sum(samples * tf.one_hot(number, replicas, dtype=tf.int32))
        before = tf.range(replicas) < number
        first = tf.reduce_sum(tf.where(before, sizes, 0))
        total = tf.reduce_sum(sizes)
        self.rows = first, total
        self.share = tf.cast(samples, "float32") / tf.cast(total, "float32")

    def _sum(self, value: Tensor) -> Tensor:
        return self._context.all_reduce("sum", value)

    def part_mean(self, values: Tensor) -> Tensor:
        """Mean of this part's values, shape `(samples, ...)`; 0 of an empty part."""
        if self.rows is None:
            return ops.mean(values, axis=0)
        count = ops.cast(ops.maximum(ops.shape(values)[0], 1), values.dtype)
        return ops.sum(values, axis=0) / count

    def mean(self, part_mean: Tensor) -> Tensor:
        """Mean over the whole batch of what parts have on average."""
        if self.rows is None:
            return part_mean
        return self._sum(part_mean * ops.cast(self.share, part_mean.dtype))

    def sum(self, part_sum: Tensor) -> Tensor:
        """Sum over the whole batch of what the sums of parts are."""
        return part_sum if self.rows is None else self._sum(part_sum)

    def weighted(self, loss: Tensor) -> Tensor:
        """This part's loss such that those of all parts sum up to the whole's."""
        return loss if self.rows is None else loss * ops.cast(self.share, loss.dtype)

    def results(
        self, trackers: Iterable[keras.metrics.Mean], **figures: Tensor
    ) -> dict[str, Tensor]:
        """What a step returns: means so far, by name, and figures that replicas share.

        Args:
            trackers: Metrics of what the parts had on average.
            **figures: Scalars that are the same on every replica.
        """
        trackers = list(trackers)
        if self.rows is None:
            return {**{m.name: m.result() for m in trackers}, **figures}
        totals, counts = (
            # What adds up over replicas is no plain variable; times one it is a tensor.
            self._sum(ops.stack([1.0 * variable for variable in variables]))
            for variables in ([m.total for m in trackers], [m.count for m in trackers])
        )
        means = ops.divide_no_nan(totals, counts)
        values = {m.name: means[i] for i, m in enumerate(trackers)} | figures
        # Of several workers' results Keras takes the mean over an axis, and fails with
        # scalars (tensorflow's issue 72388).
        shape = (1,) if self._is_spread else ()
        return {name: ops.reshape(value, shape) for name, value in values.items()}


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes files and measures for all."""
    return not _is_spread(strategy) or _number(strategy) == 0


def from_chief(strategy: tf.distribute.Strategy, function: Callable[[], T]) -> T:
    """Result of a function that only the chief's process calls, in every process.

    Args:
        strategy: The model's distribution strategy.
        function: Gives plain types, as JSON holds them exactly.

    Raises:
        Exception: What the function raises; in the other processes a `RuntimeError`
            with its message.
    """
    if not _is_spread(strategy):
        return function()
    error = None
    text = b""
    if _number(strategy) == 0:
        try:
            text = json.dumps({"result": function()}).encode("utf-8")
        except Exception as raised:
            error = raised
            text = json.dumps({"error": str(raised)}).encode("utf-8")
    content = json.loads(_sent_by_chief(strategy, text))
    if error is not None:
        raise error
    if "error" in content:
        raise RuntimeError(f"The chief has stopped: {content['error']}")
    return content["result"]


def _is_spread(strategy: tf.distribute.Strategy) -> bool:
    """Whether several processes train together."""
    resolver = getattr(strategy, "cluster_resolver", None)
    spec: Any = None if resolver is None else resolver.cluster_spec()
    return bool(spec) and spec.num_tasks("worker") + _chiefs(spec) > 1


def _chiefs(spec: tf.train.ClusterSpec) -> int:
    return spec.num_tasks("chief") if "chief" in spec.jobs else 0


def _number(strategy: tf.distribute.Strategy) -> int:
    """Place of this process among all, that of the chief being 0."""
    resolver = strategy.cluster_resolver
    if resolver.task_type == "chief":
        return 0
    return int(resolver.task_id) + _chiefs(resolver.cluster_spec())


def _sent_by_chief(strategy: tf.distribute.Strategy, text: bytes) -> bytes:
    import numpy as np
    import tensorflow as tf

    @tf.function
    def summed(values: Tensor) -> Tensor:
        def reduce(part: Tensor) -> Tensor:
            # The copy is placed on the replica's device, without which none is known.
            part = tf.identity(part)
            return tf.distribute.get_replica_context().all_reduce("sum", part)

        return strategy.run(reduce, args=(values,))

    def share(values: np.ndarray) -> np.ndarray:
        # All but the chief add zeros, and each of the chief's devices the same.
        total = strategy.experimental_local_results(summed(tf.constant(values)))[0]
        return total.numpy() // len(strategy.extended.worker_devices)

    length = int(share(np.array([len(text)], np.int32))[0])
    buffer = np.zeros(length, np.int32)
    buffer[: len(text)] = np.frombuffer(text, np.uint8)
    return share(buffer).astype(np.uint8).tobytes()


def check_scope(variables: Iterable[keras.Variable]) -> None:
    """Raise a `ValueError` if a strategy is in force that variables do not belong to.

    Args:
        variables: A model's.
    """
    import tensorflow as tf

    if not tf.distribute.has_strategy():
        return
    strategy = tf.distribute.get_strategy()
    created = strategy.extended.variable_created_in_scope
    if not all(created(variable.value) for variable in variables):
        raise ValueError(
            "The model must be made within the scope of the strategy that trains it. "
            f"Received: a model made outside of this {type(strategy).__name__}. Build "
            "encoder, decoder and model inside `with strategy.scope():`."
        )
