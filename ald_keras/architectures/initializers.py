"""Initial weights of the networks."""

from collections.abc import Iterator

import keras
import numpy as np

from ald_keras._validation import check_seed


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
    random = np.random.default_rng(check_seed(seed))
    while True:
        yield keras.initializers.GlorotUniform(seed=int(random.integers(2**31)))
