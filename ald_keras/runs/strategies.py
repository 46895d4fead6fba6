"""Which devices and machines a run trains on."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

STRATEGIES = ("none", "mirrored", "multi_worker")

_VARIABLE = "TF_CONFIG"


def open_strategy(name: str) -> tf.distribute.Strategy:
    """The distribution strategy of a config.

    Args:
        name: `"none"`, `"mirrored"` (all GPUs of this machine, or all its logical CPUs
            where it has none) or `"multi_worker"` (the processes that the environment
            variable `TF_CONFIG` names). The last one must come before anything else of
            TensorFlow.

    Raises:
        ValueError: If the name is unknown, or `TF_CONFIG` does not name the workers.
    """
    import tensorflow as tf

    if name not in STRATEGIES:
        raise ValueError(f"`strategy` must be one of {STRATEGIES}. Received: {name!r}")
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
    import tensorflow as tf

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
