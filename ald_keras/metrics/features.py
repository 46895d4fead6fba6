"""Feature extractors: what the Fréchet distance between sets of images is taken on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import keras
import numpy as np

from ald_keras._typing import Tensor
from ald_keras._validation import LARGEST_SEED, check_integer, check_shape
from ald_keras.metrics.inception import BATCH, build_inception
from ald_keras.metrics.model_features import ModelFeatures
from ald_keras.metrics.random_conv import RandomConv

FeatureFunction = Callable[[np.ndarray], Tensor]
# What features are taken with: a name or a function, a Keras model among these.
Features = str | FeatureFunction

_NAMES = ("auto", "random_conv", "inception", "identity")


class FeatureExtractor:
    """A checked function from samples to features, with a name for reports.

    Made by `build_extractor`.

    Args:
        name: String, what reports call the features.
        function: Callable from an array of shape `(n, *data_shape)` to one of shape
            `(n, d)`.
        data_shape: Tuple of integers, the shape of one sample.
        rows_per_sample: Integer >= 1, rows of features that a sample gives: one an
            image, where a sample is a clip of images. Defaults to 1.
        bounded: Boolean, whether data must lie in [0, 1]. Defaults to `False`.
        keeps: Boolean, whether features of data may be kept instead of taken again: a
            user's function may change with what is trained. Defaults to `False`.
    """

    def __init__(
        self,
        name: str,
        function: FeatureFunction,
        data_shape: tuple[int, ...],
        rows_per_sample: int = 1,
        bounded: bool = False,
        keeps: bool = False,
    ) -> None:
        self.name = name
        self.data_shape = data_shape
        self.rows_per_sample = rows_per_sample
        self.bounded = bounded
        self.keeps = keeps
        self._function = function

    def __call__(self, samples: Tensor) -> np.ndarray:
        """Features of samples.

        Args:
            samples: Array or tensor of real numbers, shape `(n, *data_shape)`,
                `n >= 1`.

        Returns:
            Float array, shape `(n * rows_per_sample, d)`.

        Raises:
            ValueError: If the samples have another shape or are not finite, or if the
                features are not 2-D, not that many, or not finite.
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
        rows = len(samples) * self.rows_per_sample
        if features.ndim != 2 or len(features) != rows or not features.size:
            raise ValueError(
                f"{what} must have shape ({rows}, d) for {len(samples)} samples. "
                f"Received: shape={features.shape}"
            )
        _check_finite(features, what)
        return features

    def check_data(self, samples: Tensor) -> None:
        """Refuse data (decoded samples may be anything) that the features are not for.

        Raises:
            ValueError: If values lie outside [0, 1] where the features need them there.
        """
        if not self.bounded:
            return
        low, high = np.min(samples), np.max(samples)
        if low < 0.0 or high > 1.0:
            raise ValueError(
                f"`features={self.name!r}` must get data with values in [0, 1]. "
                f"Received: values from {low:.3g} to {high:.3g}"
            )

    def __deepcopy__(self, memo: dict[int, object]) -> FeatureExtractor:
        """The extractor itself: it has no state, and a copied model would retrace."""
        return self

    def __repr__(self) -> str:
        return f"<FeatureExtractor {self.name!r} of samples {self.data_shape}>"


