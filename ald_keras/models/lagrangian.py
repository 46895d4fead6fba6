"""What a step of a `GatedVAE` descends on, and what its samples cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from keras import ops

from ald_keras._typing import Tensor
from ald_keras.backends import cond
from ald_keras.backends.batch import Batch
from ald_keras.likelihoods import sum_over_data
from ald_keras.metrics.kl import gaussian_kl
from ald_keras.models.latent_vae import at_least_float32

if TYPE_CHECKING:
    from ald_keras.models.gated_vae import GatedVAE

# Share of the bound that the noise of codes makes up at most under the first and under
# the largest multiplier, and those where the bound is 0.
_FIRST_NOISE, _NOISE = 0.5, 0.005
_FIRST_UNBOUNDED, _UNBOUNDED = 1.0, 1e4


class Terms(NamedTuple):
    """Of each sample: squared error, NLL and KL, shape `(batch,)`."""

    error: Tensor
    nll: Tensor
    kl: Tensor


class Measured(NamedTuple):
    """What a step has measured: terms, weights and their sum, loss, KL by dimension."""

    terms: Terms
    weight: Tensor
    total: Tensor
    loss: Tensor
    kl: Tensor


def lagrangian(
    model: GatedVAE, x: Tensor, sample_weight: Tensor, batch: Batch
) -> tuple[Tensor, Tensor, Measured]:
    """The loss, whose gradient holds the gates' estimate, and the mean error.

    Both are of this replica's part of the batch.
    """
    not_closed = 1.0 - ops.cast(model.gates.decided < 0.0, "float32")
    # Before any exp: what a closed head drifts to can then never overflow.
    z_mean, z_log_var = (
        head * ops.cast(not_closed, head.dtype)
        for head in model.heads(x, training=True)
    )
    z = model.sampling(z_mean, z_log_var, rows=batch.rows)
    kl = gaussian_kl(z_mean, z_log_var)
    multiplier = ops.stop_gradient(ops.convert_to_tensor(model.constraint.multiplier))
    satisfied = ops.convert_to_tensor(model.constraint.satisfied)
    warmup = ops.stop_gradient(model.constraint.warmup_fraction())

    def cost(terms: Terms) -> Tensor:
        bound = (1.0 - warmup) * multiplier * terms.error
        return bound + warmup * terms.nll + terms.kl

    samples = ops.shape(model.model_inputs.data(x))[0]
    uniform = model.gates.draw(samples, batch.rows)
    first, second = (
        satisfied * draw + (1.0 - satisfied) * not_closed
        for draw in model.gates.pair(uniform)
    )
    terms = sample_terms(model, x, z, kl, second, training=True)
    # Before the second pass, whose own cannot be read outside of its branch.
    extras = list(model.losses)
    # Where all draws agree the second pass would give the same.
    other = cond(
        model,
        ops.any(ops.not_equal(first, second)),
        lambda: cost(sample_terms(model, x, z, kl, first, training=True)),
        lambda: cost(terms),
    )
    difference = ops.stop_gradient(other - cost(terms))
    weight, total = mean_weights(sample_weight, terms.error, batch)
    estimate = batch.part_mean(model.gates.gradient(uniform, weight * difference))
    estimate = estimate * ops.stop_gradient(satisfied)
    logits = model.gates.logits()
    carrier = ops.sum(ops.stop_gradient(estimate) * logits)
    penalty = satisfied * model.gate_penalty * ops.sum(model.gates.probabilities())
    error = batch.part_mean(weight * terms.error)
    loss = batch.part_mean(weight * cost(terms)) + penalty
    weight_of_bound = (1.0 - warmup) * multiplier
    loss = loss + weight_of_bound * (model.constraint.constraint(error) - error)
    for extra in extras:
        loss = loss + ops.cast(extra, loss.dtype)
    measured = Measured(terms, weight, total, loss, kl)
    # The value is the loss's; the direction stays, and steps grow neither with the
    # multiplier nor with the error's unit.
    relative = 1.0 + multiplier * model.constraint.scale
    loss = (loss + carrier - ops.stop_gradient(carrier)) / relative
    return loss, error, measured


def lagrangian_at_inference(
    model: GatedVAE, x: Tensor, sample_weight: Tensor, batch: Batch
) -> Measured:
    """The loss with the gates that are mostly open, codes sampled."""
    z_mean, z_log_var = model.masked_posterior(x, training=False)
    z = model.sampling(z_mean, z_log_var, rows=batch.rows)
    kl = gaussian_kl(z_mean, z_log_var)
    gates = ops.convert_to_tensor(model.latent_mask.mask)
    terms = sample_terms(model, x, z, kl, gates, training=False)
    weight, total = mean_weights(sample_weight, terms.error, batch)
    error = batch.part_mean(weight * terms.error)
    loss = batch.part_mean(weight * terms.kl) + model.gate_penalty * ops.sum(gates)
    loss = loss + model.constraint.multiplier * (error - model.tau)
    return Measured(terms, weight, total, loss, kl)


def sample_terms(
    model: GatedVAE, x: Tensor, z: Tensor, kl: Tensor, gates: Tensor, training: bool
) -> Terms:
    """What samples cost, given codes, KL per dimension and gates."""
    gates = ops.cast(gates, z.dtype)
    inputs = model.model_inputs
    read = inputs.for_decoder(z * gates, inputs.conditions_of(x))
    output = at_least_float32(model.decoder(read, training=training))
    x = ops.cast(inputs.data(x), output.dtype)
    squared = ops.square(x - model.likelihood.mean(output))
    terms = (
        sum_over_data(squared),
        model.likelihood.nll(x, output),
        ops.sum(kl * gates, axis=-1),
    )
    return Terms(*(ops.cast(term, "float32") for term in terms))


def mean_weights(
    sample_weight: Tensor, like: Tensor, batch: Batch
) -> tuple[Tensor, Tensor]:
    """Weights of a mean of 1 over the whole batch, and the sum before of this part.

    So a bound stays one, whatever the weights' scale.
    """
    if sample_weight is None:
        ones = ops.ones_like(like)
        return ones, ops.sum(ones)
    if math.prod(sample_weight.shape[1:]) != 1:
        raise ValueError(
            "`sample_weight` of a GatedVAE must be one a sample, as the bound is on "
            "the error of whole samples. Received: shape "
            f"{tuple(sample_weight.shape)}"
        )
    weight = ops.cast(ops.reshape(sample_weight, ops.shape(like)), like.dtype)
    mean = batch.mean(batch.part_mean(weight))
    return weight / ops.maximum(mean, 1e-12), ops.sum(weight)


def first_multiplier(latent_dim: int, tau: float) -> float:
    """Under which the noise of codes makes up half of the bound at most."""
    return latent_dim / (2.0 * _FIRST_NOISE * tau) if tau else _FIRST_UNBOUNDED


def largest_multiplier(latent_dim: int, tau: float) -> float:
    """Above which the noise of codes does not matter to the bound any more."""
    return latent_dim / (2.0 * _NOISE * tau) if tau else _UNBOUNDED


def gate_metrics(model: GatedVAE) -> dict[str, Tensor]:
    """What `fit` shows of the gates and their bound, each a scalar."""
    p = ops.clip(model.gates.probabilities(), 1e-7, 1.0 - 1e-7)
    entropy = -p * ops.log(p) - (1.0 - p) * ops.log(1.0 - p)
    return {
        "constraint": ops.convert_to_tensor(model.constraint.average),
        "multiplier": ops.convert_to_tensor(model.constraint.multiplier),
        "expected_gates": ops.sum(model.gates.probabilities()),
        "gate_entropy": ops.mean(entropy),
        "active_dims": ops.sum(model.latent_mask.mask),
    }
