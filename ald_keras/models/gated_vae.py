"""A VAE that learns which latent dimensions a bound on the error needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.ops import convert_to_numpy as to_numpy
from numpy.typing import ArrayLike

from ald_keras._gate_options import check_tau
from ald_keras._typing import Tensor
from ald_keras._validation import check_flag, check_real
from ald_keras._warn import warn
from ald_keras.backends.batch import Batch
from ald_keras.layers import ConstraintMultiplier, LatentGates
from ald_keras.likelihoods import Likelihood
from ald_keras.models.first_step import DataErrors, prepare
from ald_keras.models.gate_warnings import UNDECIDED, unsettled_gates
from ald_keras.models.lagrangian import (
    Measured,
    first_multiplier,
    gate_metrics,
    lagrangian,
    lagrangian_at_inference,
    largest_multiplier,
)
from ald_keras.models.latent_vae import LatentVAE
from ald_keras.models.snapshot import Snapshot


@keras.saving.register_keras_serializable("ald_keras")
class GatedVAE(LatentVAE):
    """VAE with one gate a latent dimension and a bound on the reconstruction error.

    Minimises the KL plus a penalty on open gates, subject to a squared error of at most
    `tau` (De Boom et al. 2020, arXiv 2003.10901): GECO's multiplier (Rezende & Viola
    2018) holds the bound, ARM or DisARM (see `LatentGates`) trains the gates. Until the
    bound is met for the first time all gates stay open. Pass `GateSearch()` to `fit`,
    which brings every gate to a decision; without it `fit` warns of gates that are
    undecided when it ends, and `harden` fixes them.

    The error is that of the data's mean under the likelihood, from a sampled code,
    squared and summed over the values of one sample. Where the posterior means of the
    first samples have a root mean square above 3, as of raw counts, the head of the
    means is scaled down before the first step, so that it is 1.

    Args:
        encoder: As `MaskedVAE` takes it.
        decoder: As `MaskedVAE` takes it.
        latent_dim: Integer >= 1, latent dimensions at the start.
        tau: Float > 0, largest squared error a sample, in squared data units. `tau_for`
            finds one. With `gated=False` it may be 0, for the lowest error.
        likelihood: As `MaskedVAE` takes it; it decides how the decoder's output becomes
            the data's mean. Defaults to `"bernoulli"`.
        gate_penalty: Float > 0, nats that an open gate costs. Defaults to 5.0.
        estimator: `"arm"` or `"disarm"`. Defaults to `"arm"`.
        gated: Boolean. `False` keeps all gates open: GECO alone. Defaults to `True`.
        max_multiplier: Float > 0, upper bound of the error's multiplier, in nats per
            squared data unit. Defaults to `None`: `100 * latent_dim / tau`, or 1e4
            where `tau` is 0. Noise of a code's dimension that costs more than half a
            nat of error saves less than that in KL, so under a multiplier of `m` all
            noise adds at most `latent_dim / (2 * m)` to the error: half a percent of
            `tau`. More would only take longer to come down. The multiplier begins at
            `latent_dim / tau` (1 where `tau` is 0), or at `max_multiplier` if less.
        warmup: Float in [0, 1), share of the run, or integer >= 0, steps, in which
            training passes over from a plain VAE's loss to that under the bound, unless
            the bound is met before. A squared error alone can drive a decoder with a
            sigmoid to where it has no gradient, all black for example. The run is
            `epochs` of `fit`; of a stream of unknown length its first epoch counts as
            part of 10,000 steps. Defaults to 0.1.
        seed: Integer seed of noise, gates and added heads' weights, or `None`. Defaults
            to `None`.

    Attributes:
        gates: The `LatentGates`.
        constraint: The `ConstraintMultiplier`.
        latent_mask: The `LatentMask`: the gates at inference, after each step.
        information: Non-trainable weight of shape `(latent_dim,)`: moving average of
            the KL of each dimension, nats.
        is_searched: Boolean, whether a callback of the last `fit` decides the gates.

    Raises:
        TypeError: If a model or the likelihood is of the wrong type.
        ValueError: If sizes do not fit together, a model is unbuilt, or an argument
            is out of range.

    Example:
    ```python
    vae = GatedVAE(encoder, decoder, latent_dim=20, tau=35.0)
    vae.compile(optimizer="adam")
    vae.fit(x, validation_data=x_val, epochs=100, callbacks=[GateSearch()])
    small = compact(vae)
    ```
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        latent_dim: int,
        tau: float,
        likelihood: str | Likelihood = "bernoulli",
        gate_penalty: float = 5.0,
        estimator: str = "arm",
        gated: bool = True,
        max_multiplier: float | None = None,
        warmup: int | float = 0.1,
        seed: int | None = None,
        **kwargs: object,
    ):
        tau = check_tau(tau, gated)
        penalty = check_real("gate_penalty", gate_penalty, above=0.0, float32=True)
        super().__init__(encoder, decoder, latent_dim, likelihood, seed, **kwargs)
        check_flag("gated", gated)
        if max_multiplier is None:
            max_multiplier = largest_multiplier(latent_dim, tau)
        check_real("max_multiplier", max_multiplier, above=0.0, float32=True)
        if getattr(self.likelihood, "allows_missing", False):
            raise ValueError(
                "`likelihood` must be one of whole data, as a bound on the error has "
                "no meaning for missing values. Received: MissingValues. Use MaskedVAE."
            )
        self.tau, self.gate_penalty, self.gated = tau, penalty, gated
        self.estimator, self.max_multiplier = estimator, max_multiplier
        self.gates = LatentGates(
            latent_dim,
            estimator=estimator,
            seed=None if seed is None else seed + 1,
            name="gates",
        )
        if not gated:
            self.gates.decided.assign([1.0] * latent_dim)
        self.constraint = ConstraintMultiplier(
            tau,
            initial=min(first_multiplier(latent_dim, tau), max_multiplier),
            maximum=max_multiplier,
            warmup=warmup,
            name="constraint",
        )
        self.warmup = self.constraint.warmup
        self.information = self._state("information", (latent_dim,))
        # 1 once the gates were fixed for good, by `harden` or a search that has ended.
        self.settled = self._state("settled", ())
        names = ("loss", "squared_error", "reconstruction_loss", "kl_loss")
        self._trackers = {name: keras.metrics.Mean(name=name) for name in names}
        self.is_searched = False
        self.data_errors = DataErrors()

    def _state(self, name: str, shape: tuple[int, ...]) -> Tensor:
        options = {"dtype": "float32", "autocast": False, "trainable": False}
        return self.add_weight(name=name, shape=shape, initializer="zeros", **options)

    def set_run_steps(self, steps: int | None, trained: bool) -> None:
        """Take in the length of the `fit` that begins, or has had its first epoch."""
        self.constraint.set_run_steps(steps, trained)

    def begin_run(self) -> None:
        """Look at the training data of the `fit` that begins."""
        is_untrained = not to_numpy(self.constraint.steps)
        self.data_errors = prepare(self, is_untrained)

    def snapshot(self, arrays: Sequence[np.ndarray] | None = None) -> Snapshot:
        """Copies of all weights and of the optimizer's slots, to roll back to.

        The mask, random states and the optimizer's scalars (steps, learning rate) are
        left out: they stay as they are.

        Args:
            arrays: Those of an earlier snapshot, as `Snapshot` takes them. Defaults to
                `None`.
        """
        return Snapshot(self, arrays)

    def extra_state_variables(self) -> list[keras.Variable]:
        return [
            *super().extra_state_variables(),
            self.gates.seed_generator.state,
            *self.gates.weights,
            *self.constraint.weights,
            self.information,
            self.settled,
        ]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    def training_loss(
        self, x: Any, sample_weight: Tensor, batch: Batch
    ) -> tuple[Tensor, tuple[Tensor, Measured]]:
        loss, error, measured = lagrangian(self, x, sample_weight, batch)
        return loss, (error, measured)

    def after_step(self, x: Any, measured: Any, batch: Batch) -> dict[str, Tensor]:
        error, measured = measured
        self._track(x, measured, batch, training=True)
        weight = ops.expand_dims(measured.weight, -1)
        kl = weight * ops.cast(measured.kl, weight.dtype)
        mean = ops.cast(ops.stop_gradient(batch.mean(batch.part_mean(kl))), "float32")
        # Over some 100 steps.
        self.information.assign(self.information + 0.01 * (mean - self.information))
        # A batch of which nothing counts says nothing on the bound.
        counts = batch.sum(measured.total) > 0
        self.constraint.update(ops.where(counts, batch.mean(error), float("nan")))
        self.latent_mask.mask.assign(self.gates.open_gates())
        return gate_metrics(self)

    def measure_batch(self, x: Any, sample_weight: Tensor, batch: Batch) -> None:
        measured = lagrangian_at_inference(self, x, sample_weight, batch)
        self._track(x, measured, batch, training=False)

    def _track(
        self, x: Tensor, measured: Measured, batch: Batch, training: bool
    ) -> None:
        terms, weight = measured.terms, measured.weight
        values = {
            "loss": measured.loss,
            "squared_error": batch.part_mean(weight * terms.error),
            "reconstruction_loss": batch.part_mean(weight * terms.nll),
            "kl_loss": batch.part_mean(weight * terms.kl),
        }
        total = batch.sum(measured.total)
        for name, value in values.items():
            self._trackers[name].update_state(batch.mean(value), sample_weight=total)
        self.count_invalid_values(self.model_inputs.data(x), training)

    @property
    def undecided_gates(self) -> list[int]:
        """Gates whose probability lies between 0.05 and 0.95, ascending."""
        p = to_numpy(self.gates.probabilities())
        return np.flatnonzero((p >= UNDECIDED[0]) & (p <= UNDECIDED[1])).tolist()

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Train as `MaskedVAE.fit` does, with its arguments.

        Warns:
            UserWarning: If gates are undecided at the end and no `GateSearch()` was
                among the callbacks.
        """
        self.is_searched = False
        history = super().fit(*args, **kwargs)
        text = "" if self.is_searched else unsettled_gates(self, history.history)
        if text:
            warn(text)
        return history

    def harden(self) -> None:
        """Fix every gate as it is at inference; further training leaves them so.

        Warns:
            UserWarning: If gates were undecided, naming them.
        """
        undecided = self.undecided_gates
        if undecided:
            warn(
                f"GatedVAE: {len(undecided)} gates were undecided and are fixed as at "
                f"inference: {undecided}. The error may differ from training's."
            )
        self.fix_gates(to_numpy(self.gates.open_gates()) > 0)

    def fix_gates(self, is_open: ArrayLike, settled: bool = True) -> None:
        """Fix every gate.

        Args:
            is_open: Booleans of shape `(latent_dim,)`, at least one true.
            settled: Boolean. `False` lets a later `fit` continue the search for fewer.
                Defaults to `True`.

        Raises:
            ValueError: If none is open, or the shape is another.
        """
        is_open = np.asarray(is_open, bool)
        if is_open.shape != (self.latent_dim,) or not is_open.any():
            raise ValueError(
                f"`is_open` must hold {self.latent_dim} booleans, at least one true. "
                f"Received: {is_open.tolist()}"
            )
        self.gates.decided.assign(np.where(is_open, 1.0, -1.0))
        self.settled.assign(float(settled))
        self.latent_mask.mask.assign(is_open.astype("float32"))

    def get_config(self) -> dict[str, object]:
        names = "tau", "gate_penalty", "estimator", "gated", "max_multiplier", "warmup"
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
