"""Convolutional networks for images."""

from collections.abc import Sequence

import keras

from ald_keras._typing import Tensor
from ald_keras._validation import check_integer, check_shape
from ald_keras.architectures.initializers import kernel_initializers

_HALVINGS = 4
_KERNEL_SIZE = 4


def conv(
    data_shape: Sequence[int],
    latent_dim: int,
    *,
    filters: int = 32,
    hidden: int = 256,
    activation: str = "silu",
    seed: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Build four stride-2 convolutions and a Dense layer, mirrored as decoder.

    Kernels are 4 x 4; each convolution halves height and width, each transposed one
    doubles them. Meant for RGB images of 64 x 64 pixels such as EuroSAT's. Images
    whose height or width is no multiple of 16 are padded with zeros inside the encoder,
    and the decoder crops what it makes.

    Args:
        data_shape: `(height, width, channels)`.
        latent_dim: Number of latent dimensions the decoder reads.
        filters: Channels of each convolution. Defaults to 32.
        hidden: Units of the Dense layer. Defaults to 256.
        activation: Activation of all layers but the last. Defaults to `"silu"`.
        seed: Non-negative integer that decides the initial weights. Defaults to
            `None`: other weights at each call.

    Returns:
        `(encoder, decoder)`, two Functional models. The encoder maps images to
        features, shape `(batch, hidden)`, without latent heads. The decoder maps
        `(batch, latent_dim)` to `(batch, *data_shape)`, linear and in float32: the
        likelihood decides how its output is read.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> encoder, decoder = conv((64, 64, 3), latent_dim=100, seed=0)
    >>> encoder.output_shape, decoder.output_shape
    ((None, 256), (None, 64, 64, 3))
    """
    shape = check_shape("data_shape", data_shape)
    if len(shape) != 3:
        raise ValueError(
            "`data_shape` must be (height, width, channels). "
            f"Received: data_shape={shape}"
        )
    margins = tuple(_margin(length) for length in shape[:2])
    latent_dim = check_integer("latent_dim", latent_dim, 1)
    filters = check_integer("filters", filters, 1)
    hidden = check_integer("hidden", hidden, 1)
    kernels = kernel_initializers(seed)

    def dense(x: Tensor, units: int, name: str) -> Tensor:
        return keras.layers.Dense(
            units, activation=activation, kernel_initializer=next(kernels), name=name
        )(x)

    def strided(
        layer: type[keras.Layer], x: Tensor, channels: int, name: str, **options: object
    ) -> Tensor:
        return layer(
            channels,
            _KERNEL_SIZE,
            strides=2,
            padding="same",
            kernel_initializer=next(kernels),
            name=name,
            **options,
        )(x)

    data = x = keras.Input(shape, name="data")
    if any(map(sum, margins)):
        x = keras.layers.ZeroPadding2D(margins, name="encoder_padding")(x)
    padded = x.shape[1:3]
    for number in range(1, _HALVINGS + 1):
        name = f"encoder_conv_{number}"
        x = strided(keras.layers.Conv2D, x, filters, name, activation=activation)
    x = keras.layers.Flatten(name="encoder_flatten")(x)
    encoder = keras.Model(data, dense(x, hidden, "encoder_dense"), name="encoder")

    small = (padded[0] >> _HALVINGS, padded[1] >> _HALVINGS, filters)
    latent = keras.Input((latent_dim,), name="latent")
    x = dense(latent, hidden, "decoder_dense_1")
    x = dense(x, small[0] * small[1] * small[2], "decoder_dense_2")
    x = keras.layers.Reshape(small, name="decoder_reshape")(x)
    up = keras.layers.Conv2DTranspose
    for number in range(1, _HALVINGS):
        name = f"decoder_conv_{number}"
        x = strided(up, x, filters, name, activation=activation)
    x = strided(up, x, shape[2], "decoder_output", dtype="float32")
    if any(map(sum, margins)):
        x = keras.layers.Cropping2D(margins, dtype="float32", name="decoder_cropping")(
            x
        )
    return encoder, keras.Model(latent, x, name="decoder")


def _margin(length: int) -> tuple[int, int]:
    """Pixels to add before and behind so many, up to a length that can be halved."""
    missing = -length % 2**_HALVINGS
    return missing // 2, missing - missing // 2
