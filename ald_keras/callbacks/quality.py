"""The quality of a model's latent space, measured on a sample of validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from ald_keras.metrics import (
    build_extractor,
    clustering_accuracy,
    find_clusters,
    frechet_distance,
    gaussian_kl,
    silhouette,
)
from ald_keras.rules import Direction

UserMetric = tuple[Callable[[Any, Any, Any], float], Direction]

FRECHET_METRICS = ("frechet_reconstruction", "frechet_generation")


class QualityMeter:
    """Measures silhouette, Frechet distances, a user's metrics and the KL.

    Args:
        model: Model with `encode`, `decode`, `nll`, `latent_mask` and `data_shape`.
        n_clusters: Integer >= 2, clusters of the silhouette.
        features: As `ald_keras.metrics.build_extractor` takes it, or `None` to leave
            out the Frechet distances.
        user_metrics: Mapping from names to `(function(model, x, y), direction)`.
    """

    def __init__(
        self,
        model: Any,
        n_clusters: int,
        features: Any,
        user_metrics: Mapping[str, UserMetric],
    ):
        self._model = model
        self._n_clusters = n_clusters
        self._user_metrics = user_metrics
        self._extract = None
        if features is not None:
            self._extract = build_extractor(features, model.data_shape)

    def measure(
        self, x: np.ndarray, y: Any, rng: np.random.Generator
    ) -> tuple[dict[str, float], tuple[float, ...]]:
        """Metrics by name, and the mean KL of each latent dimension.

        Args:
            x: Data of shape `(samples, *data_shape)`.
            y: Labels of shape `(samples,)` or `None`.
            rng: Generator of the posterior and prior samples.
        """
        model = self._model
        z_mean, z_log_var = (ops.convert_to_numpy(v) for v in model.encode(x))
        z = _sample(z_mean, z_log_var, rng)
        active = model.latent_mask.active_indices
        seed = int(rng.integers(2**31))
        codes, k = z[:, active], self._n_clusters
        clusters = find_clusters(codes, k, seed)
        values = {"silhouette": silhouette(codes, k, seed, clusters)}
        if y is not None:
            values["clustering_accuracy"] = clustering_accuracy(y, clusters)
        if self._extract is not None:
            real = self._extract(x)
            prior = rng.standard_normal(z.shape).astype(z.dtype)
            for name, codes in zip(FRECHET_METRICS, (z, prior), strict=True):
                decoded = ops.convert_to_numpy(model.decode(codes))
                values[name] = frechet_distance(real, self._extract(decoded))
        for name, (function, _) in self._user_metrics.items():
            values[name] = float(function(model, x, y))
        kl = ops.convert_to_numpy(gaussian_kl(z_mean, z_log_var)).mean(axis=0)
        return values, tuple(float(value) for value in kl)

    def reconstruction(self, batches: Any, rng: np.random.Generator) -> float:
        """Mean NLL in nats per sample, from one posterior sample each."""
        total, count = 0.0, 0
        for x in batches:
            z_mean, z_log_var = (ops.convert_to_numpy(v) for v in self._model.encode(x))
            z = _sample(z_mean, z_log_var, rng)
            nll = ops.convert_to_numpy(self._model.nll(x, z))
            total, count = total + float(nll.sum(dtype="float64")), count + len(x)
        return total / count


def _sample(z_mean: Any, z_log_var: Any, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(z_mean.shape).astype(z_mean.dtype)
    return z_mean + np.exp(0.5 * z_log_var) * noise
