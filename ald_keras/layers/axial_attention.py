"""Attention along single axes of a video, and a residual block with it."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from ald_keras._typing import Shape, Tensor
from ald_keras._validation import check_integer, check_seed

_VIDEO_AXES = (1, 2, 3)
_KERNELS = ("query", "key", "value", "output")


@keras.saving.register_keras_serializable("ald_keras")
class AxialAttention(keras.layers.Layer):
    """Multi-head self-attention along one axis (Ho et al. 2019, arXiv 1912.12180).

    Each position attends to those that differ from it in `axis` alone, so that the
    cost grows with the length of that axis, not with the product of all lengths. It
    knows of no order: permuting the input along `axis` permutes the output alike.
    Query, key and value have no bias, the output has one. Softmax is computed in
    float32 at least, whatever the dtype policy.

    Args:
        axis: Integer >= 1, axis of the input to attend along; 0 is the batch, and
            the last axis holds the channels.
        heads: Positive integer that divides the channels. Defaults to 2.
        seed: Non-negative integer that decides the initial weights (Glorot uniform),
            or `None` for others at each call. Defaults to `None`.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., channels)`; the output has the same.

    Raises:
        ValueError: If an argument is out of range, or does not suit the input.

    Example:
    >>> AxialAttention(axis=1, heads=4)(keras.ops.ones((2, 8, 16, 16, 32))).shape
    TensorShape([2, 8, 16, 16, 32])
    """

    def __init__(
        self, axis: int, heads: int = 2, seed: int | None = None, **kwargs: object
    ):
        super().__init__(**kwargs)
        self.axis = check_integer("axis", axis, 1)
        self.heads = check_integer("heads", heads, 1)
        self.seed = check_seed(seed)

    def build(self, input_shape: Shape) -> None:
        if self.axis >= len(input_shape) - 1:
            raise ValueError(
                "`axis` must lie between the input's batch and channel axes. "
                f"Received: axis={self.axis}, input shape {tuple(input_shape)}"
            )
        channels = _check_channels(self.heads, input_shape)
        self.query, self.key, self.value, self.output_kernel = (
            self.add_weight(
                name=f"{name}_kernel",
                shape=(channels, channels),
                initializer=keras.initializers.GlorotUniform(seed=seed),
            )
            for name, seed in zip(
                _KERNELS, _derive_seeds(self.seed, len(_KERNELS)), strict=True
            )
        )
        self.bias = self.add_weight(
            name="output_bias", shape=(channels,), initializer="zeros"
        )

    def call(self, inputs: Tensor) -> Tensor:
        moved = ops.moveaxis(inputs, self.axis, -2)
        # Few dimensions: TensorFlow has a softmax of at most five on some CPUs.
        rows = ops.reshape(moved, (-1, *ops.shape(moved)[-2:]))
        query, key, value = (
            self._split(ops.matmul(rows, kernel))
            for kernel in (self.query, self.key, self.value)
        )
        # Scaled before the product, which could leave the range of float16.
        query = query / math.sqrt(query.shape[-1])
        scores = ops.matmul(query, ops.swapaxes(key, -1, -2))
        dtype = keras.backend.result_type(scores.dtype, "float32")
        # `ops.softmax` warns of an axis of length one, which is no mistake here.
        weights = ops.exp(ops.log_softmax(ops.cast(scores, dtype), axis=-1))
        mixed = ops.matmul(ops.cast(weights, value.dtype), value)
        mixed = ops.reshape(ops.swapaxes(mixed, 1, 2), ops.shape(moved))
        mixed = ops.matmul(mixed, self.output_kernel) + self.bias
        return ops.moveaxis(mixed, -2, self.axis)

    def _split(self, rows: Tensor) -> Tensor:
        """From `(rows, length, channels)` to `(rows, heads, length, size)`."""
        length, channels = ops.shape(rows)[1:]
        x = ops.reshape(rows, (-1, length, self.heads, channels // self.heads))
        return ops.swapaxes(x, 1, 2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "heads": self.heads,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("ald_keras")
class AxialAttention3D(keras.layers.Layer):
    """The sum of attention along time, height and width, each with its own weights.

    As in VideoGPT (Yan et al. 2021, arXiv 2104.10157): a position sees all those that
    share two of its three coordinates.

    Args:
        heads: Positive integer that divides the channels. Defaults to 2.
        seed: Non-negative integer that decides the initial weights (Glorot uniform),
            or `None` for others at each call. Defaults to `None`.

    Call arguments:
        inputs: Tensor of shape `(batch, time, height, width, channels)`; the output
            has the same.

    Raises:
        ValueError: If an argument is out of range, or does not suit the input.
    """

    def __init__(self, heads: int = 2, seed: int | None = None, **kwargs: object):
        super().__init__(**kwargs)
        self.heads = check_integer("heads", heads, 1)
        self.seed = check_seed(seed)
        seeds = _derive_seeds(seed, len(_VIDEO_AXES))
        self.attentions = [
            AxialAttention(
                axis, heads, each, dtype=self.dtype_policy, name=f"attention_{axis}"
            )
            for axis, each in zip(_VIDEO_AXES, seeds, strict=True)
        ]

    def build(self, input_shape: Shape) -> None:
        _check_video(input_shape)
        for attention in self.attentions:
            attention.build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        time, height, width = (attention(inputs) for attention in self.attentions)
        return time + height + width

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "heads": self.heads, "seed": self.seed}


@keras.saving.register_keras_serializable("ald_keras")
class AxialAttentionBlock(keras.layers.Layer):
    """Residual block of two convolutions and axial attention, after VideoGPT.

    The input plus: norm, activation, 3 x 3 x 3 convolution to half the channels, norm,
    activation, 1 x 1 x 1 convolution back, norm, activation, `AxialAttention3D` (Yan
    et al. 2021, arXiv 2104.10157, section 3). The convolutions have no bias.

    Where the paper has batch normalisation, here each sample is normalised over all
    its positions and channels (group normalisation with one group, Wu & He 2018, arXiv
    1803.08494): videos come in small batches, whose moments are noisy, and running
    moments lag behind while latent dimensions are removed and do not fit codes drawn
    from the prior.

    Args:
        heads: Positive integer that divides the channels. Defaults to 2.
        activation: Activation after each norm. Defaults to `"relu"`.
        seed: Non-negative integer that decides the initial weights (Glorot uniform),
            or `None` for others at each call. Defaults to `None`.

    Call arguments:
        inputs: Tensor of shape `(batch, time, height, width, channels)` with an even
            number of channels; the output has the same.

    Raises:
        ValueError: If an argument is out of range, or does not suit the input.
    """

    def __init__(
        self,
        heads: int = 2,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        seed: int | None = None,
        **kwargs: object,
    ):
        super().__init__(**kwargs)
        self.heads = check_integer("heads", heads, 1)
        self.activation = keras.activations.get(activation)
        self.seed = check_seed(seed)

    def build(self, input_shape: Shape) -> None:
        _check_video(input_shape)
        channels = _check_channels(self.heads, input_shape)
        if channels % 2:
            raise ValueError(
                "`inputs` must have an even number of channels, to halve them. "
                f"Received: input shape {tuple(input_shape)}"
            )
        policy = self.dtype_policy
        narrow = (*input_shape[:-1], channels // 2)
        first, second, last = _derive_seeds(self.seed, 3)
        self.norm_1, self.norm_2, self.norm_3 = (
            keras.layers.GroupNormalization(1, dtype=policy, name=f"norm_{number}")
            for number in (1, 2, 3)
        )
        self.conv_1 = self._conv(channels // 2, 3, first, "conv_1")
        self.conv_2 = self._conv(channels, 1, second, "conv_2")
        self.attention = AxialAttention3D(
            self.heads, last, dtype=policy, name="attention"
        )
        for layer in (self.norm_1, self.conv_1, self.norm_3, self.attention):
            layer.build(input_shape)
        for layer in (self.norm_2, self.conv_2):
            layer.build(narrow)

    def _conv(self, filters: int, size: int, seed: int, name: str) -> Tensor:
        return keras.layers.Conv3D(
            filters,
            size,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs: Tensor) -> Tensor:
        x = self.conv_1(self.activation(self.norm_1(inputs)))
        x = self.conv_2(self.activation(self.norm_2(x)))
        return inputs + self.attention(self.activation(self.norm_3(x)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }


def _derive_seeds(seed: int | None, count: int) -> list[int]:
    random = np.random.default_rng(seed)
    return [int(each) for each in random.integers(2**31, size=count)]


def _check_video(input_shape: Shape) -> None:
    if len(input_shape) != 5:
        raise ValueError(
            "`inputs` must have shape (batch, time, height, width, channels). "
            f"Received: input shape {tuple(input_shape)}"
        )


def _check_channels(heads: int, input_shape: Shape) -> int:
    channels = input_shape[-1]
    if channels is None or channels % heads:
        raise ValueError(
            "`heads` must divide the input's channels. "
            f"Received: heads={heads}, input shape {tuple(input_shape)}"
        )
    return channels
