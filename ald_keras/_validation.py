"""Checks of arguments, each defined once; every room may import them.

A check returns the plain value, or raises an error that reads "`argument` must be <what
is expected>. Received: argument=<value>. <What to do.>": a `WrongTypeError` for a value
of the wrong type, a `ValueError` for any other wrong value.
"""

from __future__ import annotations

import difflib
import inspect
import numbers
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ald_keras._typing import JSON

# The largest number that float32 holds, in which a model computes.
LARGEST_FLOAT32 = 3.4e38
# The largest integer that TensorFlow counts with.
LARGEST_INT32 = 2**31 - 1
# The largest seed that NumPy's older generator and scikit-learn accept.
LARGEST_SEED = 2**32 - 1


class WrongTypeError(TypeError, ValueError):
    """An argument of the wrong type.

    It is a `ValueError` as well: who reads a file catches wrong values and wrong types
    alike.
    """


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A sentence with the nearest known word, led by a space, or an empty text."""
    nearest = difflib.get_close_matches(str(word), list(known), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def check_integer(
    name: str, value: object, minimum: int | None = None, maximum: int | None = None
) -> int:
    """An integer as Python's own; booleans and floats are refused.

    Args:
        name: The argument's name.
        value: What was received; NumPy integers are accepted.
        minimum: Smallest value allowed. Defaults to `None`, no limit.
        maximum: Largest value allowed. Defaults to `None`, no limit.

    Raises:
        WrongTypeError: If `value` is no integer.
        ValueError: If it is out of range.
    """
    return _integer(name, value, _integer_text(minimum, maximum), minimum, maximum)


def check_frequency(name: str, value: object) -> str | int:
    """Epochs between two of something, or `"auto"`.

    Raises:
        WrongTypeError: If it is neither `"auto"` nor an integer.
        ValueError: If it is below 1.
    """
    if value == "auto":
        return "auto"
    return _integer(name, value, "'auto' or an integer of at least 1", 1, None)


def check_seed(seed: object, name: str = "seed") -> int | None:
    """A seed, or `None` where randomness may differ from call to call.

    Raises:
        WrongTypeError: If it is neither `None` nor an integer.
        ValueError: If it is negative.
    """
    if seed is None:
        return None
    return _integer(name, seed, "None or a non-negative integer", 0, None)


def check_real(
    name: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    finite: bool = True,
    float32: bool = False,
) -> float:
    """A number as Python's own float; booleans and text are refused.

    Args:
        name: The argument's name.
        value: What was received; integers and NumPy scalars are accepted.
        above: Lower end that is excluded. Defaults to `None`.
        at_least: Lower end that is included. Defaults to `None`.
        below: Upper end that is excluded. Defaults to `None`.
        at_most: Upper end that is included. Defaults to `None`.
        finite: Whether infinities and NaN are refused. Defaults to `True`.
        float32: Whether numbers that float32 does not hold are refused as well.
            Defaults to `False`.

    Raises:
        WrongTypeError: If `value` is no real number.
        ValueError: If it is out of range, or not finite where it has to be.
    """

    def message() -> str:
        ends = {
            "above": above,
            "of at least": at_least,
            "below": below,
            "of at most": at_most,
        }
        words = [f"{word} {end:g}" for word, end in ends.items() if end is not None]
        kind = ["finite"] * finite + ["float32"] * float32
        expected = " ".join(["a", *kind, "number", " and ".join(words)]).strip()
        return _message(name, expected, value)

    if _is_bool(value) or not isinstance(value, numbers.Real):
        raise WrongTypeError(message())
    number = float(value)
    in_range = (
        (above is None or number > above)
        and (at_least is None or number >= at_least)
        and (below is None or number < below)
        and (at_most is None or number <= at_most)
    )
    largest = LARGEST_FLOAT32 if float32 else sys.float_info.max
    if not in_range or (finite and not abs(number) <= largest):
        raise ValueError(message())
    return number


def check_flag(name: str, value: object) -> bool:
    """A boolean; a `WrongTypeError` if it is none."""
    if not _is_bool(value):
        raise WrongTypeError(_message(name, "True or False", value))
    return bool(value)


def check_scaling(standardize: object, noise: object) -> tuple[bool, float]:
    """Whether columns are standardised, and by how much they are divided then."""
    flag = check_flag("standardize", standardize)
    number = check_real("noise", noise, above=0.0)
    if number != 1.0 and not flag:
        raise ValueError(
            "`noise` must be left out where `standardize` is not true: it counts in "
            f"standard deviations. Received: noise={noise!r}"
        )
    return flag, number


def check_text(name: str, value: object) -> str:
    """A text; a `WrongTypeError` if it is none."""
    if not isinstance(value, str):
        raise WrongTypeError(_message(name, "a text", value))
    return value


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """One of several names; an error proposes the nearest one."""
    known = list(choices)
    text = _message(name, f"one of {known}", value)
    if not isinstance(value, str):
        raise WrongTypeError(text)
    if value not in known:
        nearest = did_you_mean(value, known)
        raise ValueError(f"{text}.{nearest}" if nearest else text)
    return value


def check_shape(name: str, value: Any) -> tuple[int, ...]:
    """The shape of one sample, without the batch dimension, as a tuple of ints."""
    expected = "a non-empty sequence of positive integers"
    try:
        shape = tuple(check_integer(name, size) for size in value)
    except TypeError as error:
        raise WrongTypeError(_message(name, expected, value)) from error
    if isinstance(value, str) or not shape or min(shape) < 1:
        raise ValueError(_message(name, expected, value))
    return shape


def check_mapping(name: str, value: object) -> Mapping[str, Any]:
    """A mapping from non-empty texts; another key is a `ValueError`."""
    if not isinstance(value, Mapping):
        raise WrongTypeError(_message(name, "a mapping", value))
    for key in value:
        if not isinstance(key, str) or not key:
            raise ValueError(
                f"`{name}` must have non-empty strings as keys. Received: key {key!r}"
            )
    return value


def check_fields(what: str, data: object, expected: Iterable[str]) -> JSON:
    """A copy of `data` if it has exactly the fields of a saved object.

    Args:
        what: Name of the class, for the message.
        data: What `to_dict` wrote.
        expected: Names of the fields.

    Raises:
        WrongTypeError: If `data` is not a mapping.
        ValueError: If fields are missing or unknown.
    """
    fields = check_mapping("data", data)
    missing = sorted(set(expected) - set(fields))
    unknown = sorted(set(fields) - set(expected))
    if missing or unknown:
        raise ValueError(
            f"`data` must have exactly the fields of {what}. "
            f"Received: missing {missing}, unknown {unknown}"
        )
    return dict(fields)


def check_known(
    where: str, given: Iterable[object], known: Iterable[str], kind: str = "key"
) -> None:
    """Raise a `ValueError` for an unknown key, proposing the nearest known one.

    Args:
        where: What holds the keys, for the message.
        given: The keys received.
        known: The keys allowed.
        kind: What the message calls a key. Defaults to `"key"`.
    """
    known = list(known)
    for key in given:
        if key not in known:
            hint = did_you_mean(key, known) or f" Expected one of {known}."
            raise ValueError(f"{where}: unknown {kind} {key!r}.{hint}")


def check_options(
    what: str, function: Callable[..., object], options: Mapping[str, object]
) -> None:
    """Raise a `ValueError` unless a function takes options, and all it needs are there.

    Args:
        what: The function's name, for the message.
        function: Its keyword-only arguments are the options.
        options: What is to be passed; `None` counts as missing.
    """
    parameters = inspect.signature(function).parameters.values()
    known = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
    check_known(what, options, known, "option")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and options.get(name) is None:
            raise ValueError(f"{what} needs the option `{name}`.")


def _is_bool(value: object) -> bool:
    # bool is a subclass of int: `patience=True` would pass as 1.
    return isinstance(value, (bool, np.bool_))


def _message(name: str, expected: str, value: object) -> str:
    return f"`{name}` must be {expected}. Received: {name}={value!r}"


def _integer(
    name: str, value: object, expected: str, minimum: int | None, maximum: int | None
) -> int:
    if _is_bool(value) or not isinstance(value, numbers.Integral):
        raise WrongTypeError(_message(name, expected, value))
    number = operator.index(value)
    too_small = minimum is not None and number < minimum
    if too_small or (maximum is not None and number > maximum):
        raise ValueError(_message(name, expected, value))
    return number


def _integer_text(minimum: int | None, maximum: int | None) -> str:
    if minimum is None:
        return "an integer" if maximum is None else f"an integer of at most {maximum}"
    if maximum is not None:
        return f"an integer from {minimum} to {maximum}"
    named = {0: "a non-negative integer", 1: "a positive integer"}
    return named.get(minimum, f"an integer of at least {minimum}")
