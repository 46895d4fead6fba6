"""Checks of what a config holds: each error names the key, and what came."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ald_keras._validation import did_you_mean


def check_keys(given: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise a `ValueError` for an unknown key, naming the nearest known one."""
    known = list(known)
    for key in given:
        if key not in known:
            hint = did_you_mean(key, known) or f" Expected one of {known}."
            raise ValueError(f"{where}: unknown key {key!r}.{hint}")


def check_value(
    name: str,
    value: Any,
    kind: Any,
    least: float | None = None,
    most: float | None = None,
) -> None:
    """Raise a `ValueError` for a value of another type, or out of its range."""
    right = isinstance(value, kind) and not isinstance(value, bool)
    right = right and (least is None or least <= value < float("inf"))
    if not right or (most is not None and value > most):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(k.__name__ for k in kinds)
        bound = "" if least is None else f" >= {least}"
        bound += "" if most is None else f" and <= {most}"
        raise ValueError(f"`{name}` must be {expected}{bound}. Received: {value!r}")


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Raise a `ValueError` for a value that is not among the choices."""
    choices = sorted(choices)
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {choices}. Received: {value!r}."
            f"{did_you_mean(value, choices)}"
        )


def check_flag(name: str, value: Any) -> None:
    """Raise a `ValueError` for a value that is neither true nor false."""
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be true or false. Received: {name}={value!r}")


def check_mapping(where: str, value: Any) -> dict[str, Any]:
    """A mapping as a dictionary, `None` as an empty one; else a `ValueError`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"`{where}` must be a mapping. Received: {value!r}")
    return dict(value)


def nested(kind: Any, where: str, value: Any) -> Any:
    """A dataclass from a mapping of its fields, or a `ValueError`."""
    value = check_mapping(where, value)
    check_keys(value, [field.name for field in dataclasses.fields(kind)], where)
    return kind(**value)
