import gzip
import struct

import numpy as np
import pytest

from ald_keras.datasets import load_dataset

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(0, 256, (50, 28, 28), np.uint8),
        "y_train": (np.arange(50) % 10).astype(np.uint8),
        "x_test": random.integers(0, 256, (20, 28, 28), np.uint8),
        "y_test": (np.arange(20) % 10).astype(np.uint8),
    }


def write_idx(folder, arrays, packed=True):
    folder.mkdir(exist_ok=True)
    for part, array in arrays.items():
        shape = struct.pack(f">{array.ndim}I", *array.shape)
        content = bytes([0, 0, 8, array.ndim]) + shape + array.tobytes()
        if packed:
            (folder / f"{IDX_FILES[part]}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / IDX_FILES[part]).write_bytes(content)


def assert_test_part(data, arrays):
    expected = arrays["x_test"].astype(np.float32)[..., None] / np.float32(255)
    np.testing.assert_array_equal(data.x_test, expected)
    np.testing.assert_array_equal(data.y_test, arrays["y_test"])
    assert data.data_shape == (28, 28, 1)


# Class counts as published for the two training sets.
MNIST_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


@pytest.mark.parametrize(
    ("name", "counts"), [("mnist", MNIST_COUNTS), ("fashion_mnist", [6000] * 10)]
)
def test_real_images(data_dir, name, counts):
    data = load_dataset(name, data_dir)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (
        54000,
        6000,
        10000,
    )
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    assert data.x_train.dtype == np.float32
    found = np.bincount(data.y_train) + np.bincount(data.y_val)
    assert found.tolist() == counts
    assert data.n_classes == 10
    with np.load(data_dir / f"{name}.npz") as official:
        assert_test_part(data, official)


def test_real_images_first_thousand_through_both_formats(data_dir, tmp_path):
    with np.load(data_dir / "mnist.npz") as official:
        part = {key: official[key][:1000] for key in IDX_FILES}
    np.savez(tmp_path / "mnist.npz", **part)
    write_idx(tmp_path / "idx", part)
    first = load_dataset("mnist", tmp_path, seed=5)
    second = load_dataset("mnist", tmp_path / "idx", seed=5)
    for field in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field))
    limited = load_dataset("mnist", data_dir, seed=5, limit=1000)
    np.testing.assert_array_equal(limited.x_val, first.x_val)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("subfolder", [True, False])
def test_idx_files_directly_or_in_their_subfolder(
    tmp_path, arrays, name, packed, subfolder
):
    write_idx(tmp_path / name if subfolder else tmp_path, arrays, packed)
    assert_test_part(load_dataset(name, tmp_path), arrays)


def test_each_set_finds_its_own_subfolder(tmp_path, arrays):
    inverted = {key: value[::-1].copy() for key, value in arrays.items()}
    write_idx(tmp_path / "mnist", arrays)
    write_idx(tmp_path / "fashion_mnist", inverted)
    assert_test_part(load_dataset("mnist", tmp_path), arrays)
    assert_test_part(load_dataset("fashion_mnist", tmp_path), inverted)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_folder_without_the_files(tmp_path, name):
    with pytest.raises(FileNotFoundError) as error:
        load_dataset(name, tmp_path)
    message = str(error.value)
    assert "\n" not in message
    for file in (f"{name}.npz", *IDX_FILES.values(), str(tmp_path)):
        assert file in message


def test_folder_with_some_of_the_files(tmp_path, arrays):
    write_idx(tmp_path, arrays)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="lacks t10k-labels-idx1-ubyte"):
        load_dataset("mnist", tmp_path)


def test_archive_without_an_array(tmp_path, arrays):
    del arrays["y_test"]
    np.savez(tmp_path / "mnist.npz", **arrays)
    with pytest.raises(ValueError, match=r"mnist\.npz: lacks the arrays y_test"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize(
    "foreign", [np.zeros((50, 32, 32), np.uint8), np.zeros((50, 28, 28), np.float32)]
)
def test_archive_of_something_else(tmp_path, arrays, foreign):
    np.savez(tmp_path / "mnist.npz", **{**arrays, "x_train": foreign})
    with pytest.raises(ValueError, match="x_train must hold uint8 images of shape"):
        load_dataset("mnist", tmp_path)


def test_fewer_labels_than_images(tmp_path, arrays):
    write_idx(tmp_path, {**arrays, "y_train": arrays["y_train"][:-1]})
    with pytest.raises(ValueError, match="one label a sample"):
        load_dataset("mnist", tmp_path)
