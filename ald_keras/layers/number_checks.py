"""Checks of the numbers that layers are built from."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

# Of float32, in which a model computes.
_LARGEST = 3.4e38


def check_number(
    name: str, value: Any, expected: str, holds: Callable[[float], bool]
) -> float:
    """A finite number as a float.

    Args:
        name: The argument's name.
        value: What came.
        expected: What `holds` tells, in words after "a number that is".
        holds: Whether a number is in range.

    Raises:
        ValueError: If it is no number that float32 holds, or out of range.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not abs(value) <= _LARGEST or not holds(float(value)):
        raise ValueError(
            f"`{name}` must be a number that is {expected}. Received: {name}={value!r}"
        )
    return float(value)


def check_units(units: Any) -> int:
    """A number of latent dimensions; a `ValueError` if it is none."""
    if isinstance(units, bool) or not isinstance(units, numbers.Integral):
        raise ValueError(f"`units` must be an integer. Received: units={units!r}")
    if units < 1:
        raise ValueError(f"`units` must be at least 1. Received: units={units}")
    return int(units)
