"""Features from a convolutional network with fixed random weights."""

from __future__ import annotations

import math

import keras
import numpy as np
from numpy.typing import NDArray

_WIDTHS = (32, 64, 160)
_BATCH = 250
# Pixels of a batch, so that large images do not fill the memory.
_BATCH_PIXELS = _BATCH * 64 * 64


class RandomConv:
    """Three stride-2 convolutions with ReLU; each one's mean over the image.

    Without biases the features scale with the data, so that the range of the pixels,
    [0, 1] or [0, 255], does not change how images rank. The weights are plain arrays
    and the operations run eagerly: no layer takes a name or a seed from the user's
    model, and nothing is traced.

    Args:
        shape: Tuple of integers, `(height, width, channels)`.
        seed: Integer from 0 to 2**32 - 1, for the weights.
    """

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self._batch = min(_BATCH, max(1, _BATCH_PIXELS // math.prod(shape[:2])))
        # NumPy promises the stream of RandomState for good, that of Generator not.
        rng = np.random.RandomState(seed)
        widths = (shape[-1], *_WIDTHS)
        self._kernels = [
            _random_kernel(rng, channels, filters)
            for channels, filters in zip(widths, widths[1:], strict=False)
        ]

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = [
            self._features(images[start : start + self._batch])
            for start in range(0, len(images), self._batch)
        ]
        return np.concatenate(parts)

    def _features(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        hidden = keras.ops.convert_to_tensor(images)
        means = []
        for kernel in self._kernels:
            hidden = keras.ops.conv(
                hidden, kernel, strides=2, padding="same", data_format="channels_last"
            )
            hidden = keras.ops.relu(hidden)
            means.append(keras.ops.mean(hidden, axis=(1, 2)))
        return keras.ops.convert_to_numpy(keras.ops.concatenate(means, axis=1))


def _random_kernel(
    rng: np.random.RandomState, channels: int, filters: int
) -> NDArray[np.float32]:
    """Normal 3x3 kernel, shape `(3, 3, channels, filters)`, every filter of norm 2."""
    kernel = rng.standard_normal((3, 3, channels, filters))
    # Half of the filters see edges alone: a sum over all pixels is brightness
    # rather than sharpness.
    kernel[..., ::2] -= kernel[..., ::2].mean(axis=(0, 1))
    kernel *= math.sqrt(2.0) / np.sqrt(np.square(kernel).sum(axis=(0, 1, 2)))
    return kernel.astype(np.float32)
