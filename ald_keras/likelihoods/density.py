"""Likelihoods of real data, and what all likelihoods share."""

from __future__ import annotations

import abc
import math
from typing import Protocol, runtime_checkable

import keras
from keras import ops

from ald_keras._typing import JSON, Tensor
from ald_keras._validation import check_real

LOG_2PI = math.log(2.0 * math.pi)


@runtime_checkable
class Likelihood(Protocol):
    """What a model needs of a likelihood; see the package's text."""

    def nll(self, x: Tensor, output: Tensor) -> Tensor:
        """Negative log-likelihood, shape `(batch,)`, nats per sample."""

    def mean(self, output: Tensor) -> Tensor:
        """Mean of the data, shape of `output`, in data space."""


def sum_over_data(values: Tensor) -> Tensor:
    """Sum `values` of shape `(batch, ...)` over all axes but the first."""
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


def soft_limit(values: Tensor, limit: float) -> Tensor:
    """Values up to a limit as they are, and their logarithm's growth above it.

    So `exp` of what a network gives before it has learned anything stays finite, and
    its gradient leads back.
    """
    return ops.minimum(values, limit) + ops.log1p(ops.relu(values - limit))


class DensityBase(abc.ABC):
    """Defaults: finite data, an output that is the mean, no arguments."""

    # Whether deviations of 1 count as noise, whatever the data's scale.
    has_unit_scale: bool = False

    def nll(self, x: Tensor, output: Tensor) -> Tensor:
        return sum_over_data(self.nll_values(x, output))

    @abc.abstractmethod
    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        """The NLL of each value, shape of `x`, in nats."""

    @property
    def reads_means(self) -> bool:
        """Whether the decoder's output is the mean of the data as it is."""
        return True

    def mean(self, output: Tensor) -> Tensor:
        return output

    def best_constant(self, x: Tensor) -> Tensor:
        return ops.mean(x, axis=0)

    def in_support(self, x: Tensor) -> Tensor:
        return ops.isfinite(x)

    def resolve(self, activation: str | None) -> DensityBase:
        """The likelihood as it reads a decoder that ends in `activation`."""
        return self

    def get_config(self) -> dict[str, object]:
        return {}

    @classmethod
    def from_config(cls, config: JSON) -> DensityBase:
        return cls(**config)


@keras.saving.register_keras_serializable("ald_keras")
class Gaussian(DensityBase):
    """Gaussian likelihood of unit variance; the output is the mean."""

    has_unit_scale = True

    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        return 0.5 * ops.square(x - output) + 0.5 * LOG_2PI


@keras.saving.register_keras_serializable("ald_keras")
class GaussianOptimalSigma(DensityBase):
    """Gaussian likelihood with the variance that fits the batch best (sigma-VAE).

    One variance for all data dimensions, solved from the mean squared error of
    the batch in every step (Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202,
    Eq. 5). It balances reconstruction and KL without a beta. As the variance
    comes from the samples at hand, compare values over batches of one size.

    Args:
        min_variance: Float > 0, lower bound of the variance in squared data
            units, which keeps a perfect reconstruction finite. Defaults to 1e-6.
    """

    def __init__(self, min_variance: float = 1e-6):
        self.min_variance = check_real("min_variance", min_variance, above=0.0)
        self._variance: float | None = None

    def fitted_to(self, x: Tensor, output: Tensor) -> GaussianOptimalSigma:
        """The likelihood with the variance of these data, whatever the batch."""
        fitted = GaussianOptimalSigma(self.min_variance)
        variance = ops.mean(ops.square(x - output))
        fitted._variance = float(ops.convert_to_numpy(variance))
        return fitted

    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        squared = ops.square(x - output)
        variance = ops.mean(squared) if self._variance is None else self._variance
        variance = ops.maximum(variance, self.min_variance)
        return 0.5 * squared / variance + 0.5 * (ops.log(variance) + LOG_2PI)

    def get_config(self) -> dict[str, object]:
        return {"min_variance": self.min_variance}


@keras.saving.register_keras_serializable("ald_keras")
class GaussianLearnedVariance(DensityBase):
    """Gaussian likelihood whose decoder gives mean and log variance of each value.

    The decoder's last axis is twice as long as that of the data: means first, then
    logarithms of variances. These are kept within [-10, 10], beyond which they move
    slower and slower: a variance that may vanish makes the likelihood unbounded.
    """

    _limit = 10.0

    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        mean, log_var = self._parts(output)
        squared = ops.square(x - mean) * ops.exp(-log_var)
        return 0.5 * (squared + log_var + LOG_2PI)

    @property
    def reads_means(self) -> bool:
        return False

    def mean(self, output: Tensor) -> Tensor:
        return self._parts(output)[0]

    def best_constant(self, x: Tensor) -> Tensor:
        log_var = ops.log(ops.var(x, axis=0) + math.exp(-self._limit))
        return ops.concatenate([ops.mean(x, axis=0), log_var], axis=-1)

    def _parts(self, output: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = ops.split(output, 2, axis=-1)
        log_var = soft_limit(log_var, self._limit)
        return mean, -soft_limit(-log_var, self._limit)


@keras.saving.register_keras_serializable("ald_keras")
class Laplace(DensityBase):
    """Laplace likelihood of unit scale; the output is the location."""

    has_unit_scale = True

    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        return ops.abs(x - output) + math.log(2.0)

    def best_constant(self, x: Tensor) -> Tensor:
        return ops.median(x, axis=0)