def build_extractor(
    features: Features,
    data_shape: Sequence[int],
    seed: int = 0,
    weights: str | os.PathLike[str] | None = None,
) -> FeatureExtractor:
    """The feature extractor of a name, a Keras model or a function.

    - `"random_conv"`: a convolutional network with fixed random weights, for images
      `(height, width)` or `(height, width, channels)` of any size; 256 features. Such
      embeddings rank generated images sensibly, also far from ImageNet's domain
      (Naeem et al., 2020, arXiv 2002.09797).
    - `"inception"`: Keras's InceptionV3, trained on ImageNet, for images with values
      in [0, 1], grey or RGB; 2048 features. With it the distance is a FID, though not
      one of the original network's weights (see `metrics.inception`).
    - `"identity"`: the data, flattened. For vectors; on images its many dimensions
      make the distance of a few hundred samples mostly sampling error.
    - `"auto"`: `"random_conv"` for images and clips, `"identity"` for vectors.
    - a `keras.Model`: its prediction, in batches of 250.
    - a `FeatureExtractor`: itself.
    - any other callable: called once with all samples.

    Of clips, `(frames, height, width, channels)`, the first two take each frame as an
    image, so that a clip gives as many rows as it has frames.

    Distances are comparable within one extractor and one `seed` only.

    Args:
        features: One of the names, a `keras.Model`, or a callable from samples
            `(n, *data_shape)` to features `(n, d)`.
        data_shape: Positive integers, the shape of one sample.
        seed: Integer from 0 to 2**32 - 1, for the weights of `"random_conv"`. Defaults
            to 0.
        weights: File with the weights of `"inception"`, or `None` to fetch Keras's
            once. Defaults to `None`.

    Returns:
        A `FeatureExtractor`: call it with samples; `name` is for reports.

    Raises:
        TypeError: If `features` is neither string nor callable.
        ValueError: If the name, the model or the extractor does not fit `data_shape`,
            if `data_shape` or `seed` is out of range, if `weights` come with other
            features than Inception's, or hold something else.
        FileNotFoundError: If there is no file `weights`.
        ConnectionError: If Inception's weights cannot be fetched.

    Example:
    >>> extractor = build_extractor("auto", (28, 28, 1))
    >>> extractor.name, extractor(np.zeros((2, 28, 28, 1))).shape
    ('random_conv', (2, 256))
    """
    shape = check_shape("data_shape", data_shape)
    seed = check_integer("seed", seed, 0, LARGEST_SEED)
    if weights is not None and features != "inception":
        raise ValueError(
            "`weights` are for `features='inception'` alone. Received: "
            f"weights={os.fspath(weights)!r} with features={features!r}"
        )
    if isinstance(features, FeatureExtractor):
        _check_same_shape(features, shape)
        return features
    if isinstance(features, keras.Model):
        _check_model_input(features, shape)
        return FeatureExtractor(features.name, ModelFeatures(features), shape)
    if callable(features):
        name = getattr(features, "__name__", type(features).__name__)
        return FeatureExtractor(name, features, shape)
    if not isinstance(features, str):
        raise TypeError(
            "`features` must be a name, a `keras.Model` or a callable. "
            f"Received: {features!r} of type {type(features).__name__}"
        )
    return _named_extractor(features, shape, seed, weights)


def _named_extractor(
    features: str,
    shape: tuple[int, ...],
    seed: int,
    weights: str | os.PathLike[str] | None,
) -> FeatureExtractor:
    if features not in _NAMES:
        raise ValueError(
            f"`features` must be one of {_NAMES}, a `keras.Model` or a callable. "
            f"Received: features={features!r}"
        )
    if features == "identity" or (features == "auto" and len(shape) == 1):
        return FeatureExtractor("identity", _flatten, shape)
    if len(shape) not in (2, 3, 4):
        raise ValueError(
            f"`features={features!r}` must get images, (height, width) or (height, "
            "width, channels), or clips, (frames, height, width, channels)"
            + ", or vectors" * (features == "auto")
            + f". Received: data_shape={shape}"
        )
    image = shape[1:] if len(shape) == 4 else shape
    image = (*image, 1) if len(image) == 2 else image
    function: FeatureFunction
    if features == "inception":
        function = ModelFeatures(build_inception(image, weights), BATCH)
    else:
        features, function = "random_conv", RandomConv(image, seed)
    rows = shape[0] if len(shape) == 4 else 1
    bounded = features == "inception"
    per_image = _PerImage(image, function, bounded)
    return FeatureExtractor(features, per_image, shape, rows, bounded, keeps=True)


def _check_same_shape(extractor: FeatureExtractor, shape: tuple[int, ...]) -> None:
    if extractor.data_shape != shape:
        raise ValueError(
            f"`features` must be an extractor of samples of shape {shape}. "
            f"Received: {extractor!r}"
        )


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


class _PerImage:
    """Features of images, where samples may be clips of them or lack channels.

    Args:
        image: Tuple of integers, `(height, width, channels)`.
        function: Takes float32 images.
        bounded: Boolean, whether the function is for values in [0, 1]: what a decoder
            puts beyond is cut off, as in a picture that is shown.
    """

    def __init__(
        self, image: tuple[int, ...], function: FeatureFunction, bounded: bool
    ) -> None:
        self._image = image
        self._function = function
        self._bounded = bounded

    def __call__(self, samples: np.ndarray) -> Tensor:
        images = samples.reshape(-1, *self._image).astype(np.float32)
        return self._function(np.clip(images, 0.0, 1.0) if self._bounded else images)


def _flatten(samples: np.ndarray) -> np.ndarray:
    return samples.reshape(len(samples), -1)


def _to_numpy(values: Tensor) -> np.ndarray:
    """Real values as an array of a NumPy type; integers and booleans become float32."""
    array = np.asarray(keras.ops.convert_to_numpy(values))
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind not in "biu" and array.dtype.name != "bfloat16":
        raise ValueError(
            f"Samples and features must be real numbers. Received: dtype={array.dtype}"
        )
    return array.astype(np.float32)


def _check_finite(values: np.ndarray, what: str) -> None:
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise ValueError(
            f"{what} must be finite. Received: {bad} of {values.size} values are NaN "
            "or infinite"
        )
