"""The phase of a search in a word or two, for progress."""

from __future__ import annotations

from typing import Any

_PHASES = {
    # `SizeCurveRule`
    "settle": "settling",
    "measure": "measuring sizes",
    "fixed": "size fixed",
    # `GateRule`
    "reach": "reaching the bound",
    "narrow": "training gates",
    "select": "testing dimensions",
    "trial": "testing dimensions",
    "done": "size fixed",
}


def phase_title(state: Any) -> str:
    """What a rule is at, by its state.

    Args:
        state: State of any rule; `None` where there is no search.
    """
    if state is None:
        return "training"
    phase = getattr(state, "phase", None)
    if phase in _PHASES:
        return _PHASES[phase]
    if state.fixed_epoch is not None:
        return "size fixed"
    if getattr(state, "sampling", None) is not None:
        return "sampling sizes"
    # One that samples settles first; the paper's prunes all along.
    return "settling" if hasattr(state, "sampling") else "pruning"
