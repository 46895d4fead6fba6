"""The two heads of an encoder: posterior mean and logarithm of its variance."""

from __future__ import annotations

import keras

from ald_keras._typing import Tensor
from ald_keras.models import graph
from ald_keras.models.keras_internals import source


def encoder_with_heads(
    encoder: keras.Model, latent_dim: int, seed: int | None = None
) -> tuple[keras.Model, keras.layers.Dense, keras.layers.Dense]:
    """Add heads to a feature encoder, or find those that an encoder has.

    Args:
        encoder: Built Keras model, Functional for several inputs. Its one output is a
            feature vector `(batch, features)`; or it is Sequential or Functional and
            ends in one linear Dense layer of `2 * latent_dim` units, means first; or
            its first two outputs come from linear Dense layers, at most through layers
            that change each value on its own (a third output is left out).
        latent_dim: Integer >= 1.
        seed: Integer seed of new heads' weights. Defaults to `None`.

    Returns:
        The Functional model from data to `(z_mean, z_log_var)`, and the two heads.

    Raises:
        TypeError: If `encoder` is no Keras model.
        ValueError: If it is unbuilt, or has neither form.
    """
    if not isinstance(encoder, keras.Model):
        raise TypeError(f"`encoder` must be a keras.Model. Received: {encoder!r}")
    inputs, outputs = _symbolic_ends(encoder)
    if len(outputs) == 1:
        taken = {layer.name for layer in encoder.layers}
        halves = _halves(outputs[0], latent_dim, taken)
        if halves is not None:
            ends, (z_mean, z_log_var) = halves
        else:
            z_mean, z_log_var = _new_heads(outputs[0], latent_dim, seed, taken)
            ends = [z_mean(outputs[0]), z_log_var(outputs[0])]
    elif len(outputs) in (2, 3):
        z_mean, z_log_var = _own_heads(outputs[:2], latent_dim)
        ends = outputs[:2]
    else:
        raise ValueError(
            "`encoder` must have one output (features), or two or three (mean, log "
            f"variance, perhaps a sample). Received: {len(outputs)} outputs."
        )
    full = keras.Model(inputs, ends, name=encoder.name)
    graph.check_unshared("encoder", full)
    graph.check_no_lambda("encoder", full)
    return full, z_mean, z_log_var


def _symbolic_ends(encoder: keras.Model) -> tuple[Tensor, list[Tensor]]:
    if graph.is_graph_model(encoder) and encoder.built:
        inputs = encoder.inputs if len(encoder.inputs) > 1 else encoder.inputs[0]
        if isinstance(encoder, keras.Sequential):
            return inputs, list(encoder.outputs)
        return inputs, _ordered(encoder.output)
    shape = (encoder.get_build_config() or {}).get("input_shape")
    if not (encoder.built and isinstance(shape, (tuple, list))):
        raise ValueError(
            "`encoder` must be built: give it an Input, or call it on data first. "
            f"Received: the unbuilt model '{encoder.name}'."
        )
    try:
        encoder.get_config()
    except NotImplementedError as error:
        raise ValueError(
            "`encoder`: a subclassed model needs `get_config`, to be saved and to be "
            f"exported. Received: {type(encoder).__name__} without one."
        ) from error
    if not all(size is None or isinstance(size, int) for size in shape):
        raise ValueError(
            "`encoder` of several inputs must be a Functional model, which names them. "
            f"Received: {type(encoder).__name__} of inputs of shapes {shape}"
        )
    inputs = keras.Input(tuple(shape)[1:])
    return inputs, _ordered(encoder(inputs))


def _ordered(outputs: Tensor) -> list[Tensor]:
    if isinstance(outputs, dict):
        raise ValueError(
            "`encoder` must give its outputs in order, mean and log variance, and not "
            f"by name. Received: a mapping with keys {sorted(outputs)}."
        )
    return keras.tree.flatten(outputs)


def _new_heads(
    features: Tensor, latent_dim: int, seed: int | None, taken: set[str]
) -> tuple[keras.layers.Dense, ...]:
    if len(features.shape) != 2:
        raise ValueError(
            "`encoder` must end in a feature vector, shape (batch, features). "
            f"Received: an output of shape {tuple(features.shape)}; "
            "add a Flatten or pooling layer."
        )
    # Variances begin as the prior's, whatever the scale of the data.
    kernels = {"z_mean": keras.initializers.GlorotUniform(seed), "z_log_var": "zeros"}
    return tuple(
        keras.layers.Dense(
            latent_dim,
            kernel_initializer=kernel,
            name=f"latent_{name}" if name in taken else name,
        )
        for name, kernel in kernels.items()
    )


def _own_heads(outputs: list[Tensor], latent_dim: int) -> list[keras.layers.Dense]:
    heads = []
    for name, output in zip(("mean", "log variance"), outputs, strict=True):
        layer, inputs = source(output)
        while graph.is_elementwise(layer) and len(inputs) == 1:
            layer, inputs = source(inputs[0])
        if not isinstance(layer, keras.layers.Dense):
            raise ValueError(
                f"`encoder`: the output for the {name} must come from a Dense layer, "
                "at most through layers that change each value on its own, such as a "
                f"clip. Received: {type(layer).__name__} named '{layer.name}'. With a "
                "subclassed model, pass one that ends in a feature vector."
            )
        if layer.activation is not keras.activations.linear:
            raise ValueError(
                f"`encoder`: the head '{layer.name}' must be linear, as a {name} is "
                f"unbounded. Received: activation={layer.activation}"
            )
        if layer.units != latent_dim:
            raise ValueError(
                f"`latent_dim` must equal the units of the head '{layer.name}', which "
                f"has {layer.units}. Received: latent_dim={latent_dim}"
            )
        heads.append(layer)
    if heads[0] is heads[1]:
        raise ValueError(
            "`encoder`: mean and log variance must come from two Dense layers. "
            f"Received: '{heads[0].name}' for both."
        )
    return heads


def _halves(
    output: Tensor, latent_dim: int, taken: set[str]
) -> tuple[list[Tensor], list[keras.layers.Dense]] | None:
    """One linear Dense layer of `2 * latent_dim` units as two heads with its weights.

    Means come first, as in TensorFlow's tutorial. `None` for any other output.
    """
    layer, inputs = source(output)
    wide = isinstance(layer, keras.layers.Dense) and layer.units == 2 * latent_dim
    if not wide or layer.activation is not keras.activations.linear:
        return None
    graph.check_plain(layer)
    heads = []
    for part, name in enumerate(("z_mean", "z_log_var")):
        name = f"latent_{name}" if name in taken else name
        config = {**layer.get_config(), "units": latent_dim, "name": name}
        head = keras.layers.Dense.from_config(config)
        head.build(inputs[0].shape)
        columns = slice(part * latent_dim, (part + 1) * latent_dim)
        head.set_weights([weight[..., columns] for weight in layer.get_weights()])
        heads.append(head)
    return [head(inputs[0]) for head in heads], heads
