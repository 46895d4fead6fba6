"""The quality of a model's latent space, measured on a sample of validation data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras.metrics.arrays import as_given
from ald_keras.metrics.clustering import clustering_accuracy, find_clusters
from ald_keras.metrics.features import Features, build_extractor
from ald_keras.metrics.frechet import frechet_distance
from ald_keras.metrics.kl import gaussian_kl
from ald_keras.metrics.model_protocol import MaskedModel
from ald_keras.metrics.silhouette import silhouette

# Means and log variances of codes, `(samples, latent_dim)` each.
Posterior = tuple[np.ndarray, np.ndarray]

UserMetric = tuple[Callable[[Any, Tensor, Tensor], float], Literal["min", "max"]]

# Samples that are encoded, decoded and measured at a time, and data values of these.
_BLOCK_ROWS = 500
_BLOCK_VALUES = 1 << 22

# Codes that a silhouette is taken of, whose cost grows with their square.
_SILHOUETTE_CODES = 2000

FRECHET_METRICS = ("frechet_reconstruction", "frechet_generation")

# What can be measured at each latent size, beside the loss.
SQUARED_ERROR = "squared_error"
SIZE_METRICS = (SQUARED_ERROR, "silhouette", *FRECHET_METRICS)


class QualityMeter:
    """Measures silhouette, Frechet distances, a user's metrics and the KL.

    Args:
        model: What `MaskedModel` says.
        n_clusters: Integer >= 2, clusters of the silhouette.
        features: As `ald_keras.metrics.build_extractor` takes it, or `None` to leave
            out the Frechet distances.
        user_metrics: Mapping from names to `(function(model, x, y), direction)`.
    """

    def __init__(
        self,
        model: MaskedModel,
        n_clusters: int,
        features: Features | None,
        user_metrics: Mapping[str, UserMetric],
    ):
        self._model = model
        self._n_clusters = n_clusters
        self._user_metrics = user_metrics
        self._extract = None
        if features is not None:
            self._extract = build_extractor(features, model.data_shape)

    @property
    def features_name(self) -> str:
        """What reports call the features, nothing where there are none."""
        return "" if self._extract is None else self._extract.name

    @property
    def keeps_features(self) -> bool:
        """Whether features of data can be taken once, for `measure`."""
        return self._extract is not None and self._extract.keeps

    def check_data(self, batches: Iterable[Tensor]) -> None:
        """Raise a `ValueError` if the features are not for such data.

        Args:
            batches: Arrays of shape `(samples, *data_shape)`.
        """
        if self._extract is not None:
            for x in map(self._model.data_values, batches):
                self._extract.check_data(x)

    def features_of(self, batches: Iterable[Tensor]) -> np.ndarray:
        """Features of data, shape `(samples, rows, d)`: a clip gives several rows.

        Args:
            batches: Arrays of shape `(samples, *data_shape)`.

        Raises:
            ValueError: If the features are not for such data.
        """
        if self._extract is None:
            raise RuntimeError("There are no features to measure on.")
        parts = []
        for x in map(self._model.data_values, batches):
            self._extract.check_data(x)
            found = self._features(len(x), x.__getitem__)
            parts.append(found.reshape(len(x), -1, found.shape[-1]))
        return np.concatenate(parts)

    def measure(
        self,
        x: Tensor,
        y: Tensor,
        posterior: Posterior,
        rng: np.random.Generator,
        real: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Metrics by name.

        Args:
            x: Data of shape `(samples, *data_shape)`: an array, or what gives arrays
                when it is sliced.
            y: Labels of shape `(samples,)` or `None`.
            posterior: What `encode_in_blocks` gives for `x`.
            rng: Generator of the posterior and prior samples.
            real: What `features_of` gave for `x`, or `None` to take them here.
                Defaults to `None`.
        """
        model = self._model
        z = sample_codes(*posterior, rng)
        active = model.latent_mask.active_indices
        values = self.measure_codes(z, active, y, rng, x, real)
        for name, (function, _) in self._user_metrics.items():
            values[name] = float(function(model, as_given(x), y))
        return values

    def measure_codes(
        self,
        z: np.ndarray,
        kept: np.ndarray,
        y: Tensor,
        rng: np.random.Generator,
        x: Tensor,
        real: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Silhouette and Frechet distances of some dimensions, the others set to 0.

        Args:
            z: Sampled codes of shape `(samples, latent_dim)`.
            kept: Indices of the dimensions.
            y: Labels of shape `(samples,)` or `None`.
            rng: Generator of the clusters' seed and of the prior samples.
            x: As `measure` takes it.
            real: As `measure` takes it. Defaults to `None`.
        """
        seed = int(rng.integers(2**31))
        codes, k = z[:, kept], self._n_clusters
        clusters = find_clusters(codes, k, seed)
        bound = max(_SILHOUETTE_CODES, k + 1)
        values = {"silhouette": silhouette(codes, k, seed, clusters, bound)}
        if y is not None:
            values["clustering_accuracy"] = clustering_accuracy(y, clusters)
        if self._extract is not None:
            real = self.features_of([x]) if real is None else real
            real = real.reshape(-1, real.shape[-1])
            prior = rng.standard_normal(z.shape).astype(z.dtype)
            mask = np.zeros(z.shape[1], z.dtype)
            mask[kept] = 1
            for name, codes in zip(FRECHET_METRICS, (z, prior), strict=True):
                made = self._features(len(z), self._decoder_of(codes * mask, x))
                values[name] = frechet_distance(real, made)
        return values

    def _blocks(self, samples: int) -> list[slice]:
        return row_blocks(samples, self._model.data_shape)

    def _decoder_of(self, z: np.ndarray, x: Any) -> Callable[[slice], Tensor]:
        """What rows of codes are decoded to, under the conditions of the data."""
        model = self._model
        return lambda rows: model.decode_values(z[rows], model.conditions_of(x[rows]))

    def _features(self, samples: int, images: Callable[[slice], Tensor]) -> np.ndarray:
        """Features of what `images` gives for rows, block by block."""
        if self._extract is None:
            raise RuntimeError("There are no features to measure on.")
        blocks = [
            self._extract(ops.convert_to_numpy(images(rows)))
            for rows in self._blocks(samples)
        ]
        return np.concatenate(blocks)

    def elbo_terms(
        self, batches: Iterable[Tensor], rng: np.random.Generator
    ) -> tuple[float, float]:
        """Mean NLL, from one posterior sample each, and mean KL in nats per sample."""
        terms, count = np.zeros(2), 0
        for x in batches:
            z_mean, z_log_var = _encode(self._model, x)
            z = sample_codes(z_mean, z_log_var, rng)
            parts = (self._model.nll(x, z), gaussian_kl(z_mean, z_log_var))
            terms += [ops.convert_to_numpy(part).sum(dtype="float64") for part in parts]
            count += len(x)
        nll, kl = terms / count
        return float(nll), float(kl)


def row_blocks(samples: int, data_shape: tuple[int, ...]) -> list[slice]:
    """Slices that cover `samples` rows, each small enough to be decoded at once."""
    rows = max(1, min(_BLOCK_ROWS, _BLOCK_VALUES // math.prod(data_shape)))
    return [slice(start, start + rows) for start in range(0, samples, rows)]


def encode_in_blocks(model: MaskedModel, x: Tensor) -> Posterior:
    """Posterior means and log variances of many samples, `(samples, latent_dim)` each.

    Args:
        model: Model with `encode` and `data_shape`.
        x: Data of shape `(samples, *data_shape)`: an array, or what gives arrays when
            it is sliced.
    """
    blocks = [_encode(model, x[rows]) for rows in row_blocks(len(x), model.data_shape)]
    z_mean, z_log_var = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return z_mean, z_log_var


def _encode(model: MaskedModel, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    z_mean, z_log_var = model.encode(x)
    return ops.convert_to_numpy(z_mean), ops.convert_to_numpy(z_log_var)


def sample_codes(
    z_mean: np.ndarray, z_log_var: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One posterior sample each, shape `(samples, latent_dim)`."""
    noise = rng.standard_normal(z_mean.shape).astype(z_mean.dtype)
    return z_mean + np.exp(0.5 * z_log_var) * noise
