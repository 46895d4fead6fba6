"""Why `SizeCurveRule` does what it does, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ald_keras.rules.decision import Action, Decision
from ald_keras.rules.size_curve.edge import Increase
from ald_keras.rules.size_curve.state import SizeCurveState
from ald_keras.rules.tolerance import format_nats


@dataclass(frozen=True)
class Next:
    """What one evaluation leads to.

    Args:
        state: The state after it.
        code: What has happened, one word for each kind.
        reason: Full sentence with the numbers that led to it.
        details: `Decision.details`. Defaults to none.
    """

    state: SizeCurveState
    code: str
    reason: str
    details: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)


SETTLING = (
    "Waiting until the informative dimensions have settled; sizes are not sampled yet."
)
FIXED = "The size is fixed."
NO_GAIN = (
    "The loss is not below that of the best constant output: there is no gain yet."
)
AWAKE = (
    "Dimensions in reserve have become informative; what they are worth is being "
    "measured."
)


def decision(before: SizeCurveState, after: SizeCurveState, found: Next) -> Decision:
    """The `Decision` that leads to the next state."""
    removed = {*before.active} - {*after.active}
    opened = {*after.active} - {*before.active}
    action: Action = "wait"
    if found.code == "fixed" and before.phase != "fixed":
        action = "stop"
    elif removed or opened:
        action = "open" if found.code == "reopened" or not removed else "prune"
    elif found.code == "measure":
        action = "sample"
    return Decision(
        epoch=after.last_epoch or 0,
        action=action,
        indices=tuple(sorted(removed | opened)),
        active_dims=len(after.active),
        reason=found.reason,
        code=found.code,
        details=found.details,
    )


def nothing_informative(idle_kl: float) -> str:
    """Why nothing can be measured."""
    return (
        f"No dimension has a mean KL of at least {idle_kl:g} nats, so no size can be "
        "measured."
    )


def moved(removed: int, opened: int) -> str:
    """What became of idle dimensions, nothing where nothing did."""
    if removed:
        return f"Removed {dimensions(removed, 'idle')}."
    if opened:
        count = dimensions(opened)
        return f"Opened {count}: idle ones have become informative."
    return ""


def begins(informative: int, share: float, moved_dims: str) -> str:
    """Why sizes are sampled from now on."""
    why = (
        f"{dimensions(informative, 'informative')}; from now on {share:.0%} of the "
        "examples are decoded from fewer, and the size curve is measured."
    )
    return f"{moved_dims} {why}".strip()


def infeasible(bound: float, error: float) -> str:
    """Why no size can be fixed under a bound."""
    return (
        f"The squared error at full size is {error:.4g}, above the bound of "
        f"{bound:.4g}: no size is within it yet."
    )


def moving(
    state: SizeCurveState,
    missing: int,
    increases: Mapping[int, Increase],
    allowed: float,
) -> str:
    """Why a decision waits while the answer is new.

    Args:
        state: With the answer as its `size`.
        missing: Integer >= 1, evaluations without change that are missing.
        increases: Increase of the loss at each measured size.
        allowed: Float, the tolerance in nats per sample; 0 where the loss is no target.
    """
    size = state.size or 1
    count = "1 more evaluation" if missing == 1 else f"{missing} more evaluations"
    levels = _levels(size, increases, allowed) if allowed else ""
    return (
        f"Candidate: {dimensions(size)}, to be fixed after {count} without change. "
        f"{levels}"
    ).strip()


def falling(state: SizeCurveState, allowed: float) -> str:
    """Why a decision waits while the increase below the answer falls."""
    size = state.size or 1
    above = format_nats(state.below[-1], allowed)
    return (
        f"Candidate: {dimensions(size)}. With {size - 1} the loss is {above} nats "
        "above that of the full size, but it is still falling and may soon be within "
        f"the {format_nats(allowed, allowed)} that are allowed."
    )


def fixed(
    size: int,
    reserve: int,
    increases: Mapping[int, Increase],
    allowed: float,
    uses_loss: bool,
) -> str:
    """Why the size is fixed."""
    kept = f", and {reserve} idle in reserve until training ends" if reserve else ""
    why = "It is the smallest size that meets the target."
    if uses_loss:
        why = _levels(size, increases, allowed)
    return f"Size fixed: {dimensions(size)}{kept}. {why}".strip()


def measured(
    size: int, increases: Mapping[int, Increase], allowed: float, uses_loss: bool
) -> dict[str, float | tuple[float, ...]]:
    """The size curve that a size was fixed on, as details of the decision."""
    values = increases.values()
    curve: dict[str, float | tuple[float, ...]] = {
        "size": float(size),
        "sizes": tuple(increases),
        "increase": tuple(value.mean for value in values),
        "standard_error": tuple(value.standard_error for value in values),
    }
    return {**curve, "tolerance": allowed} if uses_loss else curve


def closed(reserve: int, increase: Increase, allowed: float) -> str:
    """Why a reserve is removed that has become informative."""
    return (
        f"Removed the {dimensions(reserve)} in reserve: "
        f"{_without_them(increase, allowed)}"
    )


def reopened(size: int, awake: int, increase: Increase, allowed: float) -> str:
    """Why a fixed size is raised."""
    return (
        f"Size raised to {size}: {dimensions(awake)} in reserve became informative. "
        f"{_without_them(increase, allowed).capitalize()}"
    )


def finished(removed: int, awake: int) -> str:
    """What became of the reserve when training ended."""
    why = f"Training has ended: removed {dimensions(removed)} in reserve."
    if awake:
        verb = "stays" if awake == 1 else "stay"
        why += f" {dimensions(awake)} had become informative and {verb}."
    return why


def dimensions(count: int, kind: str = "") -> str:
    """A number of dimensions in words.

    Example:
    >>> dimensions(1), dimensions(3, "idle")
    ('1 dimension', '3 idle dimensions')
    """
    noun = "dimension" if count == 1 else "dimensions"
    return " ".join([str(count), *([kind] if kind else []), noun])


def _levels(size: int, increases: Mapping[int, Increase], allowed: float) -> str:
    """The loss at a size and one below it, each where it was measured."""
    full = max(increases)
    at, below = increases.get(size), increases.get(size - 1)
    parts = []
    if at is not None and size < full:
        parts.append((size, at))
    if below is not None:
        parts.append((size - 1, below))
    if not parts:
        return ""
    noisy = any(increase.standard_error > allowed for _, increase in parts)
    (first, increase), *rest = parts
    above = _above(increase, allowed, noisy)
    text = f"With {dimensions(first)} the loss is {above} nats above that of all {full}"
    for smaller, increase in rest:
        text += f", with {smaller} it is {_above(increase, allowed, noisy)} above"
    return f"{text}; {_limit(allowed, noisy)}."


def _without_them(increase: Increase, allowed: float) -> str:
    noisy = increase.standard_error > allowed
    above = _above(increase, allowed, noisy)
    return f"without them the loss is {above} nats higher; {_limit(allowed, noisy)}."


def _above(increase: Increase, allowed: float, noisy: bool) -> str:
    mean = format_nats(increase.mean, allowed)
    if not noisy:
        return mean
    # It is printed, perhaps where there is ASCII only.
    return f"{mean} +/- {format_nats(increase.standard_error, allowed)}"


def _limit(allowed: float, noisy: bool) -> str:
    """What may be lost, as `Increase.is_within` takes it."""
    limit = f"{format_nats(allowed, allowed)} is allowed"
    return f"{limit}, or one standard error" if noisy else limit
