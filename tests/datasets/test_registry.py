import dataclasses

import numpy as np
import pytest

from ald_keras.datasets import DATASETS, load_dataset


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "own.npz"
    x = np.arange(100, dtype=np.uint8).reshape(50, 2)
    x_test = np.arange(100, 120, dtype=np.uint8).reshape(10, 2)
    np.savez(path, x=x, y=np.arange(50) % 5, x_test=x_test, y_test=np.arange(10) % 5)
    return path


def rows(x):
    return [tuple(row) for row in np.rint(x * 255).astype(int)]


def test_known_names():
    assert sorted(DATASETS) == [
        "clustered_factors",
        "csv",
        "digits",
        "dsprites",
        "eurosat",
        "fashion_mnist",
        "h5ad",
        "image_folder",
        "linear_gaussian",
        "mnist",
        "npz",
        "parquet",
        "rare_factors",
        "rendered_shapes",
        "smooth_map",
        "sprites",
    ]


def test_validation_comes_from_the_training_part_and_labels_follow(npz):
    data = load_dataset("npz", path=npz, val_fraction=0.2)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (40, 10, 10)
    train, val = rows(data.x_train), rows(data.x_val)
    assert sorted(train + val) == [(2 * i, 2 * i + 1) for i in range(50)]
    assert rows(data.x_test) == [(2 * i, 2 * i + 1) for i in range(50, 60)]
    assert data.y_train.tolist() == [row[0] // 2 % 5 for row in train]
    assert data.y_val.tolist() == [row[0] // 2 % 5 for row in val]
    assert data.n_classes == 5


def test_seed_decides_the_split(npz):
    first = load_dataset("npz", path=npz, seed=1)
    again = load_dataset("npz", path=npz, seed=1)
    other = load_dataset("npz", path=npz, seed=2)
    np.testing.assert_array_equal(first.x_val, again.x_val)
    assert not np.array_equal(first.x_val, other.x_val)
    np.testing.assert_array_equal(first.x_test, other.x_test)


def test_limit_takes_the_first_training_samples_and_leaves_the_test_part(npz):
    data = load_dataset("npz", path=npz, limit=20)
    assert sorted(rows(data.x_train) + rows(data.x_val)) == [
        (2 * i, 2 * i + 1) for i in range(20)
    ]
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (18, 2, 10)


def test_relative_path_starts_at_the_data_folder(npz):
    data = load_dataset("npz", npz.parent, path=npz.name)
    assert data.name == "npz"
    assert len(data.x_test) == 10


def test_without_labels_there_are_no_classes(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.zeros((50, 2), np.uint8))
    data = load_dataset("npz", tmp_path, path="own.npz")
    assert [data.y_train, data.y_val, data.y_test] == [None] * 3
    assert data.n_classes is None
    assert data.class_names is None


def test_dataset_cannot_be_changed(npz):
    data = load_dataset("npz", path=npz)
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("minst", "Received: name='minst'. Did you mean 'mnist'"),
        ("fashionmnist", "Did you mean 'fashion_mnist'"),
        ("zzz", r"Received: name='zzz'$"),
    ],
)
def test_unknown_name(name, match):
    with pytest.raises(ValueError, match=match):
        load_dataset(name)


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("csv", {"path": "a", "lable_column": 1}, "Did you mean 'label_column'"),
        ("npz", {"pth": "a"}, "unknown option 'pth'. Did you mean 'path'"),
        ("digits", {"path": "a"}, r"unknown option 'path'. Expected one of \[\]"),
        ("npz", {}, "needs the option `path`"),
        ("image_folder", {"path": None}, "needs the option `path`"),
    ],
)
def test_wrong_options(name, options, match):
    with pytest.raises(ValueError, match=match):
        load_dataset(name, **options)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 2])
def test_val_fraction_out_of_range(fraction):
    with pytest.raises(
        ValueError, match="`val_fraction` must be a finite number above 0"
    ):
        load_dataset("digits", val_fraction=fraction)


def test_val_fraction_that_leaves_a_part_empty(npz):
    with pytest.raises(ValueError, match="at least one sample on each side"):
        load_dataset("npz", path=npz, limit=4)


@pytest.mark.parametrize("limit", [-1, 0, 1, 51])
def test_limit_out_of_range(npz, limit):
    with pytest.raises(ValueError, match=f"at most the 50 .* limit={limit}"):
        load_dataset("npz", path=npz, limit=limit)


@pytest.mark.parametrize("limit", ["20", 2.0, True])
def test_limit_of_the_wrong_type(npz, limit):
    with pytest.raises(TypeError, match="`limit` must be an integer"):
        load_dataset("npz", path=npz, limit=limit)


def test_bad_seed():
    with pytest.raises(ValueError, match="`seed` must be a non-negative"):
        load_dataset("digits", seed=-1)
    with pytest.raises(TypeError, match="`seed` must be a non-negative integer"):
        load_dataset("digits", seed=0.5)


def test_data_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="`data_dir` must be an existing"):
        load_dataset("mnist", tmp_path / "nowhere")
