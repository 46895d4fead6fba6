"""What is measured at the end of an epoch, by the names that logs and rules know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ald_keras.callbacks.probe import count_clusters, open_probe
from ald_keras.callbacks.quality import QualityMeter, UserMetric


class EpochMeter:
    """Measures a model on a fresh sample of validation data each epoch.

    Args:
        model: The model that `fit` trains.
        probe: Arrays `x` or `(x, y)`, or `None` for the validation data of `fit`.
        probe_size: Integer >= 3, samples drawn each epoch.
        n_clusters: Integer >= 2, or `None` to count the classes.
        features: As `ALDCallback` takes it.
        metrics: Mapping from names to the user's own metrics.
        seed: Integer >= 0 of samples and noise.

    Raises:
        ValueError: If there are no usable data, or too few for the clusters.
    """

    def __init__(
        self,
        model: Any,
        probe: Any,
        probe_size: int,
        n_clusters: int | None,
        features: Any,
        metrics: Mapping[str, UserMetric],
        seed: int,
    ) -> None:
        self._model, self._probe_size, self._seed = model, probe_size, seed
        self._probe = open_probe(model, probe)
        clusters = count_clusters(self._probe, n_clusters, probe_size)
        self._quality = QualityMeter(model, clusters, features, metrics)
        self._on_validation_data = probe is None

    def measure(
        self, epoch: int, logs: dict[str, Any]
    ) -> tuple[dict[str, float], tuple[float, ...], tuple[float, ...]]:
        """Metrics by name, and of each dimension mean KL and variance of means.

        Args:
            epoch: Integer >= 0, the epoch that has ended.
            logs: What Keras measured in it; what is new is put into it.

        Raises:
            ValueError: If a metric is not finite.
        """
        rng = np.random.default_rng([self._seed, epoch])
        x, y = self._probe.sample(self._probe_size, rng)
        metrics, kl, spread = self._quality.measure(x, y, rng)
        logs.update({f"val_{name}": value for name, value in metrics.items()})
        if self._validated_every_epoch():
            metrics["reconstruction"] = float(logs["val_reconstruction_loss"])
        else:
            loss, _ = self._quality.elbo_terms(self._probe.batches(), rng)
            metrics["reconstruction"] = loss
            logs["probe_reconstruction_loss"] = loss
        metrics["loss"] = float(logs["loss"])
        for name, value in metrics.items():
            if not np.isfinite(value):
                raise ValueError(
                    f"Epoch {epoch + 1}: the metric '{name}' must be finite to decide "
                    f"on. Received: {value}. Look at the learning rate and the data."
                )
        return metrics, kl, spread

    def _validated_every_epoch(self) -> bool:
        validation = getattr(self._model, "validation_data", None)
        return (
            self._on_validation_data
            and validation is not None
            and validation.frequency == 1
        )
