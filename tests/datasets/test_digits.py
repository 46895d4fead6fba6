import numpy as np
import sklearn.datasets

from ald_keras.datasets import load_dataset


def test_sizes_shape_and_range():
    data = load_dataset("digits")
    assert data.data_shape == (8, 8, 1)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (1293, 144, 360)
    assert data.n_classes == 10
    for x in (data.x_train, data.x_val, data.x_test):
        assert x.dtype == np.float32
        assert (x.min(), x.max()) == (0, 1)


def test_every_image_appears_once_with_its_label():
    data = load_dataset("digits", seed=3)
    x = np.concatenate([data.x_train, data.x_val, data.x_test])
    y = np.concatenate([data.y_train, data.y_val, data.y_test])
    found = sorted((image.tobytes(), label) for image, label in zip(x, y, strict=True))
    bunch = sklearn.datasets.load_digits()
    images = (bunch.data / 16).astype(np.float32)
    expected = sorted(
        (image.tobytes(), label)
        for image, label in zip(images, bunch.target, strict=True)
    )
    assert found == expected


def test_test_part_is_the_same_for_every_seed_and_stratified():
    first, second = load_dataset("digits", seed=0), load_dataset("digits", seed=1)
    np.testing.assert_array_equal(first.x_test, second.x_test)
    assert not np.array_equal(first.x_val, second.x_val)
    share = np.bincount(first.y_test) / np.bincount(
        sklearn.datasets.load_digits().target
    )
    np.testing.assert_allclose(share, 0.2, atol=0.005)
