"""Random numbers of the generated data sets."""

import zlib

import numpy as np

from ald_keras._validation import check_integer


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
