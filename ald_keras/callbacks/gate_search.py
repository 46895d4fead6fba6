"""Brings the gates of a `GatedVAE` to a decision while `fit` runs."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from ald_keras.callbacks.continuation import save_state
from ald_keras.callbacks.divergence import check_finite
from ald_keras.callbacks.gate_outcome import gate_outcome, gate_status, undecided
from ald_keras.callbacks.optimizer_steps import steps_taken
from ald_keras.callbacks.pruning_record import PruningRecord
from ald_keras.rules import Decision, GateObservation, GateRule, GateState
from ald_keras.rules.gates.steps import close_again, is_long_unmet, unmet_reason
from ald_keras.rules.outcome import Status

# What takes the place of a decision to open a gate.
_RETURN: dict[str, Any] = {
    "action": "wait",
    "indices": (),
    "reason": "Back to the weights with which the bound was met.",
}


@dataclass(frozen=True)
class _Weights:
    """Weights to go back to, with their error and epoch."""

    snapshot: Any
    error: float
    epoch: int


class GateSearch(PruningRecord):
    """Asks `GateRule` at the end of each epoch, and carries out what it decides.

    What changes takes effect when the next epoch
    begins. The bound is on validation data: as far as their error is above that of
    training, training is held below the bound. What is on trial when `fit` ends comes
    back; and if the error has risen above the bound again by then, or is not known of
    the last epochs, the weights of the last epoch within it do, with their gates, if
    all were fixed by then. Once `harden` is called nothing more is decided. Where the
    optimizer has averaged the weights (`use_ema`) the error of validation data is
    measured once more when `fit` ends.

    Attributes:
        rule: The `GateRule`, once `fit` has begun.
        error: Error on validation data (of training, where there are none) of the
            weights there are, or `None`.
        weights_epoch: Epoch whose weights there are, or `None`.
        met: Whether the error is within the bound.
        is_stale: Whether epochs without validation came after `weights_epoch`.
        undecided: Gates that were undecided when `fit` ended, ascending; `None` before.
        is_validated: Whether the error is that of validation data.
    """

    _transient = (*PruningRecord._transient, "_good")

    def __init__(self) -> None:
        super().__init__()
        self.rule: Any = None
        self.error: float | None = None
        self.weights_epoch: int | None = None
        self.undecided: list[int] | None = None
        self.is_validated = False
        self._good: _Weights | None = None
        # Whether training has gone back to `_good` and not met the bound since.
        self._returned = False
        self._steps, self._is_paced, self.is_stale = 0, False, False

    @property
    def met(self) -> bool:
        """Whether the bound is met, within the rule's tolerance."""
        return self.error is not None and self.error <= self.rule.bound

    @property
    def fixed_epoch(self) -> int | None:
        """Epoch at which the size was fixed, `None` if it is not fixed."""
        return None if self.state is None else self.state.fixed_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        if not getattr(self.model, "gated", False):
            raise TypeError(
                "`GateSearch` needs a GatedVAE with `gated=True`. Received: "
                f"{type(self.model).__name__}. Leave it out of `callbacks`."
            )
        self.rule = self._saved_rule()
        self.model.call_after_fit(self._end)
        self.state = self.rule.init(self.model.latent_dim)
        if self._all_fixed():
            self.state = self._all_fixed_state()
        self.start_dims = self.model.active_dims
        self._steps = steps_taken(self.model)
        self._is_paced = self.is_stale = self._returned = False
        self.is_validated = self.model.validation_data is not None
        self.error = self._good = self.undecided = self._last_epoch = None
        self.decisions = []
        self._pending = None
        self._resume_saved()

    def _all_fixed_state(self) -> GateState:
        """The state of a search that finds all gates fixed, perhaps not for good."""
        mask = _array(self.model.latent_mask.mask) > 0
        active = tuple(int(i) for i in np.flatnonzero(mask))
        information = _array(self.model.information)
        shut = sorted(np.flatnonzero(~mask), key=lambda i: -information[i])
        settled = bool(_array(self.model.settled))
        return replace(
            self.rule.init(self.model.latent_dim),
            phase="done" if settled else "look",
            active=active,
            shut=tuple(int(i) for i in shut),
        )

    def _yield_to_harden(self) -> None:
        """Leave all as it is where `harden` has fixed the gates while `fit` runs."""
        if self.state.phase != "done" and _array(self.model.settled):
            self.state = self._all_fixed_state()
            self._pending = self._good = None

    def _pace(self) -> None:
        """Fit the rule to the steps of an epoch, once they are known."""
        steps = max(1, steps_taken(self.model) - self._steps)
        self.rule = self.rule.paced(steps, (self.params or {}).get("epochs"))
        self._is_paced = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._yield_to_harden()
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._apply(*pending)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._decide(epoch, {} if logs is None else logs)
        self._save(epoch)

    def _saved_rule(self) -> GateRule:
        # Without the pace, which is known only after an epoch.
        return GateRule(self.model.tau)

    def _save(self, epoch: int) -> None:
        good, rule = self._good, self.rule
        search = {
            **self._to_save(),
            "pace": [rule.trial, rule.patience, rule.epochs],
            "error": [self.error, self.weights_epoch],
            "is_stale": self.is_stale,
            "good": good and [good.error, good.epoch],
            "returned": self._returned,
        }
        snapshot = good and good.snapshot
        save_state(self.model, epoch, self._saved_rule(), search, snapshot)

    def _load(self, search: dict[str, Any], arrays: list[Any]) -> None:
        trial, patience, epochs = search["pace"]
        self.rule = replace(self.rule, trial=trial, patience=patience, epochs=epochs)
        self._is_paced = True
        super()._load(search, arrays)
        self.error, self.weights_epoch = search["error"]
        self.is_stale = search["is_stale"]
        self._returned = search["returned"]
        if search["good"] is not None:
            snapshot = self.model.snapshot(arrays)
            self._good = _Weights(snapshot, *search["good"])

    def _decide(self, epoch: int, logs: dict[str, Any]) -> None:
        self._yield_to_harden()
        if not self._is_paced:
            self._pace()
        self._last_epoch = epoch
        # The loss tells of codes that are not finite too, behind gates that are shut.
        for name in ("loss", "squared_error"):
            check_finite(epoch, name, float(logs[name]))
        trained = float(logs["squared_error"])
        if self.is_validated and "val_squared_error" not in logs:
            self.is_stale = True
            return  # an epoch that `validation_freq` leaves out
        self.weights_epoch, self.is_stale = epoch, False
        error = float(logs["val_squared_error"] if self.is_validated else trained)
        check_finite(epoch, "val_squared_error", error)
        self.error = error
        if self.state.phase != "reach":
            margin = self.model.constraint.margin
            margin.assign(self.rule.margin(float(_array(margin)), error - trained))
        observation = GateObservation(
            epoch,
            tuple(float(p) for p in _array(self.model.gates.probabilities())),
            tuple(float(kl) for kl in _array(self.model.information)),
            error,
            bool(_array(self.model.constraint.met)),
            float(_array(self.model.constraint.multiplier)),
        )
        state, decision = self.rule.update(self.state, observation)
        # What comes back is not to come back with the weights of its trial.
        settled = decision.action != "restore" and not state.trial
        if self.met and (decision.action == "try" or (settled and self._all_fixed())):
            self._good = _Weights(self.model.snapshot(), error, epoch)
            self._returned = False
        if is_long_unmet(state):
            warnings.warn(f"GatedVAE: {unmet_reason(self.rule, state)}", stacklevel=2)
        if decision.action == "open" and self._good is not None and not self._returned:
            # It has held with these gates: first the weights with which it did.
            state = replace(self.state, errors=(), unmet=state.unmet)
            self._pending = (state, replace(decision, **_RETURN))
        elif decision.indices or state.phase != self.state.phase:
            self._pending = (state, decision)
        else:
            self._accept(state, decision)

    def _all_fixed(self) -> bool:
        """Whether no gate is left to be trained."""
        return not _array(self.model.gates.undecided()).any()

    def _apply(self, state: Any, decision: Decision) -> None:
        if decision.action == "restore" or decision.reason == _RETURN["reason"]:
            self._go_back()
            self._returned = decision.action != "restore"
        if state.phase in ("look", "trial", "done"):
            is_open = np.zeros(self.model.latent_dim, bool)
            is_open[list(state.active)] = True
            self.model.fix_gates(is_open, settled=state.phase == "done")
        self._accept(state, decision)

    def _accept(self, state: Any, decision: Decision) -> None:
        self.state = state
        if decision.action != "wait":
            self.decisions.append(decision)

    def _go_back(self) -> None:
        """To the weights of the last epoch within the bound with all that is open."""
        if self._good is None:
            raise RuntimeError("There are no weights to go back to.")
        self._good.snapshot.restore()
        self.error, self.weights_epoch = self._good.error, self._good.epoch
        self.is_stale = False

    def _end(self, completed: bool) -> None:
        """Close the run, once every callback has ended its own."""
        if self._last_epoch is None:
            return
        self._yield_to_harden()
        pending, self._pending = self._pending, None
        if completed and self.model.weights_were_restored():
            self._tell_of_restored_weights()
            self.undecided = self.model.undecided_gates
            return
        before = self.weights_epoch, self.is_stale
        if pending is not None and self._is_measured(*pending):
            self._apply(*pending)
        if self.state.trial:
            decision = undecided(self.state, self._last_epoch or 0, "`fit` has ended")
            active = sorted((*self.state.active, *self.state.trial))
            state = self.rule.fixed(self.state, active)
            self._apply(state, decision)
        if completed and (self.is_stale or not self.met) and self._good is not None:
            self._go_back()
            self._close_again()
            # They may be of the epoch after which the size was fixed.
            self.model.settled.assign(float(self.state.phase == "done"))
        self._good = None
        self.undecided = self.model.undecided_gates
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
        if (self.params or {}).get("verbose"):
            print(self.result())
        if not self.is_decided or not self.met:
            warnings.warn(self.result(), stacklevel=2)

    def _close_again(self) -> None:
        """The gates of weights gone back to: some may have been opened since."""
        is_open = _array(self.model.gates.open_gates()) > 0
        active = tuple(int(i) for i in np.flatnonzero(is_open))
        if set(active) >= set(self._active()):
            return
        epochs = self._last_epoch or 0, self.weights_epoch or 0
        self.state, decision = close_again(self.rule, self.state, active, *epochs)
        self.model.fix_gates(is_open, settled=False)
        self.decisions.append(decision)

    def _measure(self) -> None:
        """Take the error of weights, and gates, that are not those of any epoch."""
        self.model.latent_mask.mask.assign(self.model.gates.open_gates())
        if self.is_stale:
            self.weights_epoch = self._last_epoch
        found = self.model.evaluate_validation()
        self.error, self.is_stale = float(found["squared_error"]), False

    def _is_measured(self, state: GateState, decision: Decision) -> bool:
        """Whether the error is known of what a decision leads to."""
        if decision.action == "restore" or decision.reason == _RETURN["reason"]:
            return True
        return state.phase == "narrow" or list(state.active) == self._active()

    def _tell_of_restored_weights(self) -> None:
        active = tuple(int(i) for i in self.model.latent_mask.active_indices)
        self.state = self.rule.fixed(replace(self.state, fixed_epoch=None), active)
        self.error = self._good = None
        warnings.warn(
            "GatedVAE: weights were restored from outside, with their gates. They stay "
            "as restored; whether they meet the bound is not known.",
            stacklevel=2,
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
        return None if self.state is None else gate_status(self)

    def result(self) -> str:
        """The outcome in one line."""
        if self.state is None:
            return "GatedVAE: not run yet."
        return gate_outcome(self, len(self._active()), self._last_epoch)


def _array(value: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(value))
