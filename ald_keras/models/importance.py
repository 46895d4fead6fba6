"""Bounds of the log-likelihood of single samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras._validation import check_integer
from ald_keras.likelihoods import Likelihood
from ald_keras.likelihoods.density import LOG_2PI
from ald_keras.metrics.kl import gaussian_kl

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE

# Samples that a variance is taken from.
_FITTED = 2000


def elbo_of(
    vae: LatentVAE, x: Tensor, samples: int, batch_size: int, seed: int
) -> np.ndarray:
    """What `LatentVAE.elbo` gives, of checked data."""
    check_integer("samples", samples, 1)
    check_integer("batch_size", batch_size, 1)
    generator = keras.random.SeedGenerator(check_integer("seed", seed, 0))
    likelihood = _fitted(vae, x)
    parts = []
    for start in range(0, len(x), batch_size):
        block = vae.model_inputs.tensors(x[start : start + batch_size])
        mean, log_var = vae.encode(block)
        bounds = [
            _log_weights(
                vae, likelihood, block, mean, log_var, generator, analytic=samples == 1
            )
            for _ in range(samples)
        ]
        parts.append(np.logaddexp.reduce(bounds, axis=0) - math.log(samples))
    return np.concatenate(parts).astype("float32")


def _fitted(vae: LatentVAE, x: Tensor) -> Likelihood:
    """The likelihood, with one variance for all samples where it is the batch's."""
    likelihood = vae.likelihood
    if not hasattr(likelihood, "fitted_to"):
        return likelihood
    rows = np.linspace(0, len(x) - 1, min(len(x), _FITTED)).astype(int)
    some = vae.model_inputs.tensors(x[rows])
    mean, _ = vae.encode(some)
    output = vae.decoder_output(mean, vae.model_inputs.conditions_of(some))
    return likelihood.fitted_to(ops.cast(vae.data_of(some), output.dtype), output)


def _log_weights(
    vae: LatentVAE,
    likelihood: Likelihood,
    x: Tensor,
    mean: Tensor,
    log_var: Tensor,
    generator: keras.random.SeedGenerator,
    analytic: bool,
) -> np.ndarray:
    """`log p(x, z) - log q(z | x)` of one posterior sample each, shape `(batch,)`.

    Where it stands alone, the expectation of `log p(z) - log q(z | x)` is known.
    """
    noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=generator)
    z = mean + ops.exp(0.5 * log_var) * noise
    if analytic:
        rest = gaussian_kl(mean, log_var)
    else:
        # Of a pruned dimension mean and log variance are 0: prior and posterior agree.
        prior = 0.5 * (ops.square(z) + LOG_2PI)
        posterior = 0.5 * (ops.square(noise) + log_var + LOG_2PI)
        rest = prior - posterior
    output = vae.decoder_output(z, vae.model_inputs.conditions_of(x))
    nll = likelihood.nll(ops.cast(vae.data_of(x), output.dtype), output)
    weights = -nll - ops.sum(rest, axis=-1)
    return ops.convert_to_numpy(weights).astype("float64")
