"""Adam's update as one operation of TensorFlow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from ald_keras._typing import Tensor

_ADAM = keras.optimizers.Adam


@contextlib.contextmanager
def fused_adam(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """In which `optimizer.apply` updates a variable in one operation, not in twelve.

    `ResourceApplyAdam` has the formula of Keras's Adam and half its memory traffic. It
    serves float32 variables of one device, with Adam and with what differs from it
    elsewhere (AdamW); other updates are Keras's own.

    Args:
        optimizer: The compiled one, perhaps wrapped for the scaling of the loss.
    """
    adam = getattr(optimizer, "inner_optimizer", optimizer)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    is_adam = getattr(type(adam), "update_step", None) is _ADAM.update_step
    if not is_adam or adam.amsgrad or replicas > 1:
        yield
        return

    def update(gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        sparse = isinstance(gradient, tf.IndexedSlices)
        if sparse or variable.dtype != tf.float32:
            _ADAM.update_step(adam, gradient, variable, learning_rate)
            return
        index = adam._get_variable_index(variable)
        step = tf.cast(adam.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=adam._momentums[index].value.handle,
            v=adam._velocities[index].value.handle,
            beta1_power=tf.pow(adam.beta_1, step),
            beta2_power=tf.pow(adam.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=adam.beta_1,
            beta2=adam.beta_2,
            epsilon=adam.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )

    # Keras calls `update_step` for each variable while it traces.
    adam.update_step = update
    try:
        yield
    finally:
        del adam.update_step
