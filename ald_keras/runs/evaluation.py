"""Final metrics of a trained model, on data that training did not use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras.metrics import active_units
from ald_keras.metrics.arrays import rows_of
from ald_keras.metrics.features import Features
from ald_keras.metrics.quality import QualityMeter, encode_in_blocks, row_blocks
from ald_keras.models.latent_vae import LatentVAE

# Clusters and features are measured on a sample: a silhouette takes memory that grows
# with its square.
_SAMPLE = 2000


class _NoiseOfLarger(np.random.Generator):
    """Draws what a larger model's codes get, and keeps the columns of some dimensions.

    Args:
        seed: Integer >= 0, as for `default_rng`.
        mask: Booleans of shape `(latent_dim,)` of the larger model, its dimensions that
            the model has.
    """

    def __init__(self, seed: int, mask: np.ndarray) -> None:
        super().__init__(np.random.PCG64(seed))
        self._mask = mask

    def standard_normal(self, size: Any) -> np.ndarray:  # type: ignore[override]
        return super().standard_normal((size[0], len(self._mask)))[:, self._mask]


def evaluate_model(
    model: LatentVAE,
    x: Any,
    n_clusters: int = 10,
    features: Features | None = "auto",
    seed: int = 0,
    y: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> dict[str, float]:
    """Test metrics of a model.

    Args:
        model: A trained VAE.
        x: Array or `LazySamples` of shape `(samples, *data_shape)`, or `NamedArrays`
            with conditions; more samples than clusters.
        n_clusters: Integer >= 2, clusters of the silhouette. Defaults to 10.
        features: As `ALDCallback` takes it, or `None` to leave out the Frechet
            distances. Defaults to `"auto"`.
        seed: Integer >= 0. Defaults to 0.
        y: Classes of shape `(samples,)`, or `None`. Defaults to `None`.
        mask: Booleans, the dimensions of a larger model that this one has: each gets
            the noise that it has there with the same seed, so that models which decode
            to the same have the same metrics. Defaults to `None`.

    Returns:
        `reconstruction_loss`, `kl_loss` and `elbo` in nats per sample, from one
        posterior sample for each of all `x`; `squared_error`, that of the data's mean
        summed over the known values of a sample, from the same number of posterior
        samples, and `squared_error_of_means`, from the posterior means; `active_dims`
        of the mask;
        `active_units`, dimensions whose posterior means vary by more than 0.01 (Burda
        et al. 2016); `silhouette`, with `y` also `clustering_accuracy`, and the Frechet
        distances, on at most 2,000 samples.
    """
    meter = QualityMeter(model, n_clusters, features, {})
    rng = np.random.default_rng(seed)
    if mask is not None:
        rng = _NoiseOfLarger(seed, mask)
    blocks = row_blocks(len(x), model.data_shape)
    nll, kl = meter.elbo_terms((x[rows] for rows in blocks), rng)
    sample = np.sort(rng.choice(len(x), min(_SAMPLE, len(x)), replace=False))
    part = rows_of(x, sample)
    classes = None if y is None else y[sample]
    quality = meter.measure(part, classes, encode_in_blocks(model, part), rng)
    means, errors = _means_and_errors(model, (x[rows] for rows in blocks), rng)
    return {
        "active_dims": model.active_dims,
        "active_units": active_units(means),
        "reconstruction_loss": nll,
        "kl_loss": kl,
        "elbo": -nll - kl,
        **errors,
        **quality,
    }


def _means_and_errors(
    model: LatentVAE, blocks: Iterable[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, float]]:
    """Posterior means of all samples, and the squared errors of a sample."""
    means, sampled, certain = [], 0.0, 0.0
    for x in blocks:
        z_mean, z_log_var = map(ops.convert_to_numpy, model.encode(x))
        noise = rng.standard_normal(z_mean.shape).astype(z_mean.dtype)
        z = z_mean + np.exp(0.5 * z_log_var) * noise
        data, conditions = model.data_values(x), model.conditions_of(x)
        sampled += _squared_error(data, model.decode_values(z, conditions))
        certain += _squared_error(data, model.decode_values(z_mean, conditions))
        means.append(z_mean)
    everything = np.concatenate(means)
    return everything, {
        "squared_error": sampled / len(everything),
        "squared_error_of_means": certain / len(everything),
    }


def _squared_error(x: np.ndarray, mean: Tensor) -> float:
    """Summed over all values that are known."""
    error = np.where(np.isnan(x), 0.0, x - ops.convert_to_numpy(mean))
    return float(np.square(error, dtype="float64").sum())


def parameter_count(model: LatentVAE) -> int:
    """Trainable numbers of encoder, heads and decoder."""
    parts = (model.encoder, model.decoder)
    weights = [weight for part in parts for weight in part.trainable_variables]
    return sum(int(np.prod(weight.shape)) for weight in weights)
