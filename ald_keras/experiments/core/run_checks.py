"""Whether a run's files hold what a run writes: each error names the file."""

from __future__ import annotations

import pathlib
import reprlib
from collections.abc import Mapping
from typing import Any

from ald_keras.rules import Decision


def check_decisions(path: pathlib.Path, decisions: Any) -> list[dict[str, Any]]:
    """What a run's `decisions.json` holds, in plain types.

    Args:
        path: The file.
        decisions: What it holds.

    Raises:
        ValueError: If these are no decisions.
    """
    if not isinstance(decisions, list):
        raise ValueError(
            f"{path} must hold a list of decisions. Received: {reprlib.repr(decisions)}"
        )
    try:
        return [Decision.from_dict(decision).to_dict() for decision in decisions]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} must hold decisions: {error}") from error


def check_history(
    path: pathlib.Path, history: Mapping[str, list[float]]
) -> Mapping[str, list[float]]:
    """What a run's `history.csv` holds.

    Args:
        path: The file.
        history: Its columns.

    Returns:
        `history`.

    Raises:
        ValueError: If there is no epoch, or epochs and sizes are no whole numbers that
            can be.
    """
    if not history.get("epoch") or "active_dims" not in history:
        raise ValueError(
            f"{path} must hold `epoch` and `active_dims` of an epoch or more. "
            f"Received: {sorted(history)}"
        )
    for name in ("epoch", "active_dims"):
        for value in history[name]:
            if not 0 <= value < 1 << 31:
                raise ValueError(
                    f"{path}: `{name}` must hold numbers of at least 0. "
                    f"Received: {value}"
                )
    return history
