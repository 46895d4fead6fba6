"""Final figures of a trained model, on data that training never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from ald_keras.callbacks.quality import QualityMeter, row_blocks
from ald_keras.datasets import LazySamples
from ald_keras.metrics import active_units

# Clusters and features are measured on a sample: a silhouette takes memory that grows
# with its square.
_SAMPLE = 2000


def evaluate_model(
    model: Any,
    x: Any,
    n_clusters: int = 10,
    features: Any = "auto",
    seed: int = 0,
    y: np.ndarray | None = None,
) -> dict[str, float]:
    """Test figures of a model.

    Args:
        model: A trained VAE.
        x: Array or `LazySamples` of shape `(samples, *data_shape)`, more samples than
            clusters.
        n_clusters: Integer >= 2, clusters of the silhouette. Defaults to 10.
        features: As `ALDCallback` takes it. Defaults to `"auto"`.
        seed: Integer >= 0. Defaults to 0.
        y: Classes of shape `(samples,)`, or `None`. Defaults to `None`.

    Returns:
        `reconstruction_loss`, `kl_loss` and `elbo` in nats per sample, from one
        posterior sample for each of all `x`; `active_dims` of the mask;
        `active_units`, dimensions whose posterior means vary by more than 0.01 (Burda
        et al. 2016); `silhouette`, with `y` also `clustering_accuracy`, and the Frechet
        distances, on at most 2,000 samples.
    """
    meter = QualityMeter(model, n_clusters, features, {})
    rng = np.random.default_rng(seed)
    blocks = row_blocks(len(x), model.data_shape)
    nll, kl = meter.elbo_terms((x[rows] for rows in blocks), rng)
    means = [ops.convert_to_numpy(model.encode(x[rows])[0]) for rows in blocks]
    sample = np.sort(rng.choice(len(x), min(_SAMPLE, len(x)), replace=False))
    part = x.take(sample) if isinstance(x, LazySamples) else x[sample]
    quality, _, _ = meter.measure(part, None if y is None else y[sample], rng)
    return {
        "active_dims": model.active_dims,
        "active_units": active_units(np.concatenate(means)),
        "reconstruction_loss": nll,
        "kl_loss": kl,
        "elbo": -nll - kl,
        **quality,
    }


def parameter_count(model: Any) -> int:
    """Trainable numbers of encoder, heads and decoder."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
