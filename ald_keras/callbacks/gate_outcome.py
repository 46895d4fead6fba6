"""The outcome of a search for the gates in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras.ops import convert_to_numpy as to_numpy

from ald_keras.metrics.infeasible import CAUSES, infeasible_cause
from ald_keras.rules import Decision, GateState
from ald_keras.rules.outcome import Status

if TYPE_CHECKING:
    from ald_keras.callbacks.gate_search import GateSearch


def gate_status(search: GateSearch) -> Status:
    """How a search for the gates stands or ended.

    Args:
        search: The `GateSearch`, after `fit` has begun.
    """
    if not search.is_feasible:
        return "infeasible"
    if not search.is_decided:
        return "undecided"
    return "fixed" if search.state.phase == "done" else "unfinished"


def gate_cause(search: GateSearch) -> str | None:
    """The likely cause of an error above the bound, `None` where it is not or unknown.

    Args:
        search: The `GateSearch`, when `fit` has ended.
    """
    if search.error is None or search.is_feasible:
        return None
    constraint, known = search.model.constraint, search.model.data_errors
    trained = float(to_numpy(constraint.average)) - float(to_numpy(constraint.margin))
    return infeasible_cause(
        search.state.unmet or (search.error,),
        search.rule.bound,
        trained=trained + search.rule.tau,
        constant=known.constant,
        noise=known.noise if search.is_validated else None,
    )


def gate_outcome(search: GateSearch, found: int, last_epoch: int | None) -> str:
    """One line on what became of the gates.

    Args:
        search: The `GateSearch`, after `fit` has begun.
        found: Integer >= 1, gates that are open now.
        last_epoch: The last epoch trained, or `None`.
    """
    text = f"GatedVAE: {search.start_dims} -> {found} latent dimensions"
    if search.error is None:
        return f"{text}, their error not known."
    if search.state.phase == "reach":
        return (
            f"{text}: the bound of {search.rule.tau:g} was never met. The squared "
            f"error is {search.error:.4g}, summed over the values of a sample. No gate "
            f"has closed.{_advice(search)}"
        )
    within = "within" if search.is_feasible else "ABOVE"
    whose = "" if search.is_validated else " of training data"
    text += f"{_decided(search)}; error {search.error:.4g}{whose}, {within} "
    text += search.rule.bound_text
    if search.is_stale:
        text += f", as measured after epoch {(search.weights_epoch or 0) + 1}"
    elif search.weights_epoch not in (None, last_epoch):
        text += f", with the weights of epoch {(search.weights_epoch or 0) + 1}"
    return f"{text}.{_advice(search)}"


def _advice(search: GateSearch) -> str:
    """What to do about it, with a space in front; nothing while `fit` runs."""
    if search.cause is not None:
        return f" Likely cause: {CAUSES[search.cause]}"
    if search.undecided and search.state.phase in ("reach", "narrow"):
        return (
            " Train for more epochs: gates are decided once the bound is met and their "
            "number has settled, at the latest at 60 % of the epochs."
        )
    return ""


def _decided(search: GateSearch) -> str:
    if search.state.phase == "narrow":
        undecided = search.undecided
        if undecided is None and search.model:
            undecided = search.model.undecided_gates
        many = "some" if undecided is None else len(undecided)
        return f", {many} gates undecided: `fit` ended before"
    if search.state.phase == "done" and search.fixed_epoch is None:
        return ", fixed before"
    if search.fixed_epoch is None:
        return ", decided, but whether fewer would do is not: `fit` ended before"
    return f", decided at epoch {search.fixed_epoch + 1}"


def aborted(state: GateState, epoch: int) -> Decision:
    """The decision that ends a trial on which the rule has not decided."""
    trial = state.trial
    return Decision(
        epoch=epoch,
        action="restore",
        indices=trial,
        active_dims=len(state.active) + len(trial),
        reason=f"Restored {len(trial)} on trial, undecided: `fit` has ended.",
    )
