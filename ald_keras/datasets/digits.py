"""scikit-learn's handwritten digits, which come with the package itself."""

import pathlib

import numpy as np
import sklearn.datasets
import sklearn.model_selection

from ald_keras.datasets.dataset import RawDataset

_TEST_FRACTION = 0.2
# Fixed, so that runs with different seeds are evaluated on the same test part.
_TEST_SEED = 0


def load_digits(data_dir: pathlib.Path | None) -> RawDataset:
    """Load the 1,797 images of 8 x 8 pixels, divided by 16 into [0, 1].

    The set has no official test part: 20 % (360 images) are held out here, stratified
    by class and the same for every `seed`. Source: "Optical Recognition of Handwritten
    Digits" (Alpaydin and Kaynak 1998), UCI machine learning repository.

    Args:
        data_dir: Not used: the images are embedded in scikit-learn.

    Returns:
        A `RawDataset` with samples of shape `(8, 8, 1)`.
    """
    del data_dir
    bunch = sklearn.datasets.load_digits()
    images = (bunch.images[..., np.newaxis] / 16).astype(np.float32)
    x, x_test, y, y_test = sklearn.model_selection.train_test_split(
        images,
        bunch.target,
        test_size=_TEST_FRACTION,
        stratify=bunch.target,
        random_state=_TEST_SEED,
    )
    return RawDataset("digits", x, y, x_test, y_test)
