"""How the rule on gates decides while they are trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ald_keras.rules.decision import Decision
from ald_keras.rules.gates.state import GateState
from ald_keras.rules.gates.steps import GateObservation, decide
from ald_keras.rules.indices import check_indices

if TYPE_CHECKING:
    from ald_keras.rules.gates.rule import GateRule

# Open gates by which their expected number may still fall while it counts as settled.
_SETTLED = 0.5

# Share of the multiplier below which it has not fallen while it counts as settled.
_HALF = 0.5

# Share of all epochs after which gates are decided on, settled or not.
_LATEST = 0.6


def wait_until_met(
    rule: GateRule, state: GateState, seen: GateObservation
) -> tuple[GateState, Decision]:
    """Keep all gates open until training has met the bound."""
    if not seen.satisfied:
        reason = f"The error has not come down to {rule.tau:g} yet: all gates open."
        return state, decide(state, seen, "wait", reason)
    state = replace(state, phase="narrow")
    reason = f"The error has come down to {rule.tau:g}: gates may close now."
    return state, decide(state, seen, "wait", reason)


def narrow(
    rule: GateRule, state: GateState, seen: GateObservation
) -> tuple[GateState, Decision]:
    """Let gates close, and fix all once nothing that moves them changes."""
    expected = (*state.expected, sum(seen.probabilities))
    likely = _indices(seen.probabilities, 0.5) or (_likeliest(seen),)
    state = replace(
        state,
        expected=expected,
        multipliers=(*state.multipliers, seen.multiplier),
        errors=(*state.errors, seen.error),
        active=likely,
    )
    settled = _has_settled(rule, state)
    late = rule.epochs is not None and seen.epoch + 1 >= _LATEST * rule.epochs
    if settled or late:
        return _fix(rule, state, seen, settled)
    reason = f"{expected[-1]:.1f} open gates expected, {len(likely)} likely open."
    return state, decide(state, seen, "wait", reason)


def _has_settled(rule: GateRule, state: GateState) -> bool:
    """Whether nothing moves the gates any more."""
    recent = rule.patience
    expected, multipliers = state.expected, state.multipliers
    if len(expected) <= recent:
        return False
    return (
        min(expected[-recent:]) > min(expected[:-recent]) - _SETTLED
        and multipliers[-1] >= _HALF * multipliers[-recent - 1]
        and float(np.mean(state.errors[-recent:])) <= rule.bound
    )


def _fix(
    rule: GateRule, state: GateState, seen: GateObservation, settled: bool
) -> tuple[GateState, Decision]:
    """Close what is closed nearly always, and leave the others open."""
    p = seen.probabilities
    is_open = _indices(p, rule.closed) or (_likeliest(seen),)
    undecided = sorted(
        (i for i in is_open if p[i] <= 1.0 - rule.closed), key=lambda i: p[i]
    )
    shut = sorted(set(range(state.n_dims)).difference(is_open), key=lambda i: -p[i])
    state = replace(
        state,
        phase="select",
        active=is_open,
        undecided=tuple(undecided),
        shut=tuple(shut),
        expected=(),
        multipliers=(),
        errors=(),
        group=max(1, sum(p[i] < 0.5 for i in undecided)),
    )
    when = (
        f"Their expected number has settled over {rule.patience} epochs"
        if settled
        else f"{100 * _LATEST:g} % of the epochs are over"
    )
    reason = (
        f"{when}: {len(shut)} gates below {rule.closed:g} are shut, the other "
        f"{len(is_open)} open, {len(undecided)} of them undecided."
    )
    if not shut:
        return state, decide(state, seen, "wait", reason)
    return state, decide(state, seen, "prune", reason, tuple(sorted(shut)))


def _indices(values: tuple[float, ...], above: float) -> tuple[int, ...]:
    chosen = tuple(i for i, value in enumerate(values) if value > above)
    return check_indices("indices", chosen)


def _likeliest(seen: GateObservation) -> int:
    return int(np.argmax(seen.probabilities))
