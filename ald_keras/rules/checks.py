"""Argument checks shared by the value types and rules of this room."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_INTEGERS = {0: "a non-negative integer", 1: "a positive integer"}


def check_integer(name: str, value: Any, minimum: int) -> int:
    """Returns `value` as a plain int, refusing booleans and floats.

    Args:
        name: Argument's name for the message.
        value: What was received; NumPy integers are taken as well.
        minimum: Smallest allowed value.

    Raises:
        ValueError: If `value` is not an integer of at least `minimum`.
    """
    # bool is a subclass of int: `patience=True` would pass as 1.
    if not isinstance(value, (bool, np.bool_)) and isinstance(value, numbers.Integral):
        number = operator.index(value)
        if number >= minimum:
            return number
    expected = _INTEGERS.get(minimum, f"an integer of at least {minimum}")
    raise ValueError(f"`{name}` must be {expected}. Received: {name}={value!r}")


def check_real(name: str, value: Any, *, finite: bool = True) -> float:
    """Returns `value` as a plain float, refusing booleans and text.

    Args:
        name: Argument's name for the message.
        value: What was received; NumPy scalars are taken as well.
        finite: Whether infinities and NaN are refused. Defaults to `True`.

    Raises:
        ValueError: If `value` is no real number, or not finite where it has
            to be.
    """
    if not isinstance(value, (bool, np.bool_)) and isinstance(value, numbers.Real):
        number = float(value)
        if math.isfinite(number) or not finite:
            return number
    expected = "a finite number" if finite else "a number"
    raise ValueError(f"`{name}` must be {expected}. Received: {name}={value!r}")


def check_indices(
    name: str, values: Iterable[Any], n_dims: int | None = None
) -> tuple[int, ...]:
    """Returns dimension indices as a tuple of strictly increasing plain ints.

    Args:
        name: Argument's name for the message.
        values: Indices in ascending order.
        n_dims: Number of latent dimensions, which every index must lie below.
            Defaults to `None`: no upper end.

    Raises:
        ValueError: If an index is no integer, negative, `n_dims` or more,
            repeated or out of order.
    """
    indices = tuple(check_integer(name, value, 0) for value in values)
    if any(b <= a for a, b in zip(indices, indices[1:], strict=False)):
        raise ValueError(
            f"`{name}` must be in ascending order without repetition. "
            f"Received: {name}={indices}"
        )
    if n_dims is not None and indices and indices[-1] >= n_dims:
        raise ValueError(
            f"`{name}` must lie below the number of latent dimensions, {n_dims}. "
            f"Received: {name}={indices}"
        )
    return indices


def check_active(
    name: str, values: Iterable[Any], n_dims: int | None = None
) -> tuple[int, ...]:
    """Like `check_indices`, for active dimensions, of which one is left at least.

    Raises:
        ValueError: As `check_indices`, and if `values` is empty.
    """
    indices = check_indices(name, values, n_dims)
    if not indices:
        raise ValueError(
            f"`{name}` must hold at least one dimension. Received: {name}=()"
        )
    return indices


def check_mapping(name: str, value: Any) -> Mapping[str, Any]:
    """Returns `value` if it maps non-empty names to anything.

    Raises:
        TypeError: If `value` is not a mapping.
        ValueError: If a key is not a non-empty string.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"`{name}` must be a mapping. Received: {name}={value!r}")
    for key in value:
        if not isinstance(key, str) or not key:
            raise ValueError(
                f"`{name}` must have non-empty strings as keys. Received: key {key!r}"
            )
    return value


def check_keys(what: str, data: Any, expected: Iterable[str]) -> dict[str, Any]:
    """Returns a copy of `data` if it has exactly the keys of a saved object.

    Args:
        what: Name of the class for the message.
        data: What `to_dict` wrote.
        expected: Names of the fields.

    Raises:
        TypeError: If `data` is not a mapping.
        ValueError: If keys are missing or unknown.
    """
    data = check_mapping("data", data)
    missing = sorted(set(expected) - set(data))
    unknown = sorted(set(data) - set(expected))
    if missing or unknown:
        raise ValueError(
            f"`data` must have exactly the fields of {what}. "
            f"Received: missing {missing}, unknown {unknown}"
        )
    return dict(data)
