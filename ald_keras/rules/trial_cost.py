"""What removals cost, as far as a trial tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ald_keras.rules.information_state import InformationState

if TYPE_CHECKING:
    from ald_keras.rules.information import InformationRule


class Cost(NamedTuple):
    """What removals cost, in nats.

    Args:
        excess: Of all removals, once the network has been trained twice as long.
        before: Of those before the trial.
        latest: Of all by now, as far as the trial goes.
        allowed: Of all.
        anew: Whether the loss is lower than expected by more than that, so that the
            network must have found something better.
    """

    excess: float
    before: float
    latest: float
    allowed: float
    anew: bool


def weigh(rule: InformationRule, state: InformationState) -> Cost:
    """What the removals of a course cost, that on trial included.

    Args:
        rule: The rule, of which the tolerance counts.
        state: A state with a trial and at least three records of it.
    """
    falls = "trend" not in rule.without
    course = state.course(falls=falls)
    others, horizon = course.without_last(), 2.0 * state.starts[-1]
    before = state.spent + others.added(horizon)
    excess = state.spent + course.added(horizon)
    recent = list(zip(state.epochs, state.losses, strict=True))[-rule.window :]
    gaps = [loss - others.at(t) - others.added(t) for t, loss in recent]
    latest = before + sum(gaps) / len(gaps)
    if course.removals[-1].debt == 0.0:
        # A cost that grows is at least what it has come to.
        excess = max(excess, latest)
    allowed = rule.tolerance.of(course.at(state.epochs[-1]), state.null_loss)
    helped = state.course(falls=falls, may_help=True)
    gain = helped.removals[-1].at(horizon)
    if gain < -allowed:
        before = state.spent + helped.without_last().added(horizon)
        return Cost(gain, before, gain, allowed, True)
    return Cost(excess, before, latest, allowed, False)
