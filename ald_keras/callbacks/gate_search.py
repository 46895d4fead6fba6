"""Brings the gates of a `GatedVAE` to a decision while `fit` runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from keras.ops import convert_to_numpy as to_numpy

from ald_keras._typing import JSON, Logs
from ald_keras._warn import warn
from ald_keras.callbacks import gate_outcome
from ald_keras.callbacks.continuation import save_state
from ald_keras.callbacks.model_protocol import Snapshot
from ald_keras.callbacks.optimizer_steps import steps_taken
from ald_keras.callbacks.search_record import SearchRecord
from ald_keras.metrics.divergence import check_finite
from ald_keras.rules import Decision, GateObservation, GateRule, GateState
from ald_keras.rules.gates.steps import close_again, rolls_back
from ald_keras.rules.gates.unmet import is_long_unmet, unmet_reason
from ald_keras.rules.gates.weights import GateWeights
from ald_keras.rules.outcome import Status


class GateSearch(SearchRecord):
    """Brings every gate of a `GatedVAE` to a decision during `fit`.

    It asks `GateRule` at the end of each epoch; what is decided takes effect when the
    next epoch begins. The bound is on validation data: as far as their error is above
    that of training, training is held below the bound. A trial that has not ended when
    `fit` does is rejected. If the error is above the bound by then, or unknown of the
    last epochs, the weights and gates of the last epoch within it are restored,
    provided that all gates were fixed in it. Once `harden` is called nothing more is
    decided. Where the optimizer has averaged the weights (`use_ema`) the error of
    validation data is measured once more when `fit` ends.

    Attributes:
        rule: The `GateRule`, once `fit` has begun.
        error: Error on validation data (of training, where there are none) of the
            present weights, or `None`.
        weights_epoch: Epoch whose weights are present, or `None`.
        is_feasible: Whether the error is within the bound.
        is_stale: Whether epochs without validation came after `weights_epoch`.
        undecided: Gates that were undecided when `fit` ended, ascending; `None` before.
        cause: Likely cause of an error above the bound at the end, a key of `CAUSES`
            (`ald_keras.metrics.infeasible`), or `None`.
        is_validated: Whether the error is that of validation data.

    Raises:
        TypeError: At `fit`, if the model has no gates to decide on.
    """

    _transient = (*SearchRecord._transient, "_snapshot")

    def __init__(self) -> None:
        super().__init__()
        self.rule: Any = None
        self.undecided: list[int] | None = None
        self.cause: str | None = None
        self.is_validated = False
        # Of the weights that the state calls feasible.
        self._snapshot: Snapshot | None = None
        # Steps before this `fit`, until the rule is paced by those of an epoch.
        self._first_step: int | None = None

    @property
    def error(self) -> float | None:
        return None if self.state is None else self.state.weights.error

    @property
    def weights_epoch(self) -> int | None:
        return None if self.state is None else self.state.weights.epoch

    @property
    def is_stale(self) -> bool:
        return self.state is not None and self.state.weights.is_stale

    @property
    def is_feasible(self) -> bool:
        return self.error is not None and self.error <= self.rule.bound

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not getattr(self.model, "gated", False):
            raise TypeError(
                "`GateSearch` needs a GatedVAE with `gated=True`. Received: "
                f"{type(self.model).__name__}. Leave it out of `callbacks`."
            )
        self.model.call_after_fit(self._end)
        self.model.is_searched = True
        self.rule = self._saved_rule()
        self.state = self.rule.init(self.model.latent_dim)
        if not to_numpy(self.model.gates.undecided()).any():
            self.state = self._find_fixed()
        self.start_dims = self.model.active_dims
        self.is_validated = self.model.validation_data is not None
        self.decisions, self.cause = [], None
        self._first_step = steps_taken(self.model)
        self._snapshot = self.undecided = self._last_epoch = self._pending = None
        self._resume_saved()

    def _find_fixed(self) -> GateState:
        """The state where all gates are fixed, perhaps not for good."""
        is_open = to_numpy(self.model.latent_mask.mask) > 0
        kl = to_numpy(self.model.information)
        done = bool(to_numpy(self.model.settled))
        return self.rule.find_fixed(self.state, is_open, kl, done)

    def _accept_harden(self) -> None:
        """Leave all as it is where `harden` has fixed the gates while `fit` runs."""
        if self.state.phase != "done" and to_numpy(self.model.settled):
            self.state = self._find_fixed()
            self._pending = self._snapshot = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._accept_harden()
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._apply(*pending)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._accept_harden()
        if self._first_step is not None:
            steps = max(1, steps_taken(self.model) - self._first_step)
            self.rule = self.rule.paced(steps, (self.params or {}).get("epochs"))
            self._first_step = None
        self._last_epoch = epoch
        self._decide(epoch, {} if logs is None else logs)
        pace = [self.rule.trial, self.rule.patience, self.rule.epochs]
        search = {**self._to_save(), "pace": pace}
        save_state(self.model, epoch, self._saved_rule(), search, self._snapshot)

    def _saved_rule(self) -> GateRule:
        # Without the pace, which is known only after an epoch.
        return GateRule(self.model.tau)

    def _load(self, search: JSON, arrays: list[np.ndarray]) -> None:
        super()._load(search, arrays)
        trial, patience, epochs = search["pace"]
        self.rule = replace(self.rule, trial=trial, patience=patience, epochs=epochs)
        self._first_step = None
        self._snapshot = self.model.snapshot(arrays) if arrays else None

    def _decide(self, epoch: int, logs: Logs) -> None:
        # The loss shows codes that are not finite behind closed gates too.
        for name in ("loss", "squared_error"):
            check_finite(epoch, name, float(logs[name]))
        trained = float(logs["squared_error"])
        weights = self.state.weights
        if self.is_validated and "val_squared_error" not in logs:
            # An epoch that `validation_freq` leaves out.
            self.state = replace(self.state, weights=replace(weights, is_stale=True))
            return
        error = float(logs["val_squared_error"] if self.is_validated else trained)
        check_finite(epoch, "val_squared_error", error)
        self.state = replace(self.state, weights=weights.measured(epoch, error))
        if self.state.phase != "reach":
            margin = self.model.constraint.margin
            margin.assign(self.rule.margin(float(to_numpy(margin)), error - trained))
        observation = GateObservation(
            epoch,
            tuple(float(p) for p in to_numpy(self.model.gates.probabilities())),
            tuple(float(kl) for kl in to_numpy(self.model.information)),
            error,
            bool(to_numpy(self.model.constraint.satisfied)),
            float(to_numpy(self.model.constraint.multiplier)),
        )
        state, decision = self.rule.update(self.state, observation)
        if state.weights.feasible_epoch == epoch:
            self._snapshot = self.model.snapshot()
        if is_long_unmet(self.rule, state):
            warn(f"GatedVAE: {unmet_reason(self.rule, state)}")
        waits = decision.action == "wait" and not rolls_back(decision)
        if waits and state.phase == self.state.phase:
            self.state = state
        else:
            self._pending = (state, decision)

    def _apply(self, state: GateState, decision: Decision) -> None:
        if rolls_back(decision):
            self._roll_back()
        if not state.is_trained:
            is_open = np.zeros(self.model.latent_dim, bool)
            is_open[list(state.active)] = True
            self.model.fix_gates(is_open, settled=state.phase == "done")
        self.state = state
        if decision.action != "wait":
            self.decisions.append(decision)

    def _roll_back(self) -> None:
        """Restore the weights of the last epoch within the bound."""
        if self._snapshot is None:
            raise RuntimeError("There are no feasible weights to restore.")
        self._snapshot.restore()

    def _end(self, completed: bool) -> None:
        """Close the run, once every callback has ended its own."""
        if self._last_epoch is None:
            return
        self._accept_harden()
        pending, self._pending = self._pending, None
        if completed and self.model.weights_were_restored():
            self._accept_restored_weights()
            self.undecided = self.model.undecided_gates
            return
        before = self.weights_epoch, self.is_stale
        if pending is not None and self._is_measured(*pending):
            self._apply(*pending)
        if self.state.trial:
            self._abort_trial()
        doubtful = self.is_stale or not self.is_feasible
        if completed and doubtful and self._snapshot is not None:
            self._restore_feasible()
        self._snapshot, self.undecided = None, self.model.undecided_gates
        if not completed:
            return
        optimizer = self.model.optimizer
        if (self.weights_epoch, self.is_stale) != before:
            # Keras has done so before, with the weights that are undone now.
            optimizer.finalize_variable_values(self.model.trainable_variables)
        # One that scales the loss holds the one that averages.
        averages = getattr(optimizer, "inner_optimizer", optimizer).use_ema
        if averages and self.is_validated:
            self._measure()
        self.cause = gate_outcome.gate_cause(self)
        if (self.params or {}).get("verbose"):
            print(self.result())
        if not self.is_decided or not self.is_feasible:
            warn(self.result())

    def _is_measured(self, state: GateState, decision: Decision) -> bool:
        """Whether the error is known of what a decision leads to."""
        if rolls_back(decision) or state.phase == "narrow":
            return True
        return list(state.active) == self._active()

    def _abort_trial(self) -> None:
        decision = gate_outcome.aborted(self.state, self._last_epoch or 0)
        active = sorted((*self.state.active, *self.state.trial))
        weights = self.state.weights.rolled_back(within_search=False)
        state = replace(self.rule.restart(self.state, active), weights=weights)
        self._apply(state, decision)

    def _restore_feasible(self) -> None:
        """Restore the last feasible weights with their gates."""
        self._roll_back()
        weights = self.state.weights.rolled_back(within_search=False)
        self.state = replace(self.state, weights=weights)
        is_open = to_numpy(self.model.gates.open_gates()) > 0
        active = tuple(int(i) for i in np.flatnonzero(is_open))
        if not set(active) >= set(self._active()):
            # Some were opened since.
            epochs = self._last_epoch or 0, self.weights_epoch or 0
            self.state, decision = close_again(self.rule, self.state, active, *epochs)
            self.model.fix_gates(is_open, settled=False)
            self.decisions.append(decision)
        # The weights may be of the epoch after which the size was fixed.
        self.model.settled.assign(float(self.state.phase == "done"))

    def _measure(self) -> None:
        """Measure the error of weights, and gates, that are not those of any epoch."""
        self.model.latent_mask.mask.assign(self.model.gates.open_gates())
        epoch = self._last_epoch if self.is_stale else self.weights_epoch
        error = float(self.model.evaluate_validation()["squared_error"])
        weights = self.state.weights.measured(epoch or 0, error)
        self.state = replace(self.state, weights=weights)

    def _accept_restored_weights(self) -> None:
        """Restart from weights that another callback has restored."""
        state = replace(self.state, fixed_epoch=None, weights=GateWeights())
        self.state = self.rule.restart(state, self._active())
        self._snapshot = None
        warn(
            "GatedVAE: weights were restored from outside, with their gates. They stay "
            "as restored; whether they meet the bound is not known."
        )

    @property
    def is_decided(self) -> bool:
        """Whether every gate is nearly always open or nearly always closed.

        After `fit` it is what it was when `fit` ended, whatever `harden` has fixed.
        """
        if self.undecided is not None:
            return not self.undecided
        return not self.model.undecided_gates

    @property
    def status(self) -> Status | None:
        """How the search stands or ended, `None` before the first `fit`."""
        return None if self.state is None else gate_outcome.gate_status(self)

    def result(self) -> str:
        """The outcome in one line."""
        if self.state is None:
            return "GatedVAE: not run yet."
        return gate_outcome.gate_outcome(self, len(self._active()), self._last_epoch)
