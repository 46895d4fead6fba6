"""What is measured at the end of an epoch, by the names that logs and rules know."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ald_keras._typing import Logs, Tensor
from ald_keras.callbacks.model_protocol import PrunableModel
from ald_keras.callbacks.probe import ArrayProbe, count_clusters, open_probe
from ald_keras.metrics import SizeCurve
from ald_keras.metrics.baseline import baseline_nll
from ald_keras.metrics.divergence import check_finite
from ald_keras.metrics.features import Features
from ald_keras.metrics.kl import gaussian_kl
from ald_keras.metrics.quality import (
    FRECHET_METRICS,
    Posterior,
    QualityMeter,
    UserMetric,
    encode_in_blocks,
    row_blocks,
)
from ald_keras.rules import BASELINE_NLL, OBJECTIVE, SizeMeasurement

# Make random numbers that no epoch draws.
_BASELINE_STREAM, _CURVE_STREAM, _STEP_STREAM = 1, 2, 3

# Training samples that the baseline NLL is measured on.
_BASELINE_SAMPLES = 2000

# Validation samples, and data values of these, that the size curve is measured on.
_CURVE_SAMPLES, _CURVE_VALUES = 2000, 1 << 26

# Features of validation data are taken once where there are no more samples than this
# many times those of an epoch; of more, most would be taken for nothing.
_KEPT_FEATURES = 8

# What `measure` may put into `logs`, beside the user's own.
LOGGED = (
    *("val_silhouette", "val_clustering_accuracy", "probe_reconstruction_loss"),
    *(f"val_{name}" for name in FRECHET_METRICS),
)

# Data values of a sample that is kept.
_KEPT_VALUES = 1 << 22


@dataclasses.dataclass(frozen=True, eq=False)
class ProbeSample:
    """What was measured on in the last epoch.

    Args:
        x: Data of shape `(samples, *data_shape)`.
        y: Their labels, or `None`.
        features: Text, what the Frechet distances were taken on.
    """

    x: Tensor
    y: Tensor
    features: str


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
        needs_baseline: Boolean, measure what the loss would be without a latent space.

    Raises:
        ValueError: If there are no usable data, too few for the clusters, or if a
            model without a latent space is asked for and the likelihood knows none.
    """

    def __init__(
        self,
        model: PrunableModel,
        probe: object,
        probe_size: int,
        n_clusters: int | None,
        features: Features | None,
        metrics: Mapping[str, UserMetric],
        seed: int,
        needs_baseline: bool,
    ) -> None:
        self._model, self._probe_size, self._seed = model, probe_size, seed
        self._user_metrics = {name: f for name, (f, _) in metrics.items()}
        self._probe = open_probe(model, probe)
        clusters = count_clusters(self._probe, n_clusters, probe_size)
        if features == "auto" and getattr(model.likelihood, "allows_missing", False):
            features = None  # There is no distance to data that are not known.
        self._quality = QualityMeter(model, clusters, features, metrics)
        self._real: np.ndarray | None = None
        self._keeps = self._may_keep_features()
        if self._keeps:
            self._quality.check_data(self._probe.batches())
        self._on_validation_data = probe is None
        self._baseline_nll = self._measure_baseline_nll() if needs_baseline else None
        self._last: tuple[Tensor, Tensor, Posterior] | None = None

    def last_probe(self) -> ProbeSample | None:
        """Some samples of the last epoch, few enough to be kept; `None` before it."""
        if self._last is None:
            return None
        x, y, _ = self._last
        rows = max(16, _KEPT_VALUES // max(1, math.prod(self._model.data_shape)))
        # By their numbers, for a copy: a slice would hold all of them.
        kept = x[np.arange(rows)] if rows < len(x) else x
        labels = None if y is None else y[:rows]
        return ProbeSample(kept, labels, self._quality.features_name)

    def size_curve(self) -> SizeCurve:
        """The size curve on a sample of the validation data."""
        # The same sample wherever a run ends or resumes.
        rng = np.random.default_rng([self._seed, 0, _CURVE_STREAM])
        values = math.prod(self._model.data_shape)
        count = max(2, min(_CURVE_SAMPLES, _CURVE_VALUES // values))
        x, y = self._probe.sample(count, rng)
        curve: SizeCurve = self._model.size_curve(x, y, seed=self._seed)
        if self._baseline_nll is None:
            return curve
        return dataclasses.replace(curve, baseline_nll=self._baseline_nll)

    @property
    def known_metrics(self) -> dict[str, float]:
        """Metrics that do not change while `fit` runs."""
        return {} if self._baseline_nll is None else {BASELINE_NLL: self._baseline_nll}

    def measure_kl(self, step: int) -> tuple[float, ...]:
        """Mean KL of each dimension on a fresh sample, within an epoch.

        Args:
            step: Integer >= 0, the optimizer's step, which decides the sample.
        """
        rng = np.random.default_rng([self._seed, step, _STEP_STREAM])
        return _mean_kl(self._take(*self._probe.sample(self._probe_size, rng)))

    def _take(self, x: Tensor, y: Tensor) -> Posterior:
        """Encode what is measured on from now on."""
        posterior = encode_in_blocks(self._model, x)
        self._last = x, y, posterior
        return posterior

    def measure_sizes(
        self, step: int, sizes: Sequence[int], metrics: Sequence[str]
    ) -> SizeMeasurement:
        """Loss and metrics at some sizes, on the sample that was measured on last.

        Args:
            step: Integer >= 0, the optimizer's step, which decides the noise.
            sizes: Integers, ascending, the last one the full size.
            metrics: Names of further metrics.
        """
        if self._last is None:
            raise RuntimeError("Sizes are measured after the epoch's metrics.")
        rng = np.random.default_rng([self._seed, step, _CURVE_STREAM])
        x, y, posterior = self._last
        seed = int(rng.integers(2**31))
        meter = self._model.size_meter(x, seed, posterior)
        meter.measure(sizes)
        found, increase, errors = meter.increases()
        values = meter.further(metrics, found, y, self._quality, self._user_metrics)
        loss = meter.terms()[OBJECTIVE][-1]
        return SizeMeasurement(found, tuple(increase), tuple(errors), loss, values)

    def measure(
        self, epoch: int, logs: Logs, all_metrics: bool
    ) -> tuple[dict[str, float], tuple[float, ...]]:
        """Metrics by name, and the mean KL of each dimension.

        Args:
            epoch: Integer >= 0, the epoch that has ended.
            logs: What Keras measured in it; what is new is put into it.
            all_metrics: Boolean, measure silhouette, Frechet distances and the user's
                metrics too.

        Raises:
            ValueError: If a metric is not finite.
        """
        # First, as nothing can be measured of a model that has diverged.
        check_finite(epoch, "loss", float(logs["loss"]))
        rng = np.random.default_rng([self._seed, epoch])
        metrics = {OBJECTIVE: float(logs["loss"]), **self.known_metrics}
        if all_metrics:
            more, posterior = self._measure_all(logs, rng)
            metrics |= more
        else:
            posterior = self._take(*self._probe.sample(self._probe_size, rng))
        for name, value in metrics.items():
            check_finite(epoch, name, value)
        return metrics, _mean_kl(posterior)

    def _measure_all(
        self, logs: Logs, rng: np.random.Generator
    ) -> tuple[dict[str, float], Posterior]:
        real = None
        if self._keeps and isinstance(self._probe, ArrayProbe):
            # Not before there is something to measure.
            if self._real is None:
                self._real = self._quality.features_of(self._probe.batches())
            rows = self._probe.choose(self._probe_size, rng)
            (x, y), real = self._probe.take(rows), self._real[rows]
        else:
            x, y = self._probe.sample(self._probe_size, rng)
        posterior = self._take(x, y)
        metrics = self._quality.measure(x, y, posterior, rng, real)
        logs.update({f"val_{name}": value for name, value in metrics.items()})
        if self._validated_every_epoch():
            metrics["reconstruction"] = float(logs["val_reconstruction_loss"])
        else:
            loss, _ = self._quality.elbo_terms(self._probe.batches(), rng)
            metrics["reconstruction"] = loss
            logs["probe_reconstruction_loss"] = loss
        return metrics, posterior

    def _may_keep_features(self) -> bool:
        """Whether it pays to take the features of all validation data once."""
        probe = self._probe
        few = probe.n_samples <= _KEPT_FEATURES * self._probe_size
        return isinstance(probe, ArrayProbe) and few and self._quality.keeps_features

    def _measure_baseline_nll(self) -> float:
        likelihood = self._model.likelihood
        if not hasattr(likelihood, "best_constant"):
            raise ValueError(
                "`likelihood` must have a method `best_constant` where a rule allows a "
                "share of what the latent space gains; or give the rule a "
                f"`tolerance` in nats. Received: likelihood={likelihood!r}"
            )
        # The same sample wherever a run begins or resumes. Training data, since a
        # constant fits a small sample better than it fits others.
        x = self._model.training_samples(_BASELINE_SAMPLES)
        if x is None:
            rng = np.random.default_rng([self._seed, 0, _BASELINE_STREAM])
            x, _ = self._probe.sample(self._probe_size, rng)
        blocks = row_blocks(len(x), self._model.data_shape)
        return baseline_nll(self._model.data_values(x), likelihood, blocks)

    def _validated_every_epoch(self) -> bool:
        validation = getattr(self._model, "validation_data", None)
        return (
            self._on_validation_data
            and validation is not None
            and validation.frequency == 1
        )


def _mean_kl(posterior: Posterior) -> tuple[float, ...]:
    return tuple(map(float, gaussian_kl(*posterior).mean(axis=0)))
