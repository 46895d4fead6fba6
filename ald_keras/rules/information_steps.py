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
from ald_keras.rules.trend import Trend, fit_trend

if TYPE_CHECKING:
    from ald_keras.rules.information import InformationRule

# Times the loss increase allowed that the loss may still fall during a trial: of such a
# fall the trend's error is about a tenth.
_SETTLED = 2.0

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
        state = replace(state.without_records(), pruned=True)
        return _prune(rule, state, surplus)
    if state.trend is None:
        trend, held = _settle(rule, state)
        if trend is None:
            return decide(state, "wait", held)
        state = replace(state, trend=trend)
    state = _lowered(rule, state)
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
    known = state
    state = rule.restart(state, sorted((*state.active, *trial)))
    state = replace(
        state,
        # What the dimensions tell does not hang on the rate.
        information=known.information,
        pruned=known.pruned,
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
        state.without_records(),
        active=tuple(i for i in state.active if i not in chosen),
        trial=chosen,
        removals=state.removals + 1,
    )
    reason = reasons.trying(chosen, len(state.active), rule.patience)
    return decide(state, "try", reason, chosen)


def _settle(rule: InformationRule, state: InformationState) -> tuple[Trend | None, str]:
    """The trend to compare with, or what keeps the trials from beginning."""
    needed = rule.patience + rule.window
    if len(state.losses) < needed:
        return None, reasons.too_few(len(state.losses), needed)
    trend = fit_trend(state.epochs, state.losses)
    now = state.epochs[-1]
    allowed = rule.tolerance.of(trend.at(now), state.null_loss)
    if allowed == 0.0:
        return None, reasons.nothing_gained(trend.at(now), state.null_loss)
    fall = trend.at(now) - trend.at(now + rule.patience)
    if fall > _SETTLED * allowed:
        return None, reasons.falling(fall, rule.patience, _SETTLED * allowed)
    if "trend" in rule.without:
        recent = state.losses[-rule.window :]
        trend = Trend(sum(recent) / len(recent), 0.0)
    return trend, ""


def _lowered(rule: InformationRule, state: InformationState) -> InformationState:
    """The state with a lower trend, where the loss of a quiet time lies below it."""
    if state.trend is None or len(state.losses) < rule.patience + rule.window:
        return state
    gaps = state.excess()
    below = min(0.0, sum(gaps) / len(gaps) - state.spent)
    return replace(state, trend=state.trend.moved(below))


def judge(
    rule: InformationRule, state: InformationState
) -> tuple[InformationState, Decision]:
    """Decides about the removal on trial."""
    if state.trend is None:
        raise ValueError("`state` must have a `trend` while there is a trial.")
    if state.trial_records < rule.patience:
        reason = reasons.on_trial(state.trial, state.trial_records, rule.patience)
        return decide(state, "wait", reason)
    settling = state.settling()
    debts = state.debts()
    excess = settling.at(state.trained_before) + debts
    latest = sum(state.excess()[-rule.window :]) / rule.window + debts
    if settling.gain == 0.0:
        # A cost that grows is at least what it has come to.
        excess = max(excess, latest)
    allowed = rule.tolerance.of(state.trend.at(state.epochs[-1]), state.null_loss)
    undecided = _CLOSE * allowed < excess <= allowed < latest
    if undecided and state.trial_records < 2 * rule.patience:
        reason = reasons.undecided(state.trial, latest, excess, allowed)
        return decide(state, "wait", reason)
    silhouette = _mean(state.silhouettes[-rule.window :])
    loses = (
        rule.target == "silhouette"
        and silhouette is not None
        and state.best_silhouette is not None
        and silhouette < state.best_silhouette
    )
    stays = "restoring" in rule.without
    if (excess > allowed or loses) and not stays:
        return _restore(state, excess, allowed, loses)
    reason = reasons.kept(state.trial, excess, allowed, loses)
    step = _next_step(
        rule, len(state.active), len(state.trial), state.spent, excess, allowed
    )
    memory = rule.patience + rule.window
    state = replace(
        state.without_records(),
        information=(*state.information, *state.trial_information)[-memory:],
        trial_information=(),
        trial=(),
        fixed_epoch=state.last_epoch if excess > allowed or loses else None,
        # A loss below the expected one is the new level to be kept.
        trend=state.trend.moved(min(settling.level, 0.0)),
        tails=(*state.tails, (state.trained_before, settling.gain)),
        spent=max(settling.level, 0.0),
        step=step,
        best_silhouette=silhouette,
    )
    return decide(state, "keep", reason)


def _next_step(
    rule: InformationRule,
    n_active: int,
    count: int,
    before: float,
    excess: float,
    allowed: float,
) -> int:
    """Dimensions to try, after `count` raised the excess from `before`, in nats."""
    # The silhouette may have its peak between two sizes.
    if rule.target == "silhouette" or "groups" in rule.without:
        return 1
    # Nothing is left to pay with where the gain has gone.
    if allowed == 0.0:
        return 1
    # The next dimensions tell more. A cost of nothing would promise any number.
    cost = max(2.0 * (excess - before), 0.25 * allowed) / count
    most = min(2 * count, n_active // 8, int((allowed - excess) / cost))
    return max(1, most)


def _restore(
    state: InformationState, excess: float, allowed: float, loses: bool
) -> tuple[InformationState, Decision]:
    trial = state.trial
    single = len(trial) == 1
    state = replace(
        state.without_records(),
        active=tuple(sorted((*state.active, *trial))),
        # Of weights that are undone.
        trial_information=(),
        trial=(),
        undone=state.undone + state.trial_records,
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
