"""Seeded splits of samples into parts."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_real
from ald_keras.datasets.columns import Column
from ald_keras.datasets.dataset import RawDataset, check_part

# One stream of random numbers a purpose, so that no two splits are correlated.
_VALIDATION_STREAM = 1
_TEST_STREAM = 2


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
        TypeError: If the fraction is no number.
        ValueError: If it is not in (0, 1) or leaves a part empty.
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
        TypeError: If the fraction is no number.
        ValueError: If it is not in (0, 1) or leaves a part empty.
    """
    entropy = [seed, 0, _TEST_STREAM]
    train, test = _split("test_fraction", n, test_fraction, entropy)
    return np.random.default_rng(entropy).permutation(train), test


def hold_out(
    source: str,
    x: Any,
    y: npt.NDArray[np.generic] | None,
    test_fraction: float,
    seed: int,
    class_names: tuple[str, ...] | None = None,
    columns: tuple[Column, ...] | None = None,
) -> RawDataset:
    """Make a data set of samples that come without a test part.

    Args:
        source: Where the data came from, for error messages.
        x: Samples, shape `(n, *data_shape)`, or `NamedArrays` with conditions.
        y: Labels, shape `(n,)`, or `None`.
        test_fraction: As `split_test` takes it.
        seed: As `split_test` takes it.
        class_names: As `RawDataset` takes it. Defaults to `None`.
        columns: As `RawDataset` takes it. Defaults to `None`.

    Raises:
        ValueError: If the fraction is out of range, or the arrays do not fit together.
    """
    check_part(source, "training", x, y)
    train, test = split_test(len(x), test_fraction, seed)
    if y is None:
        return RawDataset(source, x[train], None, x[test], None, columns=columns)
    return RawDataset(
        source, x[train], y[train], x[test], y[test], class_names, columns
    )


def _split(
    name: str, n: int, fraction: float, entropy: list[int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    held_out = round(n * check_real(name, fraction, above=0.0, below=1.0))
    if not 0 < held_out < n:
        raise ValueError(
            f"`{name}` must leave at least one sample on each side. "
            f"Received: {name}={fraction} of {n} samples"
        )
    order = np.random.default_rng(entropy).permutation(n)
    return np.sort(order[held_out:]), np.sort(order[:held_out])
