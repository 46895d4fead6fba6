"""How the information rule decides: pure steps from one state to the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ald_keras.rules import information_reasons as reasons
from ald_keras.rules.ald_reasons import floor_reason
from ald_keras.rules.decision import Action, Decision
from ald_keras.rules.information_state import InformationState
from ald_keras.rules.observation import Observation
from ald_keras.rules.selection import select_dims
from ald_keras.rules.trial_cost import Cost, weigh

if TYPE_CHECKING:
    from ald_keras.rules.information import InformationRule

# Times the loss increase allowed that the loss may still fall during a trial: of such a
# fall the trend's error is about a tenth.
_SETTLED = 2.0

# The same where all that is known of the trend may be the end of a sudden fall.
_SETTLED_ANEW = 0.25

# Share of the loss increase allowed from which on a removal that seems affordable is
# looked at for longer: after six epochs the estimate is a tenth lower than after 12.
_CLOSE = 0.75


def look(
    rule: InformationRule, state: InformationState
) -> tuple[InformationState, Decision]:
    """Decides while nothing is on trial: idle dimensions first, then a trial."""
    needed = rule.patience + rule.window
    if len(state.information) < needed:
        reason = reasons.too_few(len(state.information), needed)
        return decide(state, "wait", reason)
    now = state.mean_information(rule.window)
    then = state.mean_information(rule.window, rule.patience)
    informative, earlier = (
        {i for i in state.active if means[i] >= rule.idle_kl} for means in (now, then)
    )
    if not informative:
        return decide(state, "wait", reasons.collapsed(rule.idle_kl))
    changed = len(informative ^ earlier)
    if changed > len(informative) // 20:
        reason = reasons.unsettled(len(informative), changed, rule.patience)
        return decide(state, "wait", reason)
    idle = _idle(rule, state, informative, now, then)
    reserve = 0 if "reserve" in rule.without else 1 + len(informative) // 5
    surplus = idle[: max(0, len(idle) - reserve)]
    if surplus and not state.pruned:
        # What is fitted from the first trial on stays whole.
        kept = state if state.starts else state.only_records(slice(0))
        return _prune(rule, replace(kept, pruned=True), surplus)
    held = "" if state.starts else _unsettled(rule, state)
    if held:
        return decide(state, "wait", held)
    if state.best_silhouette is None:
        best = _mean(state.silhouettes[-rule.window :])
        state = replace(state, best_silhouette=best)
    if idle:
        return _prune(rule, state, idle)
    if "trials" in rule.without:
        return _stop_untried(rule, state, informative)
    return _try(rule, state)


def _stop_untried(
    rule: InformationRule, state: InformationState, informative: set[int]
) -> tuple[InformationState, Decision]:
    n_active = len(state.active)
    left = n_active - len(informative)
    if left and n_active > rule.min_dims:
        return decide(state, "wait", reasons.rising(left))
    state = replace(state, fixed_epoch=state.last_epoch, at_floor=left > 0)
    reason = (
        floor_reason(n_active, rule.min_dims) if left else reasons.none_idle(n_active)
    )
    return decide(state, "stop", reason)


def start_over(
    rule: InformationRule, state: InformationState, observation: Observation
) -> tuple[InformationState, Decision]:
    """Drops what was recorded at another learning rate, and ends a trial undecided."""
    trial = state.trial
    reason = reasons.other_rate(state.learning_rate, observation.learning_rate, trial)
    # This epoch is undone with those recorded.
    state = replace(state, undone=state.undone + bool(trial))
    known = state
    state = rule.restart(state, sorted((*state.active, *trial)))
    state = replace(
        state,
        # Of what the dimensions tell nothing hangs on the rate.
        information=known.information,
        pruned=known.pruned,
        best_silhouette=known.best_silhouette,
        last_epoch=observation.epoch,
        learning_rate=observation.learning_rate,
    )
    return decide(state, "restore" if trial else "wait", reason, trial)


def _prune(
    rule: InformationRule, state: InformationState, idle: list[int]
) -> tuple[InformationState, Decision]:
    indices = tuple(sorted(idle))
    state = replace(
        state,
        active=tuple(i for i in state.active if i not in idle),
        removals=state.removals + 1,
    )
    reason = reasons.idle(indices, len(state.active), rule.idle_kl, rule.patience)
    return decide(state, "prune", reason, indices)


def _idle(
    rule: InformationRule,
    state: InformationState,
    informative: set[int],
    now: list[float],
    then: list[float],
) -> list[int]:
    """Idle dimensions that are not on the rise, least informative first."""
    idle = [
        i
        for i in state.active
        if i not in informative
        and then[i] < rule.idle_kl
        and now[i] <= max(then[i], 0.5 * rule.idle_kl)
    ]
    removable = max(0, len(state.active) - rule.min_dims)
    return sorted(idle, key=lambda i: (now[i], i))[:removable]


def _try(
    rule: InformationRule, state: InformationState
) -> tuple[InformationState, Decision]:
    n_active = len(state.active)
    if n_active <= rule.min_dims:
        state = replace(state, fixed_epoch=state.last_epoch, at_floor=True)
        reason = floor_reason(n_active, rule.min_dims)
        return decide(state, "stop", reason)
    step = min(state.step, n_active - rule.min_dims)
    chosen = select_dims(
        rule.selection,
        state.active,
        state.mean_information(rule.window),
        step,
        (state.seed, state.removals),
    )
    state = replace(
        state,
        active=tuple(i for i in state.active if i not in chosen),
        trial=chosen,
        starts=(*state.starts, state.epochs[-1]),
        removals=state.removals + 1,
    )
    reason = reasons.trying(chosen, len(state.active), rule.patience)
    return decide(state, "try", reason, chosen)


def _unsettled(rule: InformationRule, state: InformationState) -> str:
    """What keeps the trials from beginning; nothing where they may."""
    needed = rule.patience + rule.window
    if len(state.losses) < needed:
        return reasons.too_few(len(state.losses), needed)
    course = state.course()
    now = state.epochs[-1]
    allowed = rule.tolerance.of(course.at(now), state.null_loss)
    if allowed == 0.0:
        return reasons.nothing_gained(course.at(now), state.null_loss)
    fall = course.at(now) - course.at(now + rule.patience)
    limit = (_SETTLED_ANEW if state.reopened else _SETTLED) * allowed
    if fall > limit:
        return reasons.falling(fall, rule.patience, limit)
    return ""


def judge(
    rule: InformationRule, state: InformationState
) -> tuple[InformationState, Decision]:
    """Decides about the removal on trial."""
    records = state.trial_records
    if records < rule.patience:
        reason = reasons.on_trial(state.trial, records, rule.patience)
        return decide(state, "wait", reason)
    cost = weigh(rule, state)
    excess, allowed = cost.excess, cost.allowed
    undecided = _CLOSE * allowed < excess <= allowed < cost.latest
    if undecided and records < 2 * rule.patience:
        reason = reasons.undecided(state.trial, cost.latest, excess, allowed)
        return decide(state, "wait", reason)
    if cost.anew and not {*state.trial} <= {*state.reopened}:
        return _reopen(state, cost)
    silhouette = _mean(state.silhouettes[-rule.window :])
    loses = (
        rule.target == "silhouette"
        and silhouette is not None
        and state.best_silhouette is not None
        and silhouette < state.best_silhouette
    )
    if (excess > allowed or loses) and "restoring" not in rule.without:
        return _restore(state, excess, allowed, loses)
    if cost.anew:
        reason = reasons.kept_unknown(state.trial, -excess, allowed)
        # It may have cost that much.
        before = _on_a_new_course(state, max(cost.before, allowed))
    else:
        reason = reasons.kept(state.trial, excess, allowed, loses)
        before = state
    memory = rule.patience + rule.window
    kept = replace(
        before,
        information=(*state.information, *state.trial_information)[-memory:],
        trial_information=(),
        trial=(),
        fixed_epoch=state.last_epoch if excess > allowed or loses else None,
        step=_next_step(rule, state, cost),
        best_silhouette=silhouette,
    )
    return decide(kept, "keep", reason)


def _on_a_new_course(state: InformationState, spent: float) -> InformationState:
    """The state without its trial, where the loss is going to is not known yet."""
    return replace(
        state.only_records(slice(0)),
        trial=(),
        trial_information=(),
        starts=(),
        spent=spent,
    )


def _reopen(state: InformationState, cost: Cost) -> tuple[InformationState, Decision]:
    """Switch on again what was on trial when the loss fell for another reason."""
    trial = state.trial
    state = replace(
        _on_a_new_course(state, cost.before),
        active=tuple(sorted((*state.active, *trial))),
        information=(),
        step=1,
        reopened=tuple(sorted({*state.reopened, *trial})),
    )
    reason = reasons.reopened(trial, len(state.active), -cost.excess, cost.allowed)
    return decide(state, "open", reason, trial)


def _next_step(rule: InformationRule, state: InformationState, cost: Cost) -> int:
    """Dimensions to try after those that are on trial now."""
    # The silhouette may have its peak between two sizes; without a gain none is paid.
    single = rule.target != "loss" or "groups" in rule.without
    if single or cost.anew or cost.allowed == 0.0:
        return 1
    count, n_active = len(state.trial), len(state.active)
    # The next dimensions tell more. A cost of nothing would promise any number.
    each = max(2.0 * (cost.excess - cost.before), 0.25 * cost.allowed) / count
    # What is left may be a whole number of them, but for rounding.
    most = int((cost.allowed - cost.excess) / each + 1e-6)
    return max(1, min(2 * count, n_active // 8, most))


def _restore(
    state: InformationState, excess: float, allowed: float, loses: bool
) -> tuple[InformationState, Decision]:
    trial = state.trial
    single = len(trial) == 1
    state = replace(
        state.without_trial(),
        step=max(1, len(trial) // 2),
        fixed_epoch=state.last_epoch if single else None,
    )
    reason = reasons.restored(trial, len(state.active), excess, allowed, loses)
    return decide(state, "restore", reason, trial)


def _mean(values: tuple[float, ...]) -> float | None:
    return sum(values) / len(values) if values else None


def decide(
    state: InformationState,
    action: Action,
    reason: str,
    indices: tuple[int, ...] = (),
) -> tuple[InformationState, Decision]:
    """A state with the decision that led to it."""
    decision = Decision(
        epoch=state.last_epoch or 0,
        action=action,
        indices=indices,
        step=state.step,
        active_dims=len(state.active),
        slopes={},
        reason=reason,
    )
    return state, decision
