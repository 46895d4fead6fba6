"""Feature extractors: what the Fréchet distance between sets of images is taken on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ald_keras.metrics._checks import check_integer, check_seed

FeatureFunction = Callable[[NDArray[Any]], Any]

_NAMES = ("auto", "random_conv", "identity")
_IMAGE_RANKS = (2, 3)
_WIDTHS = (32, 64, 160)
_BATCH = 250
# Pixels of a batch of `random_conv`, so that large images do not fill the memory.
_BATCH_PIXELS = _BATCH * 64 * 64


class FeatureExtractor:
    """A checked function from samples to features, with a name for reports.

    Made by `build_extractor`.

    Args:
        name: String, what reports call the features.
        function: Callable from an array of shape `(n, *data_shape)` to one of shape
            `(n, d)`.
        data_shape: Tuple of integers, the shape of one sample.
    """

    def __init__(
        self, name: str, function: FeatureFunction, data_shape: tuple[int, ...]
    ) -> None:
        self.name = name
        self.data_shape = data_shape
        self._function = function

    def __call__(self, samples: Any) -> NDArray[Any]:
        """Features of samples.

        Args:
            samples: Array or tensor of real numbers, shape `(n, *data_shape)`,
                `n >= 1`.

        Returns:
            Float array, shape `(n, d)`.

        Raises:
            ValueError: If the samples have another shape or are not finite, or if the
                features are not 2-D, not `n`, or not finite.
        """
        samples = _to_numpy(samples)
        if (
            samples.shape[1:] != self.data_shape
            or samples.ndim == 0
            or not len(samples)
        ):
            raise ValueError(
                f"`samples` must have shape (n, *{self.data_shape}) with n >= 1. "
                f"Received: shape={samples.shape}"
            )
        _check_finite(samples, "`samples`")
        features = _to_numpy(self._function(samples))
        what = f"Features of `{self.name}`"
        if features.ndim != 2 or len(features) != len(samples) or not features.size:
            raise ValueError(
                f"{what} must have shape (n, d), one row a sample. Received: shape="
                f"{features.shape} for {len(samples)} samples"
            )
        _check_finite(features, what)
        return features

    def __deepcopy__(self, memo: dict[int, Any]) -> FeatureExtractor:
        """The extractor itself: it has no state, and a copied model would retrace."""
        return self

    def __repr__(self) -> str:
        return f"<FeatureExtractor {self.name!r} of samples {self.data_shape}>"


def build_extractor(
    features: str | FeatureFunction, data_shape: Sequence[int], seed: int = 0
) -> FeatureExtractor:
    """The feature extractor of a name, a Keras model or a function.

    - `"random_conv"`: a convolutional network with fixed random weights, for images
      `(height, width)` or `(height, width, channels)` of any size; 256 features. Such
      embeddings rank generated images sensibly, also far from ImageNet's domain
      (Naeem et al., 2020, arXiv 2002.09797).
    - `"identity"`: the data, flattened. For vectors; on images its many dimensions
      make the distance of a few hundred samples mostly sampling error.
    - `"auto"`: `"random_conv"` for images, `"identity"` for vectors.
    - a `keras.Model`: its prediction, in batches of 250.
    - any other callable: called once with all samples.

    Distances are comparable within one extractor and one `seed` only.

    Args:
        features: One of the names, a `keras.Model`, or a callable from samples
            `(n, *data_shape)` to features `(n, d)`.
        data_shape: Positive integers, the shape of one sample.
        seed: Integer from 0 to 2**32 - 1, for the weights of `"random_conv"`. Defaults
            to 0.

    Returns:
        A `FeatureExtractor`: call it with samples; `name` is for reports.

    Raises:
        TypeError: If `features` is neither string nor callable.
        ValueError: If the name or the model does not fit `data_shape`, or if
            `data_shape` or `seed` is out of range.

    Example:
    >>> extractor = build_extractor("auto", (28, 28, 1))
    >>> extractor.name, extractor(np.zeros((2, 28, 28, 1))).shape
    ('random_conv', (2, 256))
    """
    shape = tuple(check_integer(size, "data_shape", 1, None) for size in data_shape)
    seed = check_seed(seed)
    if isinstance(features, keras.Model):
        _check_model_input(features, shape)
        return FeatureExtractor(features.name, _ModelFeatures(features), shape)
    if callable(features):
        name = getattr(features, "__name__", type(features).__name__)
        return FeatureExtractor(name, features, shape)
    if not isinstance(features, str):
        raise TypeError(
            "`features` must be a name, a `keras.Model` or a callable. "
            f"Received: {features!r} of type {type(features).__name__}"
        )
    return _named_extractor(features, shape, seed)


def _named_extractor(
    features: str, shape: tuple[int, ...], seed: int
) -> FeatureExtractor:
    if features not in _NAMES:
        raise ValueError(
            f"`features` must be one of {_NAMES}, a `keras.Model` or a callable. "
            f"Received: features={features!r}"
        )
    image = len(shape) in _IMAGE_RANKS
    if features == "identity" or (features == "auto" and len(shape) == 1):
        return FeatureExtractor("identity", _flatten, shape)
    if not image:
        raise ValueError(
            f"`features={features!r}` must get images, (height, width) or (height, "
            "width, channels)" + " or vectors" * (features == "auto") + ". "
            f"Received: data_shape={shape}"
        )
    return FeatureExtractor("random_conv", _RandomConv(shape, seed), shape)


def _check_model_input(model: keras.Model, shape: tuple[int, ...]) -> None:
    """Refuses a model that is known to take samples of another shape."""
    expected = getattr(model, "input_shape", None)
    if not isinstance(expected, tuple):
        return
    sizes = expected[1:]
    fits = len(sizes) == len(shape) and all(
        size in (None, given) for size, given in zip(sizes, shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"`features` must be a model of samples of shape {shape}. "
            f"Received: {model.name!r} with input_shape={expected}"
        )


class _RandomConv:
    """Three stride-2 convolutions with ReLU; each one's mean over the image.

    Without biases the features scale with the data, so that the range of the pixels,
    [0, 1] or [0, 255], does not change how images rank. The weights are plain arrays
    and the operations run eagerly: no layer takes a name or a seed from the user's
    model, and nothing is traced.
    """

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self._shape = shape if len(shape) == 3 else (*shape, 1)
        self._batch = min(_BATCH, max(1, _BATCH_PIXELS // math.prod(shape[:2])))
        # NumPy promises the stream of RandomState for good, that of Generator not.
        rng = np.random.RandomState(seed)
        widths = (self._shape[-1], *_WIDTHS)
        self._kernels = [
            _random_kernel(rng, channels, filters)
            for channels, filters in zip(widths, widths[1:], strict=False)
        ]

    def __call__(self, images: NDArray[Any]) -> NDArray[np.float32]:
        images = images.reshape(len(images), *self._shape).astype(np.float32)
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
    # Half of the filters see edges alone: a sum over all pixels tells brightness
    # rather than sharpness.
    kernel[..., ::2] -= kernel[..., ::2].mean(axis=(0, 1))
    kernel *= math.sqrt(2.0) / np.sqrt(np.square(kernel).sum(axis=(0, 1, 2)))
    return kernel.astype(np.float32)


class _ModelFeatures:
    """Prediction of a Keras model, in batches of one size."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    def __call__(self, samples: NDArray[Any]) -> NDArray[Any]:
        count = len(samples)
        size = min(_BATCH, count)
        # Another size of the last batch would be traced as a function of its own.
        missing = -count % size
        samples = np.concatenate([samples, np.repeat(samples[-1:], missing, axis=0)])
        parts = []
        for start in range(0, len(samples), size):
            output = self._model.predict_on_batch(samples[start : start + size])
            if isinstance(output, list | tuple | dict):
                raise ValueError(
                    "`features` must be a model with one output. "
                    f"Received: {len(output)} outputs of `{self._model.name}`"
                )
            parts.append(np.asarray(output))
        return np.concatenate(parts)[:count]


def _flatten(samples: NDArray[Any]) -> NDArray[Any]:
    return samples.reshape(len(samples), -1)


def _to_numpy(values: Any) -> NDArray[Any]:
    """Real values as an array of a NumPy type; integers and booleans become float32."""
    array = np.asarray(keras.ops.convert_to_numpy(values))
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind not in "biu" and array.dtype.name != "bfloat16":
        raise ValueError(
            f"Samples and features must be real numbers. Received: dtype={array.dtype}"
        )
    return array.astype(np.float32)


def _check_finite(values: NDArray[Any], what: str) -> None:
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise ValueError(
            f"{what} must be finite. Received: {bad} of {values.size} values are NaN "
            "or infinite"
        )
