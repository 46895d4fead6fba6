"""What the generated data sets share: random numbers, noise, and the two parts."""

import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_integer
from ald_keras.datasets.dataset import RawDataset


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


def add_noise(
    signal: npt.NDArray[np.float64], variance: float, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """A signal with Gaussian noise of one variance in every feature, as float32."""
    noise = random.standard_normal(signal.shape)
    return (signal + np.sqrt(variance) * noise).astype(np.float32)


def draw_parts(
    name: str,
    draw: Callable[[str, int], tuple[np.ndarray, np.ndarray | None]],
    samples: int,
    test_samples: int,
    class_names: tuple[str, ...] | None = None,
) -> RawDataset:
    """Make a data set of a training and a test part, each drawn on its own.

    Args:
        name: Name of the data set.
        draw: Function from `"train"` or `"test"` and a number of samples to samples
            and labels (or `None`).
        samples: Positive integer, size of the training part.
        test_samples: Positive integer, size of the test part.
        class_names: As `RawDataset` takes it. Defaults to `None`.

    Raises:
        ValueError: If a size is no positive integer.
    """
    check_integer("samples", samples, 1)
    check_integer("test_samples", test_samples, 1)
    train, test = draw("train", samples), draw("test", test_samples)
    return RawDataset(name, *train, *test, class_names)
