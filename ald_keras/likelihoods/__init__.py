"""Likelihoods: how a decoder's output is read, as proper log densities.

A likelihood has two methods, and any object that has them can be passed to a
model as `likelihood=`:

- `nll(x, output)`: negative log-likelihood of the data, shape `(batch,)`, in
  nats per sample, summed over the data dimensions, normalisation included;
- `mean(output)`: the mean of the data under the likelihood, in data space.

Both get float32 (or float64) tensors of shape `(batch, *data_shape)`. An object
that is to be saved with its model also needs `get_config`/`from_config` and
`keras.saving.register_keras_serializable`. Optional:

- `in_support(x)`: a boolean tensor of `x`'s shape that says which values the
  density is defined for (finite ones, where the method is missing);
- `support`: text on these values for errors, e.g. "counts: 0, 1, 2, ...", and `advice`,
  a sentence on what to do with others;
- `best_constant(x)`: the decoder's output, shape `data_shape`, that has the lowest
  NLL if it must be the same for all samples of `x`. Against it is measured what a
  latent space is good for;
- `nll_values(x, output)`: the NLL of each value, shape of `x`, of which `nll` is the
  sum: needed where values are missing;
- `add_weights(add_weight, shape)`: makes weights of its own by calling `add_weight` as
  `keras.Layer.add_weight` is; the model trains and saves them. It is called once, on a
  copy if the object has `resolve(activation)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from keras import ops

from ald_keras._typing import Tensor
from ald_keras.likelihoods.density import (
    Gaussian,
    GaussianLearnedVariance,
    GaussianOptimalSigma,
    Laplace,
    Likelihood,
    soft_limit,
    sum_over_data,
)
from ald_keras.likelihoods.joint import JointLikelihood
from ald_keras.likelihoods.linked import Bernoulli, NegativeBinomial, Poisson
from ald_keras.likelihoods.missing import MissingValues
from ald_keras.registries import LIKELIHOODS

__all__ = [
    "LIKELIHOODS",
    "AnyLikelihood",
    "Bernoulli",
    "Gaussian",
    "GaussianLearnedVariance",
    "GaussianOptimalSigma",
    "JointLikelihood",
    "Laplace",
    "Likelihood",
    "MissingValues",
    "NegativeBinomial",
    "Poisson",
    "get_likelihood",
    "in_support",
    "soft_limit",
    "sum_over_data",
    "weighted_nll",
    "with_missing",
]

AnyLikelihood: TypeAlias = str | Likelihood | Mapping[str, str | Likelihood]
"""As a model takes it: a name, an object, or one of these for each modality."""


def get_likelihood(likelihood: AnyLikelihood) -> Likelihood:
    """The likelihood of that name, or the object itself; of several, by modality, one.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If an object lacks `nll` or `mean`.
    """
    if isinstance(likelihood, Mapping):
        each = {name: get_likelihood(one) for name, one in likelihood.items()}
        return JointLikelihood(each)
    if isinstance(likelihood, str):
        if likelihood not in LIKELIHOODS:
            raise ValueError(
                f"`likelihood` must be one of {sorted(LIKELIHOODS)} or an object with "
                f"methods `nll` and `mean`. Received: likelihood={likelihood!r}"
            )
        return LIKELIHOODS[likelihood]()
    if isinstance(likelihood, type) or not isinstance(likelihood, Likelihood):
        raise TypeError(
            "`likelihood` must be a name or an object with methods `nll(x, output)` "
            f"and `mean(output)`. Received: likelihood={likelihood!r}"
        )
    return likelihood


def with_missing(likelihood: AnyLikelihood) -> Likelihood:
    """A likelihood that leaves out values that are NaN, in each of several modalities.

    Raises:
        TypeError: If a likelihood has no `nll_values`.
        ValueError: If a name is unknown.
    """
    found = get_likelihood(likelihood)
    if isinstance(found, JointLikelihood):
        each = {name: MissingValues(one) for name, one in found.likelihoods.items()}
        return JointLikelihood(each)
    return MissingValues(found)


def in_support(likelihood: Likelihood, x: Tensor) -> Tensor:
    """Boolean tensor of `x`'s shape: values that `likelihood` is defined for."""
    support = getattr(likelihood, "in_support", ops.isfinite)
    known = ops.isfinite(x)
    if getattr(likelihood, "allows_missing", False):
        known = ops.logical_or(known, ops.isnan(x))
    return ops.logical_and(known, support(x))


def weighted_nll(
    likelihood: Likelihood, x: Tensor, output: Tensor, weight: Tensor
) -> Tensor:
    """NLL of which each value counts by a weight, shape `(batch,)`, in nats.

    Args:
        likelihood: The likelihood.
        x: Data of shape `(batch, *data_shape)`.
        output: The decoder's output for them.
        weight: Weights of the shape of `x`.

    Raises:
        TypeError: If the likelihood has no `nll_values`.
    """
    values_of = getattr(likelihood, "nll_values", None)
    if values_of is None:
        raise TypeError(
            "`sample_weight` of the data's shape needs a likelihood with "
            f"`nll_values(x, output)`. Received: {type(likelihood).__name__}. Pass one "
            "weight a sample."
        )
    return sum_over_data(ops.cast(weight, output.dtype) * values_of(x, output))
