"""What removals cost, as far as a trial tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ald_keras.rules.information_state import InformationState
from ald_keras.rules.trend import Course

if TYPE_CHECKING:
    from ald_keras.rules.information import InformationRule


class Cost(NamedTuple):
    """What removals cost, in nats.

    Args:
        excess: Of all removals, once the network has been trained twice as long.
        before: Of those before the trial.
        latest: Of all by now, as far as the trial goes.
        allowed: Of all.
        anew: Whether the loss will be lower than expected by more than that, so that
            the network must have found something better; the first and third number
            tell by how much.
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
    others, last = course.without_last(), course.removals[-1]
    horizon = 2.0 * state.starts[-1]
    allowed = rule.tolerance.of(course.at(state.epochs[-1]), state.null_loss)
    helped = state.course(falls=falls, may_help=True)
    free, apart = helped.removals[-1].at(horizon), helped.without_last()
    # Where it lies far above, a fall is what is being made up for.
    if free < -allowed and _gap(state, apart, rule.window) <= allowed:
        return Cost(free, state.spent + apart.added(horizon), free, allowed, True)
    before = state.spent + others.added(horizon)
    excess = state.spent + course.added(horizon)
    latest = before + _gap(state, others, rule.window)
    if last.debt == last.shock == 0.0:
        # A cost that grows is at least what it has come to.
        excess = max(excess, latest)
    return Cost(excess, before, latest, allowed, False)


def _gap(state: InformationState, expected: Course, window: int) -> float:
    """How far the last losses lie above a course, on average, in nats."""
    recent = list(zip(state.epochs, state.losses, strict=True))[-window:]
    gaps = [loss - expected.at(t) - expected.added(t) for t, loss in recent]
    return sum(gaps) / len(gaps)
