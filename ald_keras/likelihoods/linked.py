"""Likelihoods of bits and counts, whose decoder may give a linked parameter."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from ald_keras._typing import Shape, Tensor
from ald_keras._validation import check_flag
from ald_keras.likelihoods.density import (
    LOG_2PI,
    DensityBase,
    soft_limit,
)

# Log rate above which a rate grows linearly: 3e6 counts.
_LARGEST_LOG_RATE = 15.0

# Dispersions beyond are those of a Poisson likelihood, or of hardly any count but 0.
_LOG_DISPERSIONS = (-7.0, 7.0)


class _LinkedBase(DensityBase):
    """A likelihood whose decoder gives a parameter either directly or linked.

    Args:
        linked: Boolean, or `None` to have the model find out from the decoder's
            last activation.
    """

    _argument: str
    _direct_activations: tuple[str, ...]
    _direct_name: str
    _linked_name: str

    def __init__(self, linked: bool | None = None):
        if linked is not None:
            check_flag(self._argument, linked)
        self._linked = linked

    @property
    def linked(self) -> bool:
        if self._linked is None:
            raise ValueError(
                f"`{type(self).__name__}` was given no `{self._argument}` and no "
                f"decoder to read it from. Pass `{self._argument}=True` where the "
                f"output is {self._linked_name}, False where it is "
                f"{self._direct_name}."
            )
        return self._linked

    @property
    def reads_means(self) -> bool:
        return not self.linked

    def resolve(self, activation: str | None) -> _LinkedBase:
        found = {"linear": True}.get(activation or "")
        if activation in self._direct_activations:
            found = False
        if self._linked is None and found is None:
            raise ValueError(
                f"`likelihood`: cannot tell whether the decoder's output is "
                f"{self._linked_name} or {self._direct_name} (its last activation "
                f"is {activation or 'unknown'}). Expected a linear end or one of "
                f"{list(self._direct_activations)}, or "
                f"likelihood={type(self).__name__}({self._argument}=True or False)."
            )
        if self._linked is True and found is False:
            raise ValueError(
                f"`likelihood` reads the decoder's output as {self._linked_name} "
                f"({self._argument}=True), but the decoder ends in {activation}: "
                f"its output is {self._direct_name}."
            )
        return type(self)(found if self._linked is None else self._linked)

    def get_config(self) -> dict[str, object]:
        return {self._argument: self._linked}


@keras.saving.register_keras_serializable("ald_keras")
class Bernoulli(_LinkedBase):
    """Bernoulli likelihood of data in [0, 1].

    Data strictly between 0 and 1 are read as expected values of binary data, as
    is usual for grey images; the cross-entropy is then an upper bound rather than
    a density over [0, 1] (Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845).

    Args:
        from_logits: Boolean: the decoder's output are logits. `None` reads it from
            the decoder: a linear end gives logits, a sigmoid probabilities,
            anything else is a `ValueError`. Defaults to `None`.

    Probabilities are kept `1e-7` away from 0 and 1, as in Keras's binary
    cross-entropy, since a float32 sigmoid reaches both: one data value costs at
    most 16.1 nats. Logits have no such limit.
    """

    _argument = "from_logits"
    _direct_activations = ("sigmoid", "hard_sigmoid")
    _direct_name = "probabilities"
    _linked_name = "logits"
    _margin = 1e-7

    def __init__(self, from_logits: bool | None = None):
        super().__init__(from_logits)

    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        if self.linked:
            return ops.softplus(output) - x * output
        p = ops.clip(output, self._margin, 1.0 - self._margin)
        return -(x * ops.log(p) + (1.0 - x) * ops.log1p(-p))

    def mean(self, output: Tensor) -> Tensor:
        return ops.sigmoid(output) if self.linked else output

    def best_constant(self, x: Tensor) -> Tensor:
        p = ops.clip(ops.mean(x, axis=0), self._margin, 1.0 - self._margin)
        return ops.log(p) - ops.log1p(-p) if self.linked else p

    support = "finite values in [0, 1]"
    advice = (
        "Divide images of 0 to 255 by 255, scale other data to [0, 1], or use "
        "likelihood='gaussian' for real-valued data."
    )

    def in_support(self, x: Tensor) -> Tensor:
        return ops.logical_and(x >= 0.0, x <= 1.0)


@keras.saving.register_keras_serializable("ald_keras")
class Poisson(_LinkedBase):
    """Poisson likelihood of counts (0, 1, 2, ...).

    Args:
        from_log_rate: Boolean: the decoder's output is the logarithm of the rate.
            `None` reads it from the decoder: a linear end gives log rates,
            softplus, exponential or sigmoid rates. Defaults to `None`.

    Rates are raised by `keras.config.epsilon()` (1e-7) inside the logarithm, since
    a float32 softplus reaches 0. Above a log rate of 15 the rate grows linearly, so
    that it stays finite.
    """

    _argument = "from_log_rate"
    _direct_activations = ("softplus", "exponential", "sigmoid")
    _direct_name = "rates"
    _linked_name = "log rates"

    def __init__(self, from_log_rate: bool | None = None):
        super().__init__(from_log_rate)

    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        if self.linked:
            log_rate = soft_limit(output, _LARGEST_LOG_RATE)
            rate = ops.exp(log_rate)
        else:
            log_rate, rate = ops.log(output + keras.config.epsilon()), output
        return rate - x * log_rate + log_factorial(x)

    def mean(self, output: Tensor) -> Tensor:
        if not self.linked:
            return output
        return ops.exp(soft_limit(output, _LARGEST_LOG_RATE))

    def best_constant(self, x: Tensor) -> Tensor:
        rate = ops.mean(x, axis=0)
        return ops.log(rate + keras.config.epsilon()) if self.linked else rate

    def irreducible_error(self, x: np.ndarray) -> float:
        """Squared error a sample that remains whatever the output: a count's variance.

        It is at least the mean count, of which `x` holds samples.
        """
        return float(np.sum(x, dtype="float64") / len(x))

    support = "counts: 0, 1, 2, ..."
    advice = (
        "Pass the raw counts, or use likelihood='gaussian' for values that were "
        "normalised or transformed."
    )

    def in_support(self, x: Tensor) -> Tensor:
        return whole_numbers(x)


@keras.saving.register_keras_serializable("ald_keras")
class NegativeBinomial(_LinkedBase):
    """Negative binomial likelihood of counts, overdispersed Poisson ones.

    The variance of a count of mean `m` is `m + m ** 2 / dispersion`, with one trained
    dispersion for each value of the data, as single-cell counts are usually modelled
    (Lopez et al. 2018, scVI). The model owns that weight; it begins at 1.

    Args:
        from_log_mean: Boolean: the decoder's output is the logarithm of the mean.
            `None` reads it from the decoder: a linear end gives log means, softplus,
            exponential or sigmoid means. Defaults to `None`.

    Attributes:
        log_dispersion: Weight of the data's shape, once a model holds the likelihood.
    """

    _argument = "from_log_mean"
    _direct_activations = ("softplus", "exponential", "sigmoid")
    _direct_name = "means"
    _linked_name = "log means"

    def __init__(self, from_log_mean: bool | None = None):
        super().__init__(from_log_mean)
        self.log_dispersion: Tensor = None

    def add_weights(self, add_weight: Callable[..., Tensor], shape: Shape) -> None:
        self.log_dispersion = add_weight(
            name="log_dispersion", shape=shape, initializer="zeros", dtype="float32"
        )

    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        log_mean = self._log_mean(output)
        log_r = ops.clip(self._log_dispersion(), *_LOG_DISPERSIONS)
        log_r = ops.cast(log_r, output.dtype)
        r = ops.exp(log_r)
        # log(r + mean), without forming a sum that overflows.
        log_sum = ops.logaddexp(log_r, log_mean)
        choose = log_factorial(x + r) - ops.log(x + r)
        choose = choose - (log_factorial(r) - log_r) - log_factorial(x)
        return -(choose + r * (log_r - log_sum) + x * (log_mean - log_sum))

    def mean(self, output: Tensor) -> Tensor:
        return ops.exp(self._log_mean(output)) if self.linked else output

    def best_constant(self, x: Tensor) -> Tensor:
        mean = ops.mean(x, axis=0)
        return ops.log(mean + keras.config.epsilon()) if self.linked else mean

    support, advice = Poisson.support, Poisson.advice
    irreducible_error = Poisson.irreducible_error

    def in_support(self, x: Tensor) -> Tensor:
        return whole_numbers(x)

    def _log_mean(self, output: Tensor) -> Tensor:
        if self.linked:
            return soft_limit(output, _LARGEST_LOG_RATE)
        return ops.log(output + keras.config.epsilon())

    def _log_dispersion(self) -> Tensor:
        if self.log_dispersion is None:
            raise ValueError(
                "`NegativeBinomial` has no dispersion yet: a model makes it. Pass the "
                "likelihood to MaskedVAE or GatedVAE."
            )
        return ops.convert_to_tensor(self.log_dispersion)


def whole_numbers(x: Tensor) -> Tensor:
    """Whether values are counts, elementwise."""
    whole = ops.logical_and(x >= 0.0, ops.floor(x) == x)
    return ops.logical_and(whole, ops.isfinite(x))


def log_factorial(x: Tensor) -> Tensor:
    """`log(x!)` of non-negative counts, elementwise.

    Stirling's series (Abramowitz & Stegun 6.1.41) at `x + 9`, brought down by the
    recurrence: Keras has no log-gamma that every backend shares. The absolute
    error is below 1e-5 up to 100 in float32.
    """
    shifted = x + 9.0
    series = (
        (shifted - 0.5) * ops.log(shifted)
        - shifted
        + 0.5 * LOG_2PI
        + 1.0 / (12.0 * shifted)
        - 1.0 / (360.0 * shifted**3)
    )
    return series - sum(ops.log(x + k) for k in range(1, 9))
