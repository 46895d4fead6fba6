"""Reconstruction loss: the negative log-likelihood of data given their mean."""

from __future__ import annotations

import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras.likelihoods import Bernoulli, Likelihood, Poisson, get_likelihood


def reconstruction_nll(
    x: Tensor, x_mean: Tensor, likelihood: str | Likelihood = "bernoulli"
) -> float:
    """Mean negative log-likelihood, in nats per sample.

    Args:
        x: Data of shape `(samples, ...)`.
        x_mean: Reconstructions of the same shape, in data space: probabilities,
            means or rates, as `MaskedVAE.reconstruct` gives them. With a likelihood
            object, the decoder output that this object reads.
        likelihood: Name or object. Defaults to `"bernoulli"`.

    Returns:
        Float, summed over data dimensions and averaged over samples. From
        `"gaussian_optimal_sigma"`, with the variance that fits all samples best.

    Raises:
        ValueError: If shapes differ, there are no samples, or a value is not finite.
    """
    x, x_mean = np.asarray(x, dtype="float32"), np.asarray(x_mean, dtype="float32")
    if x.shape != x_mean.shape or x.ndim < 2 or len(x) == 0:
        raise ValueError(
            "`x` and `x_mean` must have one shape (samples, ...) with at least one "
            f"sample. Received: shapes {x.shape} and {x_mean.shape}"
        )
    for name, values in (("x", x), ("x_mean", x_mean)):
        if not np.isfinite(values).all():
            raise ValueError(f"`{name}` must be finite. Received: other values.")
    density = get_likelihood(likelihood)
    if likelihood in ("bernoulli", "poisson"):
        density = Bernoulli(False) if likelihood == "bernoulli" else Poisson(False)
    nll = ops.convert_to_numpy(density.nll(x, x_mean))
    return float(np.mean(nll, dtype="float64"))
