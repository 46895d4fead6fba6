"""How the rule on gates decides once all are fixed: pure steps between states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ald_keras._validation import check_integer, check_real
from ald_keras.rules.decision import Action, Decision
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.gates.state import GateState

if TYPE_CHECKING:
    from ald_keras.rules.gates.rule import GateRule


@dataclass(frozen=True)
class GateObservation(Immutable):
    """What is known after an epoch.

    Args:
        epoch: Integer >= 0.
        probabilities: Of each gate, of being open.
        information: Mean KL of each dimension, nats.
        error: Float >= 0, squared error a sample of validation data, with the gates at
            inference and sampled codes.
        satisfied: Boolean, whether training has met the bound once.
        multiplier: Float > 0, GECO's, what a unit of error costs in nats.
    """

    epoch: int
    probabilities: tuple[float, ...]
    information: tuple[float, ...]
    error: float
    satisfied: bool
    multiplier: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "epoch", check_integer("epoch", self.epoch, 0))
        for name in ("error", "multiplier"):
            object.__setattr__(self, name, check_real(name, getattr(self, name)))
        for name in ("probabilities", "information"):
            values = tuple(check_real(name, value) for value in getattr(self, name))
            object.__setattr__(self, name, values)
        if not all(0.0 <= p <= 1.0 for p in self.probabilities):
            raise ValueError(
                "`probabilities` must lie in [0, 1]. "
                f"Received: probabilities={self.probabilities}"
            )


def select(
    rule: GateRule, state: GateState, seen: GateObservation
) -> tuple[GateState, Decision]:
    """Decide while nothing is on trial."""
    if seen.error > rule.bound:
        return _wait_for_bound(rule, state, seen)
    candidates = _candidates(rule, state, seen)
    if not candidates:
        state = replace(state, phase="done", fixed_epoch=seen.epoch)
        tried = len(state.needed)
        why = (
            f"without any of the {tried} tried last it was not"
            if tried
            else "no smaller space is left to try"
        )
        reason = (
            f"Fixed: the error of {seen.error:.4g} is within "
            f"{rule.bound_text}, and {why}."
        )
        return state, decide(state, seen, "stop", reason)
    group = tuple(sorted(candidates))
    active = tuple(i for i in state.active if i not in group)
    state = replace(
        state,
        phase="trial",
        active=active,
        trial=group,
        errors=(),
    )
    kl = sum(seen.information[i] for i in group)
    reason = (
        f"Closed {len(group)} on trial, {kl:.3g} nats in all: the error of "
        f"{seen.error:.4g} is within {rule.bound_text}."
    )
    return state, decide(state, seen, "try", reason, group)


def _candidates(
    rule: GateRule, state: GateState, seen: GateObservation
) -> tuple[int, ...]:
    """The next group: undecided gates first, then the least informative."""
    kept = {*state.needed, *state.reopened}
    undecided = [i for i in state.undecided if i not in kept]
    if len(state.needed) >= rule.attempts:
        return ()
    if undecided:
        return tuple(undecided[: min(state.group, len(state.active) - 1)])
    weakest = sorted(
        (i for i in state.active if i not in kept),
        key=lambda i: seen.information[i],
    )
    return tuple(weakest[: min(state.group, _most(state), len(state.active) - 1)])


def _most(state: GateState) -> int:
    """Dimensions tried at a time at most, unless training has separated them."""
    return max(1, len(state.active) // 4)


def evaluate(
    rule: GateRule, state: GateState, seen: GateObservation
) -> tuple[GateState, Decision]:
    """Decide on what is on trial."""
    # Once may be chance, where much is at stake.
    if len(state.errors) > 1 and max(state.errors[-2:]) <= rule.bound:
        gone = state.trial
        state = replace(
            state,
            phase="select",
            trial=(),
            undecided=tuple(i for i in state.undecided if i not in gone),
            needed=(),
            shut=(*gone, *state.shut),
            errors=(),
            group=max(state.group, min(2 * state.group, _most(state))),
        )
        reason = (
            f"Keep {len(gone)} closed: the error of {seen.error:.4g} is within "
            f"{rule.bound_text}."
        )
        return state, decide(state, seen, "keep", reason)
    if not _is_hopeless(rule, state.errors):
        reason = f"{len(state.trial)} on trial, error {seen.error:.4g}."
        return state, decide(state, seen, "wait", reason)
    back, worst = state.trial, max(state.errors[-2:])
    single = len(back) == 1
    state = replace(
        state,
        phase="select",
        active=tuple(sorted((*state.active, *back))),
        trial=(),
        errors=(),
        group=1 if single else len(back) // 2,
        needed=(*state.needed, *back) if single else state.needed,
    )
    reason = (
        f"Open {len(back)} again, with the weights they had: without them the "
        f"error came to {worst:.4g}, above {rule.bound_text}."
    )
    return state, decide(state, seen, "restore", reason, back)


def _wait_for_bound(
    rule: GateRule, state: GateState, seen: GateObservation
) -> tuple[GateState, Decision]:
    """The error is too large with nothing on trial: too many gates are shut."""
    if not _is_hopeless(rule, state.errors):
        reason = f"Error {seen.error:.4g}, above {rule.bound_text} yet."
        return state, decide(state, seen, "wait", reason)
    if not state.shut:
        reason = (
            f"The error of {seen.error:.4g} is above {rule.bound_text} "
            "with all gates open."
        )
        return state, decide(state, seen, "wait", reason)
    likeliest, *shut = state.shut
    state = replace(
        state,
        active=tuple(sorted((*state.active, likeliest))),
        shut=tuple(shut),
        reopened=(*state.reopened, likeliest),
        errors=(),
    )
    reason = (
        f"Opened the likeliest of those shut: the error of {seen.error:.4g} is "
        f"above {rule.bound_text}."
    )
    return state, decide(state, seen, "open", reason, (likeliest,))


def track_weights(
    rule: GateRule,
    before: GateState,
    state: GateState,
    decision: Decision,
    seen: GateObservation,
) -> tuple[GateState, Decision]:
    """State and decision with what the epoch says of the weights.

    Before a gate is opened the feasible weights are restored first, since the bound
    was met with the gates there are.

    Args:
        rule: The rule.
        before: State before the epoch.
        state: State after it.
        decision: The decision that led to it.
        seen: Measurements of the epoch.
    """
    weights = before.weights.measured(seen.epoch, seen.error)
    # What is restored must not keep the weights of its trial.
    is_settled = decision.action != "restore" and not state.trial
    is_candidate = is_settled and not before.is_trained
    if seen.error <= rule.bound and (decision.action == "try" or is_candidate):
        weights = weights.marked_feasible()
    can_roll_back = weights.feasible_epoch is not None and not weights.was_rolled_back
    if decision.action == "restore":
        weights = weights.rolled_back(within_search=False)
    elif decision.action == "open" and can_roll_back:
        weights = weights.rolled_back(within_search=True)
        state = replace(before, errors=(), unmet=state.unmet)
        reason = "Roll back to the weights with which the bound was met."
        decision = decide(before, seen, "wait", reason, code="roll_back")
    return replace(state, weights=weights), decision


def close_again(
    rule: GateRule,
    state: GateState,
    active: tuple[int, ...],
    epoch: int,
    feasible_epoch: int,
) -> tuple[GateState, Decision]:
    """State and decision after going back to where fewer gates met the bound.

    Args:
        rule: The rule.
        state: State to continue from.
        active: Dimensions that are open then, ascending; some of those open now.
        epoch: Integer >= 0, the last epoch.
        feasible_epoch: Integer >= 0, the epoch whose weights are restored.
    """
    closed = tuple(sorted(set(state.active).difference(active)))
    state = rule.restart(state, active)
    state = replace(state, shut=(*closed, *state.shut))
    decision = Decision(
        epoch=epoch,
        action="prune",
        indices=closed,
        active_dims=len(state.active),
        reason="Closed again: the bound was met without them in epoch "
        f"{feasible_epoch + 1}.",
    )
    return state, decision


def rolls_back(decision: Decision) -> bool:
    """Whether the feasible weights are restored with a decision."""
    return decision.action == "restore" or decision.code == "roll_back"


def _is_hopeless(rule: GateRule, errors: tuple[float, ...]) -> bool:
    """Whether the error will not come down to the bound soon enough."""
    if len(errors) < rule.trial:
        return False
    if len(errors) >= 2 * rule.trial:
        return True
    recent = errors[-max(3, rule.trial // 2) :]
    slope = float(np.polyfit(np.arange(len(recent)), recent, 1)[0])
    left = 2 * rule.trial - len(errors)
    return errors[-1] + slope * left > rule.bound


def decide(
    state: GateState,
    seen: GateObservation,
    action: Action,
    reason: str,
    indices: tuple[int, ...] = (),
    code: str = "",
) -> Decision:
    """The decision that leads to a state."""
    return Decision(
        epoch=seen.epoch,
        action=action,
        indices=indices,
        active_dims=len(state.active),
        reason=reason,
        code=code,
    )
