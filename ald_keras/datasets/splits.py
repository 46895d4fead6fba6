"""Seeded splits of samples into parts."""

import numpy as np
import numpy.typing as npt

# One stream of random numbers a purpose, so that no two splits are correlated.
_VALIDATION_STREAM = 1
_TEST_STREAM = 2


def check_fraction(name: str, value: float) -> float:
    """Check that a fraction lies strictly between 0 and 1.

    Args:
        name: Name of the argument, for the error message.
        value: The fraction.

    Returns:
        `value` as a float.

    Raises:
        TypeError: If `value` is not a number.
        ValueError: If `value` is not in (0, 1).
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"`{name}` must be a number. Received: {name}={value!r}")
    if not 0 < value < 1:
        raise ValueError(
            f"`{name}` must lie strictly between 0 and 1. Received: {name}={value}"
        )
    return float(value)


def split_validation(
    n: int, val_fraction: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Choose the validation samples among the training part.

    Args:
        n: Number of samples.
        val_fraction: Share of them for validation, in (0, 1), rounded to whole samples.
        seed: Non-negative integer; the same seed gives the same split.

    Returns:
        Indices of the training and of the validation samples, each in ascending order.

    Raises:
        ValueError: If the fraction is not in (0, 1) or leaves a part empty.
    """
    return _split("val_fraction", n, val_fraction, [seed, 0, _VALIDATION_STREAM])


def split_test(
    n: int, test_fraction: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Choose the test samples of a data set that comes without a test part.

    The training indices come in random order, so that the first of them are a fair
    sample even where the data are sorted by class.

    Args:
        n: Number of samples.
        test_fraction: Share of them for the test part, in (0, 1), rounded to whole
            samples.
        seed: Non-negative integer; the same seed gives the same split.

    Returns:
        Indices of the training samples in random order, and of the test samples in
        ascending order.

    Raises:
        ValueError: If the fraction is not in (0, 1) or leaves a part empty.
    """
    entropy = [seed, 0, _TEST_STREAM]
    train, test = _split("test_fraction", n, test_fraction, entropy)
    return np.random.default_rng(entropy).permutation(train), test


def _split(
    name: str, n: int, fraction: float, entropy: list[int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    held_out = round(n * check_fraction(name, fraction))
    if not 0 < held_out < n:
        raise ValueError(
            f"`{name}` must leave at least one sample on each side. "
            f"Received: {name}={fraction} of {n} samples"
        )
    order = np.random.default_rng(entropy).permutation(n)
    return np.sort(order[held_out:]), np.sort(order[:held_out])
