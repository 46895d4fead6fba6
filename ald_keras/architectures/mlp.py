"""Fully connected networks for data of any shape."""

import math
from collections.abc import Mapping, Sequence

import keras

from ald_keras._typing import Tensor
from ald_keras._validation import check_integer, check_shape
from ald_keras.architectures.initializers import kernel_initializers


def mlp(
    data_shape: Sequence[int],
    latent_dim: int,
    *,
    hidden: Sequence[int] = (400, 400),
    activation: str = "relu",
    conditions: Mapping[str, Sequence[int]] | None = None,
    seed: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Build an encoder of Dense layers and its mirror image as decoder.

    The default, two layers of 400 ReLU units, is what arXiv 2312.06280 trains on MNIST
    and Fashion-MNIST.

    Args:
        data_shape: Shape of one sample, any number of dimensions.
        latent_dim: Number of latent dimensions the decoder reads.
        hidden: Units of the encoder's layers, from data to features; the decoder has
            them in reverse. Empty for linear networks. Defaults to `(400, 400)`.
        activation: Activation of the hidden layers. Defaults to `"relu"`.
        conditions: Shape of one sample of each further input that both networks read,
            by name. Defaults to none.
        seed: Non-negative integer that decides the initial weights. Defaults to
            `None`: other weights at each call.

    Returns:
        `(encoder, decoder)`, two Functional models. The encoder maps samples to
        features, shape `(batch, hidden[-1])`, without latent heads. The decoder maps
        `(batch, latent_dim)` to `(batch, *data_shape)`, linear and in float32: the
        likelihood decides how its output is read.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> encoder, decoder = mlp((28, 28, 1), latent_dim=64, seed=0)
    >>> encoder.output_shape, decoder.output_shape
    ((None, 400), (None, 28, 28, 1))
    """
    shape = check_shape("data_shape", data_shape)
    latent_dim = check_integer("latent_dim", latent_dim, 1)
    units = [check_integer("hidden", size, 1) for size in _check_sequence(hidden)]
    kernels = kernel_initializers(seed)

    def stack(x: Tensor, name: str, sizes: list[int]) -> Tensor:
        for number, size in enumerate(sizes, start=1):
            x = keras.layers.Dense(
                size,
                activation=activation,
                kernel_initializer=next(kernels),
                name=f"{name}_dense_{number}",
            )(x)
        return x

    def further() -> list[Tensor]:
        known = (conditions or {}).items()
        return [keras.Input(tuple(size), name=name) for name, size in known]

    data, given = keras.Input(shape, name="data"), further()
    flat = keras.layers.Flatten(name="encoder_flatten")(data)
    if given:
        flat = keras.layers.Concatenate(name="encoder_inputs")([flat, *_flat(given)])
    read = [data, *given] if given else data
    encoder = keras.Model(read, stack(flat, "encoder", units), name="encoder")

    latent, again = keras.Input((latent_dim,), name="latent"), further()
    sizes, code = units[::-1], latent
    if again:
        # A layer of its own for the code: this one is sliced with the dimensions.
        width = sizes[0] if sizes else math.prod(shape)
        summands = [
            keras.layers.Dense(
                width,
                use_bias=part is latent,
                kernel_initializer=next(kernels),
                name=f"decoder_input_{number}",
            )(part)
            for number, part in enumerate((latent, *_flat(again)))
        ]
        code = keras.layers.Add(name="decoder_inputs")(summands)
        if sizes:
            name = "decoder_activation"
            code = keras.layers.Activation(activation, name=name)(code)
    if sizes or not again:
        values = keras.layers.Dense(
            math.prod(shape),
            kernel_initializer=next(kernels),
            dtype="float32",
            name="decoder_output",
        )(stack(code, "decoder", sizes[1:] if again else sizes))
    else:
        values = keras.layers.Activation("linear", dtype="float32")(code)
    if len(shape) > 1:
        values = keras.layers.Reshape(shape, dtype="float32", name="decoder_reshape")(
            values
        )
    read = [latent, *again] if again else latent
    return encoder, keras.Model(read, values, name="decoder")


def _flat(tensors: list[Tensor]) -> list[Tensor]:
    return [keras.layers.Flatten()(tensor) for tensor in tensors]


def _check_sequence(hidden: Sequence[int]) -> Sequence[int]:
    if not isinstance(hidden, Sequence):
        raise ValueError(
            f"`hidden` must be a sequence of integers. Received: hidden={hidden!r}"
        )
    return hidden
