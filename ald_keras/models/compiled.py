"""What is compiled beside the training steps, in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

_NAME = "_compiled_masked_nll"


def masked_nll(model: Any) -> Callable[[Any, Any, Any], Any]:
    """The NLL of data given codes of which masks set dimensions to 0.

    It is traced once a model, and not at all for one that runs eagerly.

    Args:
        model: Model with `nll` and `run_eagerly`.

    Returns:
        Function of data `(samples, *data_shape)`, codes `(samples, latent_dim)` and
        masks `(masks, latent_dim)` to an array of shape `(masks, samples)`.
    """
    import tensorflow as tf

    def nll(x: Any, z: Any, masks: Any) -> Any:
        # One after another: each is a whole batch for the decoder.
        return tf.map_fn(
            lambda mask: model.nll(x, z * mask), masks, parallel_iterations=1
        )

    function = getattr(model, _NAME, None)
    if function is None:
        eager = model.compiled and model.run_eagerly
        function = nll if eager else tf.function(nll, reduce_retracing=True)
        setattr(model, _NAME, function)

    def numpy(*arrays: Any) -> Any:
        tensors = map(tf.convert_to_tensor, arrays)
        return keras.ops.convert_to_numpy(function(*tensors))

    return numpy
