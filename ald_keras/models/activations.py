"""The last activation of a decoder, and the values that it can give."""

from __future__ import annotations

import math

import keras

from ald_keras._typing import Tensor
from ald_keras.models.graph import has_keras_call, is_graph_model
from ald_keras.models.keras_internals import output_index, source

# Layers that move or copy values and change none: an activation before them is
# still the decoder's last one.
_VALUE_KEEPING = (
    keras.layers.Cropping1D,
    keras.layers.Cropping2D,
    keras.layers.Cropping3D,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.Permute,
    keras.layers.Reshape,
)


# Values that an activation can give.
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
    "exponential": (0.0, math.inf),
}


def final_activation(model: keras.Model) -> str | None:
    """Name of the last activation of a model, `"linear"` where there is none.

    Layers that only move values (Reshape, Flatten, cropping, ...) are passed over.

    Returns:
        The name as in `keras.activations`, or `None` where it is not known.
    """
    if isinstance(model, keras.Sequential):
        for layer in reversed(model.layers):
            if not isinstance(layer, _VALUE_KEEPING):
                return _activation_of(layer)
        return None
    return final_activation_of(model.outputs[0])


def final_activation_of(output: Tensor) -> str | None:
    """As `final_activation`, of one output of a Functional model."""
    operation, inputs = source(output)
    if is_graph_model(operation):
        return final_activation_of(operation.outputs[output_index(output)])
    while isinstance(operation, _VALUE_KEEPING) and inputs:
        operation, inputs = source(inputs[0])
    if type(operation).__name__ == "Add":
        # What is linear stays so with an offset, such as a logarithm of exposure.
        found = {final_activation_of(tensor) for tensor in inputs}
        return "linear" if found == {"linear"} else None
    if isinstance(operation, keras.layers.InputLayer):
        return "linear"
    return _activation_of(operation)


def range_of(activation: str | None) -> tuple[float, float]:
    """The smallest and the largest value that an activation can give."""
    return _RANGES.get(activation or "", (-math.inf, math.inf))


def _activation_of(operation: keras.Operation) -> str | None:
    if is_graph_model(operation):
        return final_activation(operation)
    if type(operation).__name__ == "Sigmoid":
        return "sigmoid"
    # Nor is a recurrent layer's `activation` the last thing that it does.
    if not has_keras_call(operation) or isinstance(operation, keras.layers.RNN):
        return None
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", None)
    # A function of the user's own may have any name.
    known = name is not None and getattr(keras.activations, name, None) is activation
    return name if known else None
