"""Arguments and random numbers that the generated data sets have in common."""

import math
import zlib

import numpy as np


def random_stream(data_seed: int, *purpose: str) -> np.random.Generator:
    """Open the random numbers of one purpose, unrelated to those of any other.

    So what one option changes leaves the rest of a data set as it is.

    Args:
        data_seed: Non-negative integer.
        *purpose: Names, for example of the data set, its part and what is drawn.

    Returns:
        A generator; the same arguments give the same numbers on every machine.

    Raises:
        ValueError: If `data_seed` is no non-negative integer.
    """
    check_integer("data_seed", data_seed, 0)
    return np.random.default_rng(
        [data_seed, *(zlib.crc32(name.encode()) for name in purpose)]
    )


def check_integer(name: str, value: int, minimum: int) -> int:
    """Check that an option is an integer, and large enough.

    Args:
        name: Name of the option, for the error message.
        value: The option.
        minimum: Smallest value allowed.

    Returns:
        The value as an int.

    Raises:
        ValueError: If it is not.
    """
    right = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not right or value < minimum:
        raise ValueError(
            f"`{name}` must be an integer >= {minimum}. Received: {name}={value!r}"
        )
    return int(value)


def check_number(
    name: str,
    value: float,
    low: float = 0.0,
    high: float = math.inf,
    *,
    low_included: bool = False,
    high_included: bool = False,
) -> float:
    """Check that an option is a number of an interval.

    Args:
        name: Name of the option, for the error message.
        value: The option.
        low: Lower end. Defaults to 0.
        high: Upper end. Defaults to infinity.
        low_included: Whether `low` itself is allowed. Defaults to `False`.
        high_included: Whether `high` itself is allowed. Defaults to `False`.

    Returns:
        The value as a float.

    Raises:
        ValueError: If it is not.
    """
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if real and (low < value < high):
        return float(value)
    if real and ((low_included and value == low) or (high_included and value == high)):
        return float(value)
    ends = f"{'[' if low_included else '('}{low:g}, {high:g}"
    raise ValueError(
        f"`{name}` must be a number in {ends}{']' if high_included else ')'}. "
        f"Received: {name}={value!r}"
    )
