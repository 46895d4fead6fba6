"""The outcome of a pruning run in words."""

from __future__ import annotations

from ald_keras.metrics.size_curve import DEFAULT_TOLERANCE, SizeCurve
from ald_keras.rules import Decision

# Nats: a dimension whose mean KL is lower tells the decoder nothing worth its place.
INFORMATIVE_KL = 0.01

COLLAPSE = (
    "posterior collapse: no latent dimension carries more than "
    f"{INFORMATIVE_KL} nats, so their number is no finding. Look at the likelihood, "
    "the scale of the data and beta (a lower one, or KLWarmup)."
)


NEVER_SAMPLED = (
    "the weights come from before sizes were sampled, or fewer than two dimensions are "
    "informative. Train for more epochs, end KLWarmup earlier, and let EarlyStopping "
    "begin later (`start_from_epoch`)."
)

_CAUSES = {
    "settle": "training had not settled. Train for more epochs.",
    "collapsed": "no dimension was informative in the last evaluation.",
    "infeasible": (
        "the squared error at full size is above `max_squared_error`. Raise the bound, "
        "start with more dimensions or train for more epochs."
    ),
    "no_gain": (
        "the loss was not below that of the best constant output. Train for more "
        "epochs, or look at the likelihood and the scale of the data."
    ),
    "falling": (
        "the loss with fewer dimensions was still coming down. Train for more epochs."
    ),
    "reserve_closed": (
        "dimensions became informative in the last epochs. Train for more epochs."
    ),
}


def unfinished(code: str) -> str:
    """Why a size is not fixed, and what to do.

    Args:
        code: `Decision.code` of the last decision.
    """
    cause = _CAUSES.get(
        code,
        "the answer had not been the same for `patience` evaluations. Train for more "
        "epochs, or lower `patience` of the rule.",
    )
    return f"the size is not fixed: when `fit` ended, {cause}"


def outcome_line(
    before: int, after: int, fixed_epoch: int | None, at_floor: bool, collapsed: bool
) -> str:
    """One line on what became of the latent dimensions.

    Args:
        before: Active dimensions when `fit` began.
        after: Active dimensions now.
        fixed_epoch: Epoch, counted from 0, at which they were fixed, or `None`.
        at_floor: Whether a lower limit fixed them and not the data.
        collapsed: Whether no dimension is informative.
    """
    dims = f"ALD: {before} -> {after} latent dimensions"
    if collapsed:
        return f"{dims}, no finding: {COLLAPSE}"
    if fixed_epoch is None:
        return f"{dims}, not fixed: fit ended before the rule had stopped."
    if at_floor:
        return (
            f"{dims}, the rule's lower limit, reached at epoch {fixed_epoch + 1}: a "
            "floor, no finding."
        )
    return f"{dims}, fixed at epoch {fixed_epoch + 1}."


def elastic_line(
    dims: int, sampled: bool, curve: SizeCurve | None, collapsed: bool
) -> str:
    """One line on what an elastic run gives.

    Args:
        dims: Active dimensions.
        sampled: Whether sizes were sampled in training.
        curve: The run's `SizeCurve`, or `None` before `fit` has ended.
        collapsed: Whether no dimension is informative.
    """
    start = f"ALD: {dims} latent dimension{'' if dims == 1 else 's'}"
    if collapsed:
        return f"{start}, inconclusive: {COLLAPSE}"
    if not sampled:
        return f"{start}, not elastic: {NEVER_SAMPLED}"
    if curve is None or curve.gain is None:
        return f"{start}, each size from 1 to {dims} can be exported."
    return (
        f"{start}, each size from 1 to {dims} can be exported; "
        f"the smallest within {DEFAULT_TOLERANCE} of the gain is "
        f"{curve.smallest_size()}."
    )


def outcome_kind(line: str) -> str:
    """What an `outcome_line` says.

    Args:
        line: What `outcome_line` returned.

    Returns:
        `"collapse"`, `"open"` (not fixed), `"floor"` or `"fixed"`.
    """
    if COLLAPSE in line:
        return "collapse"
    if ", not fixed: " in line or ", not elastic: " in line:
        return "open"
    return "floor" if "a floor, no finding" in line else "fixed"


def decision_line(decision: Decision) -> str:
    """One line on a decision."""
    return (
        f"epoch {decision.epoch + 1:4d}  {decision.action:7s}  "
        f"{decision.active_dims:4d} dimensions  {decision.reason}"
    )
