"""How a search for the latent size stands or ended, as a status and in words."""

from __future__ import annotations

from typing import Literal

from ald_keras.rules.decision import Decision

# `fixed`: the rule found the size. `at_floor`: a lower limit fixed it, not the data.
# `unfinished`: training ended before a decision. `collapsed`: no dimension is
# informative. `infeasible`: the error is above a bound at every size. `undecided`:
# gates are neither open nor closed.
Status = Literal[
    "fixed", "at_floor", "unfinished", "collapsed", "infeasible", "undecided"
]

# How each but `fixed` is called in a line on a run.
STATUS_TITLES: dict[str, str] = {
    "at_floor": "inconclusive: at the lower limit",
    "unfinished": "inconclusive: the size is not fixed",
    "collapsed": "inconclusive: posterior collapse",
    "infeasible": "inconclusive: above the bound",
    "undecided": "inconclusive: gates are undecided",
}

# Mean KL in nats of which a dimension needs more, or all are idle at once: collapse.
INFORMATIVE_KL = 0.01

COLLAPSED = (
    f"posterior collapse: every latent dimension has a mean KL below {INFORMATIVE_KL} "
    "nats. Check the likelihood, the scale of the data and beta (lower it, or use "
    "KLWarmup)."
)

NEVER_SAMPLED = (
    "the weights come from before sizes were sampled, or fewer than two dimensions are "
    "informative. Train for more epochs, end KLWarmup earlier, and let EarlyStopping "
    "begin later (`start_from_epoch`)."
)

_NOT_MEASURED = (
    "`fit` ended before the first measurement of sizes, which follows once training "
    "has settled. Train for more epochs, and end KLWarmup earlier if there is one."
)

# Why `SizeCurveRule` had not fixed the size, by the code of its last decision.
_CAUSES = {
    "": _NOT_MEASURED,
    "settle": _NOT_MEASURED,
    "measure": _NOT_MEASURED,
    "collapsed": "no dimension was informative in the last evaluation.",
    "infeasible": (
        "the squared error at full size is above `max_squared_error`. Raise the bound, "
        "start with more dimensions or train for more epochs."
    ),
    "no_gain": (
        "the loss was not below that of the best constant output. Train for more "
        "epochs, or check the likelihood and the scale of the data."
    ),
    "falling": (
        "the loss with fewer dimensions was still falling when `fit` ended. Train for "
        "more epochs."
    ),
    "restart": (
        "weights of an earlier epoch were restored, with their mask. Let EarlyStopping "
        "begin later (`start_from_epoch`)."
    ),
    "reserve_closed": (
        "dimensions became informative in the last epochs. Train for more epochs."
    ),
}


def unfinished(code: str) -> str:
    """Why a size is not fixed, and what to do.

    Args:
        code: `Decision.code` of the last decision, `""` where there was none.
    """
    cause = _CAUSES.get(
        code,
        "the smallest sufficient size had not stayed the same for `patience` "
        "evaluations when `fit` ended. Train for more epochs, or lower `patience` of "
        "the rule.",
    )
    return f"the size is not fixed: {cause}"


def outcome_line(
    status: Status, before: int, after: int, fixed_epoch: int | None
) -> str:
    """One line on what became of the latent dimensions.

    Args:
        status: How the search ended.
        before: Active dimensions when `fit` began.
        after: Active dimensions now.
        fixed_epoch: Epoch, counted from 0, at which they were fixed, or `None`.
    """
    dims = f"ALD: {before} -> {after} latent dimensions"
    if status == "collapsed":
        return f"{dims}, inconclusive: {COLLAPSED}"
    if fixed_epoch is None:
        return f"{dims}, not fixed: training ended before the rule had decided."
    if status == "at_floor":
        return (
            f"{dims}, inconclusive: the rule reached its lower limit at epoch "
            f"{fixed_epoch + 1}."
        )
    return f"{dims}, fixed at epoch {fixed_epoch + 1}."


def elastic_line(status: Status, dims: int, smallest: int | None, share: str) -> str:
    """One line on the result of an elastic run.

    Args:
        status: How the run ended; `"unfinished"` if sizes were never sampled.
        dims: Active dimensions.
        smallest: The smallest size within a share of the gain, or `None` before `fit`
            has ended.
        share: The share, e.g. `"0.5%"`.
    """
    start = f"ALD: {dims} latent dimension{'' if dims == 1 else 's'}"
    if status == "collapsed":
        return f"{start}, inconclusive: {COLLAPSED}"
    if status == "unfinished":
        return f"{start}, not elastic: {NEVER_SAMPLED}"
    text = f"{start}, each size from 1 to {dims} can be exported"
    if smallest is None:
        return f"{text}."
    return f"{text}; the smallest within {share} of the gain is {smallest}."


def decision_line(decision: Decision) -> str:
    """One line on a decision."""
    return (
        f"epoch {decision.epoch + 1:4d}  {decision.action:7s}  "
        f"{decision.active_dims:4d} dimensions  {decision.reason}"
    )
