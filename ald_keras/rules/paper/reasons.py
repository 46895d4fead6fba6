"""The sentences in which the ALD rule gives its reasons."""

from __future__ import annotations

from collections.abc import Sequence

from ald_keras.rules.paper.curve_turn import CurveTurn
from ald_keras.rules.paper.selection import SELECTIONS


def fixed_reason(n_active: int, fixed_epoch: int, at_floor: bool) -> str:
    """Why nothing happens once the size is fixed."""
    floor = ", at a floor set beforehand, which is not a finding" if at_floor else ""
    return (
        f"The size is fixed at {n_active} dimensions since epoch {fixed_epoch}{floor}."
    )


def floor_reason(n_active: int, min_dims: int) -> str:
    """Why the rule ends at `min_dims`."""
    return (
        f"Stopped at {n_active} active dimensions because `min_dims`={min_dims} allows "
        "no further removal: that is a floor set beforehand, not a finding."
    )


def between_reason(since: int, patience: int, n_active: int) -> str:
    """Why nothing is decided in an epoch between two decisions."""
    return (
        f"{since} of {patience} epochs are recorded since the last decision was due; "
        f"{n_active} dimensions stay active."
    )


def turned_reason(n_active: int, turns: Sequence[CurveTurn], window: int) -> str:
    """Why the size is fixed: every curve has turned."""
    return (
        f"Stopped for good at {n_active} dimensions: all slopes over the last {window} "
        f"epochs have turned ({_join(turns)})."
    )


def unturned_reason(turns: Sequence[CurveTurn], window: int, n_records: int) -> str:
    """What kept the rule from stopping."""
    if n_records < window:
        return (
            f"Not stopped: the stop test needs {window} recorded epochs and has "
            f"{n_records}."
        )
    unturned = [turn for turn in turns if not turn.turned]
    return (
        f"Not stopped: of the slopes over the last {window} epochs, {_join(unturned)}."
    )


def pace_reason(
    old: int, new: int, silhouette: CurveTurn, window: int, n_records: int
) -> str:
    """Why so many dimensions go at a time, before the slow-down or at it."""
    if silhouette.slope is None:
        return (
            f"The step stays {old}: the slow-down test needs {window} recorded epochs "
            f"and has {n_records}."
        )
    change = f"goes from {old} to" if silhouette.turned else "stays"
    return (
        f"The step {change} {new}: over the last {window} epochs, the slope of "
        f"{silhouette}."
    )


def prune_reason(
    indices: Sequence[int], n_active: int, step: int, min_dims: int, selection: str
) -> str:
    """What is removed, how it was chosen and how many are left."""
    count = len(indices)
    short = (
        f" ({count} instead of {step}: `min_dims`={min_dims} leaves no more)"
        if count < step
        else ""
    )
    return (
        f"Removed {count} of {n_active} dimensions{short}, {SELECTIONS[selection]}: "
        f"{', '.join(map(str, indices))}; {n_active - count} stay active."
    )


def _join(turns: Sequence[CurveTurn]) -> str:
    return ", ".join(str(turn) for turn in turns)
