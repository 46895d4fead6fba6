"""Convolutional networks with axial attention, for video clips."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import keras

from ald_keras._typing import Tensor
from ald_keras._validation import check_integer, check_shape
from ald_keras.architectures.initializers import kernel_initializers
from ald_keras.layers import AxialAttentionBlock

# Time is halved once only, so that attention along it has frames left to compare.
_STRIDES = ((2, 2, 2), (1, 2, 2), (1, 2, 2))
_FACTORS = tuple(math.prod(along) for along in zip(*_STRIDES, strict=True))


def video(
    data_shape: Sequence[int],
    latent_dim: int,
    *,
    filters: int = 32,
    hidden: int = 256,
    blocks: int = 2,
    heads: int = 2,
    activation: str = "relu",
    seed: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Build 3-D convolutions and axial attention, mirrored as decoder.

    Three convolutions halve height and width, the first of them time as well; kernels
    are 4 long where they stride and 3 elsewhere. Residual blocks follow
    (`AxialAttentionBlock`), a norm and a Dense layer, after the autoencoder of VideoGPT
    (Yan et al. 2021, arXiv 2104.10157). Meant for clips such as SPRITES's of 8 frames
    of 64 x 64 pixels.

    Args:
        data_shape: `(time, height, width, channels)`, time divisible by 2, height and
            width by 8.
        latent_dim: Number of latent dimensions the decoder reads.
        filters: Channels of each convolution, even and divisible by `heads`. Defaults
            to 32.
        hidden: Units of the Dense layer. Defaults to 256.
        blocks: Residual blocks of the encoder, and of the decoder. Defaults to 2.
        heads: Attention heads. Defaults to 2.
        activation: Activation of all layers but the last. Defaults to `"relu"`.
        seed: Non-negative integer that decides the initial weights. Defaults to
            `None`: other weights at each call.

    Returns:
        `(encoder, decoder)`, two Functional models. The encoder maps clips to
        features, shape `(batch, hidden)`, without latent heads. The decoder maps
        `(batch, latent_dim)` to `(batch, *data_shape)`, linear and in float32: the
        likelihood decides how its output is read.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> encoder, decoder = video((8, 64, 64, 3), latent_dim=100, seed=0)
    >>> encoder.output_shape, decoder.output_shape
    ((None, 256), (None, 8, 64, 64, 3))
    """
    shape = _check_clip_shape(data_shape)
    latent_dim = check_integer("latent_dim", latent_dim, 1)
    hidden = check_integer("hidden", hidden, 1)
    blocks = check_integer("blocks", blocks, 1)
    heads = check_integer("heads", heads, 1)
    filters = _check_filters(filters, heads)

    parts = _Parts(filters, blocks, heads, activation, kernel_initializers(seed))
    encoder = _encoder(parts, shape, hidden)
    return encoder, _decoder(parts, latent_dim, hidden, shape)


@dataclasses.dataclass(frozen=True)
class _Parts:
    """Makes the layers that encoder and decoder have in common."""

    filters: int
    blocks: int
    heads: int
    activation: str
    kernels: Iterator[keras.initializers.Initializer]

    def dense(self, x: Tensor, units: int, name: str, activation: str | None) -> Tensor:
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=next(self.kernels),
            name=name,
        )(x)

    def strided(
        self,
        kind: type[keras.Layer],
        x: Tensor,
        channels: int,
        strides: Sequence[int],
        **options: object,
    ) -> Tensor:
        return kind(
            channels,
            tuple(4 if stride == 2 else 3 for stride in strides),
            strides=strides,
            padding="same",
            kernel_initializer=next(self.kernels),
            **options,
        )(x)

    def residual_stack(self, x: Tensor, name: str) -> Tensor:
        for number in range(1, self.blocks + 1):
            x = AxialAttentionBlock(
                self.heads,
                self.activation,
                seed=next(self.kernels).seed,
                name=f"{name}_block_{number}",
            )(x)
        x = keras.layers.GroupNormalization(1, name=f"{name}_norm")(x)
        return keras.layers.Activation(self.activation, name=f"{name}_activation")(x)


def _encoder(parts: _Parts, shape: tuple[int, ...], hidden: int) -> keras.Model:
    data = x = keras.Input(shape, name="data")
    for number, strides in enumerate(_STRIDES, start=1):
        # The last is linear, for the residual blocks begin with the activation.
        last = number == len(_STRIDES)
        x = parts.strided(
            keras.layers.Conv3D,
            x,
            parts.filters,
            strides,
            activation=None if last else parts.activation,
            name=f"encoder_conv_{number}",
        )
    x = parts.residual_stack(x, "encoder")
    x = keras.layers.Flatten(name="encoder_flatten")(x)
    x = parts.dense(x, hidden, "encoder_dense", parts.activation)
    return keras.Model(data, x, name="encoder")


def _decoder(
    parts: _Parts, latent_dim: int, hidden: int, shape: tuple[int, ...]
) -> keras.Model:
    small = (
        *(size // factor for size, factor in zip(shape[:3], _FACTORS, strict=True)),
        parts.filters,
    )
    latent = keras.Input((latent_dim,), name="latent")
    x = parts.dense(latent, hidden, "decoder_dense_1", parts.activation)
    x = parts.dense(x, math.prod(small), "decoder_dense_2", None)
    x = keras.layers.Reshape(small, name="decoder_reshape")(x)
    x = parts.residual_stack(x, "decoder")
    up = keras.layers.Conv3DTranspose
    for number, strides in enumerate(_STRIDES[:0:-1], start=1):
        name = f"decoder_conv_{number}"
        x = parts.strided(
            up, x, parts.filters, strides, activation=parts.activation, name=name
        )
    x = parts.strided(
        up, x, shape[-1], _STRIDES[0], dtype="float32", name="decoder_output"
    )
    return keras.Model(latent, x, name="decoder")


def _check_clip_shape(data_shape: Sequence[int]) -> tuple[int, ...]:
    shape = check_shape("data_shape", data_shape)
    if len(shape) != 4 or any(
        size % factor for size, factor in zip(shape[:3], _FACTORS, strict=True)
    ):
        raise ValueError(
            "`data_shape` must be (time, height, width, channels) with time divisible "
            f"by {_FACTORS[0]}, height and width by {_FACTORS[1]}. "
            f"Received: data_shape={shape}"
        )
    return shape


def _check_filters(filters: int, heads: int) -> int:
    filters = check_integer("filters", filters, 1)
    if filters % 2 or filters % heads:
        raise ValueError(
            "`filters` must be even and divisible by `heads`. "
            f"Received: filters={filters}, heads={heads}"
        )
    return filters
