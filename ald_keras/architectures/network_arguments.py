"""Arguments and initialisers that the networks have in common."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np


def check_data_shape(data_shape: Sequence[int]) -> tuple[int, ...]:
    """Check the shape of one sample.

    Args:
        data_shape: Positive integers, without the batch dimension.

    Returns:
        The shape as a tuple of ints.

    Raises:
        ValueError: If it is empty or a dimension is no positive integer.
    """
    shape = tuple(data_shape) if isinstance(data_shape, Sequence) else ()
    if not shape or not all(_is_positive_integer(size) for size in shape):
        raise ValueError(
            "`data_shape` must be a non-empty sequence of positive integers. "
            f"Received: data_shape={data_shape!r}"
        )
    return tuple(int(size) for size in shape)


def check_positive(name: str, value: int) -> int:
    """Check that an argument is a positive integer.

    Args:
        name: Name of the argument, for the error message.
        value: The argument.

    Returns:
        The value as an int.

    Raises:
        ValueError: If it is not.
    """
    if not _is_positive_integer(value):
        raise ValueError(
            f"`{name}` must be a positive integer. Received: {name}={value!r}"
        )
    return int(value)


def kernel_initializers(
    seed: int | None,
) -> Iterator[keras.initializers.Initializer]:
    """Yield Glorot uniform initialisers, each with a seed of its own.

    Args:
        seed: Non-negative integer from which all the seeds derive, or `None` for
            weights that differ from call to call.

    Yields:
        One initialiser for each layer, in the order the layers are made.

    Raises:
        ValueError: If `seed` is neither `None` nor a non-negative integer.
    """
    if seed is not None and (
        isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0
    ):
        raise ValueError(
            f"`seed` must be None or a non-negative integer. Received: seed={seed!r}"
        )
    random = np.random.default_rng(seed)
    while True:
        yield keras.initializers.GlorotUniform(seed=int(random.integers(2**31)))


def _is_positive_integer(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        return False
    return bool(value >= 1)
