"""Which gates are open for good: trials under a bound on the error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ald_keras._validation import check_integer, check_real
from ald_keras.rules.decision import Decision
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.gates.narrowing import narrow, wait_until_met
from ald_keras.rules.gates.state import GateState
from ald_keras.rules.gates.steps import (
    GateObservation,
    decide,
    evaluate,
    select,
    track_weights,
)
from ald_keras.rules.gates.unmet import is_long_unmet, unmet_reason

# The margin is never more than this share of tau: training far below it would only
# overfit.
_LARGEST_MARGIN = 0.75

# Steps that gates and multiplier need to follow, in trials and to settle.
_TRIAL_STEPS, _PATIENCE_STEPS = 600, 800


@dataclass(frozen=True)
class GateRule(Immutable):
    """Brings gates that are trained under a bound on the error to a decision.

    A gate may hover between open and closed for ever, since a random mixture of both
    meets the bound on average. So, once over `patience` epochs the bound was met on
    average, and neither the expected number of open gates nor the multiplier (which
    rises far before the bound is met, and keeps gates open) is falling any more, all
    gates are fixed: those below `closed` shut, the others open. Then groups of open
    ones, the undecided first and after them the least informative, are closed on
    trial. The trial is accepted if the bound holds in two epochs in a row within
    `trial` epochs, twice as many where the error is about to get there; otherwise it is
    rejected, the gates open with the weights they had, and a smaller group is tried.
    The size is fixed when `attempts` single dimensions in a row were needed.

    Args:
        tau: Float > 0, the bound.
        tolerance: Float >= 0, share of `tau` by which the error may be above it.
            Defaults to 0.02.
        closed: Float in (0, 1), probability below which a gate is shut. Defaults to
            0.05.
        patience: Integer >= 1, epochs. Defaults to 10.
        trial: Integer >= 2, epochs. Defaults to 8.
        attempts: Integer >= 1. Defaults to 2.
        epochs: Integer >= 1, epochs of the whole training, of which the decision is not
            to take less than the last 40 %, or `None`. Defaults to `None`.

    Raises:
        ValueError: If an argument is out of range.
    """

    tau: float
    tolerance: float = 0.02
    closed: float = 0.05
    patience: int = 10
    trial: int = 8
    attempts: int = 2
    epochs: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("patience", 1), ("trial", 2), ("attempts", 1)):
            value = check_integer(name, getattr(self, name), least)
            object.__setattr__(self, name, value)
        if self.epochs is not None:
            epochs = check_integer("epochs", self.epochs, 1)
            object.__setattr__(self, "epochs", epochs)
        for name in ("tau", "tolerance", "closed"):
            object.__setattr__(self, name, check_real(name, getattr(self, name)))
        if self.tau <= 0.0:
            raise ValueError(f"`tau` must be positive. Received: tau={self.tau}")
        if self.tolerance < 0.0:
            raise ValueError(
                f"`tolerance` must be at least 0. Received: tolerance={self.tolerance}"
            )
        if not 0.0 < self.closed < 1.0:
            raise ValueError(
                f"`closed` must be above 0 and below 1. Received: closed={self.closed}"
            )

    @property
    def bound(self) -> float:
        """The largest error with which the bound counts as met."""
        return self.tau * (1.0 + self.tolerance)

    @property
    def bound_text(self) -> str:
        """The bound in words."""
        return f"the bound of {self.tau:g} + {100 * self.tolerance:g} %"

    def paced(self, steps: int, epochs: int | None) -> GateRule:
        """This rule with the epochs that trials and settling take where it is used.

        Args:
            steps: Integer >= 1, training steps of an epoch.
            epochs: Integer >= 1, epochs of the whole training, or `None`.
        """
        most = epochs or 1_000_000
        trial = min(math.ceil(_TRIAL_STEPS / steps), most // 10)
        patience = min(math.ceil(_PATIENCE_STEPS / steps), most // 5)
        trial, patience = max(6, trial), max(8, patience)
        return replace(self, trial=trial, patience=patience, epochs=epochs)

    def margin(self, before: float, gap: float) -> float:
        """How far below the bound training is to be held.

        Args:
            before: What it was, in the unit of the error.
            gap: How far the error of validation data is above that of training.
        """
        # Half of the tolerance is left for what changes from epoch to epoch.
        aim = gap + 0.5 * (self.bound - self.tau)
        return 0.5 * (before + min(max(aim, 0.0), _LARGEST_MARGIN * self.tau))

    def init(self, n_dims: int, seed: int = 0) -> GateState:
        """State before the first epoch, no gate decided; nothing is random."""
        n_dims = check_integer("n_dims", n_dims, 1)
        return GateState(n_dims, tuple(range(n_dims)))

    def state_from_dict(self, data: Mapping[str, object]) -> GateState:
        """Rebuilds a state from what `GateState.to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If `data` is invalid.
        """
        return GateState.from_dict(data)

    def restart(self, state: GateState, active: Iterable[int]) -> GateState:
        """State after what is open was decided outside, a trial's end for example.

        Args:
            state: State to continue from.
            active: Dimensions that are open now, ascending.
        """
        active = tuple(active)
        shut = tuple(i for i in state.shut if i not in active)
        state = replace(state, trial=(), errors=(), group=1, shut=shut)
        return replace(state, phase="select", active=active)

    def find_fixed(
        self, state: GateState, is_open: Iterable[bool], kl: Iterable[float], done: bool
    ) -> GateState:
        """State of a search that finds all gates fixed.

        Args:
            state: State to continue from, of which what is known of the weights stays.
            is_open: Of each gate.
            kl: Mean KL of each dimension, nats.
            done: Whether they are fixed for good.
        """
        active = tuple(i for i, each in enumerate(is_open) if each)
        by_kl = sorted(enumerate(kl), key=lambda pair: -pair[1])
        return replace(
            self.init(state.n_dims),
            phase="done" if done else "select",
            active=active,
            shut=tuple(i for i, _ in by_kl if i not in active),
            weights=state.weights,
        )

    def update(
        self, state: GateState, observation: GateObservation
    ) -> tuple[GateState, Decision]:
        """Records one epoch and decides.

        Args:
            state: State after the epoch recorded before.
            observation: Measurements of this epoch.

        Returns:
            The next state, and the decision with its reason. `"prune"` and `"try"`
            close gates, `"open"` and `"restore"` open them; with `"restore"`, and
            where the code is `"roll_back"`, the feasible weights are restored first. If
            the next state's `weights.feasible_epoch` is this epoch, those of this epoch
            are the feasible ones.

        Raises:
            ValueError: If the observation is of another number of gates.
        """
        for name in ("probabilities", "information"):
            if len(getattr(observation, name)) != state.n_dims:
                raise ValueError(
                    f"`{name}` must hold a value for each of {state.n_dims} gates. "
                    f"Received: {len(getattr(observation, name))}"
                )
        before = state
        state = replace(state, unmet=self._unmet(state, observation))
        state, decision = self._decide(state, observation)
        if decision.action == "wait" and is_long_unmet(self, state):
            decision = replace(decision, reason=unmet_reason(self, state))
        return track_weights(self, before, state, decision, observation)

    def _unmet(self, state: GateState, seen: GateObservation) -> tuple[float, ...]:
        if state.phase in ("trial", "done"):
            return state.unmet
        # Until training has met it, that of an epoch may be chance.
        met = seen.satisfied and (state.phase == "reach" or seen.error <= self.bound)
        return () if met else (*state.unmet, seen.error)

    def _decide(
        self, state: GateState, observation: GateObservation
    ) -> tuple[GateState, Decision]:
        if state.phase == "reach":
            return wait_until_met(self, state, observation)
        if state.phase == "narrow":
            return narrow(self, state, observation)
        if state.phase == "done":
            reason = f"The gates were decided at epoch {(state.fixed_epoch or 0) + 1}."
            return state, decide(state, observation, "wait", reason)
        state = replace(state, errors=(*state.errors, observation.error))
        if state.phase == "trial":
            return evaluate(self, state, observation)
        return select(self, state, observation)
