"""Whether a run's files hold what a run writes: each error names the file."""

from __future__ import annotations

import math
import numbers
import pathlib
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ald_keras.rules import Decision

# What a report cannot do without.
NEEDED = ("versions", "seed", "epochs", "start_dims", "active_dims")


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 <= value < 1 << 63


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_duration(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)


def _or_null(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _mapping_to(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _is_stop(value: Any) -> bool:
    return _mapping_to(_is_count)(value) and {"epoch", "active_dims"} <= value.keys()


def _is_bound(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    names = {"tau", "lowest_error", "max_multiplier"}
    if "error" in value:
        names = {"tau", "error", "tolerance", "undecided_gates", "met"}
    if "last_error" in value:
        names.add("last_error")
    numeric = all(_is_number(value.get(name)) for name in names - {"met"})
    return numeric and isinstance(value.get("met", True), bool)


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "versions": (_mapping_to(_is_text), "a mapping to text"),
    **{
        name: (_is_count, "a whole number")
        for name in ("seed", "epochs", "steps", "start_dims", "active_dims")
    },
    "samples": (_mapping_to(_is_count), "a mapping to whole numbers"),
    "seconds": (_or_null(_is_duration), "a finite number or null"),
    "fixed_epoch": (_or_null(_is_count), "a whole number or null"),
    "outcome": (_or_null(_is_text), "text or null"),
    "features": (_is_text, "text"),
    "rule_stop": (_or_null(_is_stop), "null, or `epoch` and `active_dims`"),
    "bound": (_or_null(_is_bound), "null, or what became of a bound"),
    **{
        name: (_mapping_to(_is_number), "a mapping to numbers")
        for name in ("test", "test_compact", "validation")
    },
}


def check_record(
    path: pathlib.Path, record: Mapping[str, Any], needed: Iterable[str] = ()
) -> None:
    """Check what a run's `run.json` holds.

    Args:
        path: The file.
        record: What it holds.
        needed: Keys that must be there. Defaults to none.

    Raises:
        ValueError: If a key is missing, or its value is of another type.
    """
    lacking = [name for name in needed if name not in record]
    if lacking:
        raise ValueError(f"{path} must hold {lacking} too.")
    for name, (check, expected) in _CHECKS.items():
        if name in record and not check(record[name]):
            raise ValueError(
                f"{path}: `{name}` must be {expected}. "
                f"Received: {reprlib.repr(record[name])}"
            )


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
