"""TensorFlow: training spread over devices and machines as exactly as on one."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ald_keras._typing import T, Tensor

_VARIABLE = "TF_CONFIG"


def open_strategy(name: str) -> tf.distribute.Strategy:
    """The distribution strategy of a config, see `runs/strategies.py`."""
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "multi_worker":
        _check_cluster()
        return tf.distribute.MultiWorkerMirroredStrategy()
    devices = tf.config.list_logical_devices("GPU")
    devices = devices or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _check_cluster() -> None:
    text = os.environ.get(_VARIABLE)
    try:
        content = json.loads(text or "")
        kind, index = content["task"]["type"], content["task"]["index"]
        _ = content["cluster"][kind][index]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"`strategy: multi_worker` needs the environment variable {_VARIABLE}, "
            'such as {"cluster": {"worker": ["10.0.0.1:9000", "10.0.0.2:9000"]}, '
            f'"task": {{"type": "worker", "index": 0}}}}. Received: {text!r}'
        ) from error


@contextlib.contextmanager
def together(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Say so where what fails is the company of other workers.

    Raises:
        RuntimeError: In the place of TensorFlow's own error.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        lines = [
            line.strip() for line in str(error.message).split("\n") if line.strip()
        ]
        raise RuntimeError(
            "Training together with the other workers has failed; probably one of them "
            "has ended. Start all of them again, with --resume, from the last "
            f"checkpoint. ({lines[-1][:200] if lines else type(error).__name__})"
        ) from error


def strategy_of(model: keras.Model) -> tf.distribute.Strategy:
    """The distribution strategy of a model."""
    return model.distribute_strategy


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
