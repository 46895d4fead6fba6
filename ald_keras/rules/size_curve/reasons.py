"""Why `SizeCurveRule` does what it does, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ald_keras.rules.decision import Action, Decision
from ald_keras.rules.size_curve.edge import Increase
from ald_keras.rules.size_curve.state import SizeCurveState


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
    details: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


SETTLING = "Training is plain until the informative dimensions have settled."
FIXED = "The size is fixed."
NO_GAIN = (
    "The loss is not below that of the best constant output: there is no gain yet."
)
AWAKE = "Dimensions of the reserve have become informative; their worth is measured."


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
    return f"No dimension has a mean KL of {idle_kl:g} nats: nothing can be measured."


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
    state: SizeCurveState, increases: Mapping[int, Increase], allowed: float
) -> str:
    """Why a decision waits while the answer is new."""
    return (
        f"The answer is {state.size} for {state.steady} evaluations: "
        f"{_levels(state.size or 1, increases, allowed)}"
    )


def falling(state: SizeCurveState, allowed: float) -> str:
    """Why a decision waits while the increase below the answer falls."""
    return (
        f"With one dimension less than {state.size} the loss increases by "
        f"{state.below[-1]:.3g} nats, and this falls: it may soon be within the "
        f"tolerance of {allowed:.3g}."
    )


def fixed(
    size: int,
    reserve: int,
    increases: Mapping[int, Increase],
    allowed: float,
    uses_loss: bool,
) -> str:
    """Why the size is fixed."""
    kept = f" with a reserve of {dimensions(reserve, 'idle')}" if reserve else ""
    why = _levels(size, increases, allowed) if uses_loss else "it meets the target."
    return f"Fixed {dimensions(size)}{kept}: {why}"


def measured(increases: Mapping[int, Increase]) -> dict[str, tuple[float, ...]]:
    """The size curve that a size was fixed on, as details of the decision."""
    values = increases.values()
    return {
        "sizes": tuple(increases),
        "increase": tuple(value.mean for value in values),
        "standard_error": tuple(value.standard_error for value in values),
    }


def closed(reserve: int, increase: Increase, allowed: float) -> str:
    """Why a reserve is removed that has become informative."""
    return (
        f"Removed the reserve of {dimensions(reserve)}: it is worth "
        f"{increase.mean:.3g} nats, within the tolerance of {allowed:.3g}."
    )


def reopened(size: int, awake: int, increase: Increase, allowed: float) -> str:
    """Why a fixed size is raised."""
    return (
        f"Raised the size to {size}: {dimensions(awake)} of the reserve became "
        f"informative, worth {increase.mean:.3g} nats, above the tolerance of "
        f"{allowed:.3g}."
    )


def finished(removed: int, awake: int) -> str:
    """What became of the reserve when training ended."""
    why = f"Training has ended: removed {dimensions(removed)} of the reserve."
    if awake:
        why += f" {dimensions(awake).capitalize()} had become informative and stay."
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
    at = increases.get(size)
    parts = [] if at is None else [f"the loss increases by {at.mean:.3g} nats with it"]
    below = increases.get(size - 1)
    if below is not None:
        parts.append(f"by {below.mean:.3g} with one dimension less")
    return f"{', '.join(parts)}; the tolerance is {allowed:.3g}."
