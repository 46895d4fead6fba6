import numpy as np
import pytest

from ald_keras.datasets import load_dataset

X = np.random.default_rng(0).random((40, 3)).astype(np.float32)
Y = np.arange(40) % 4


def load(path, **options):
    return load_dataset("npz", path=path, **options)


def sorted_rows(*parts):
    return sorted(tuple(row) for part in parts for row in part.tolist())


@pytest.mark.parametrize(("x_key", "y_key"), [("x", "y"), ("x_train", "y_train")])
def test_test_part_is_split_off_where_the_file_has_none(tmp_path, x_key, y_key):
    np.savez(tmp_path / "own.npz", **{x_key: X, y_key: Y})
    data = load(tmp_path / "own.npz", test_fraction=0.25)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (27, 3, 10)
    assert sorted_rows(data.x_train, data.x_val, data.x_test) == sorted_rows(X)
    label_of = {tuple(row): label for row, label in zip(X.tolist(), Y, strict=True)}
    for x, y in [(data.x_train, data.y_train), (data.x_test, data.y_test)]:
        assert [label_of[tuple(row)] for row in x.tolist()] == y.tolist()


def test_a_tenth_is_held_out_by_default(tmp_path):
    np.savez(tmp_path / "own.npz", x=X)
    assert len(load(tmp_path / "own.npz").x_test) == 4


def test_own_test_part_is_kept_whole_and_in_order(tmp_path):
    np.savez_compressed(
        tmp_path / "own.npz", x_train=X[:30], x_test=X[30:], other=np.zeros(1)
    )
    data = load(tmp_path / "own.npz")
    np.testing.assert_array_equal(data.x_test, X[30:])
    with pytest.raises(ValueError, match="`test_fraction` must be left out"):
        load(tmp_path / "own.npz", test_fraction=0.1)


def test_labels_kept_as_a_column(tmp_path):
    parts = {"x": X[:30], "y": Y[:30, None], "x_test": X[30:], "y_test": Y[30:, None]}
    np.savez(tmp_path / "own.npz", **parts)
    data = load(tmp_path / "own.npz")
    assert data.y_train.shape == (27,)
    np.testing.assert_array_equal(data.y_test, Y[30:])


def test_classes_of_both_parts_are_numbered_together(tmp_path):
    np.savez(
        tmp_path / "own.npz",
        x=X[:20],
        y=np.array(["cat", "dog"] * 10),
        x_test=X[:2],
        y_test=np.array(["ant", "dog"]),
    )
    data = load(tmp_path / "own.npz")
    assert data.class_names == ("ant", "cat", "dog")
    assert data.n_classes == 3
    assert data.y_test.tolist() == [0, 2]
    assert set(data.y_train) == {1, 2}


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"data": X, "a": X}, r"'x' or 'x_train'. Received: \['a', 'data'\]"),
        ({"x": X, "x_train": X}, "'x' or 'x_train', not both"),
        ({"x": X, "y_test": Y}, "holds 'y_test' but no 'x_test'"),
        ({"x": X, "y": Y[:-1]}, "one label a sample"),
        ({"x": X, "x_test": X[:, :2]}, "must have one shape"),
        ({"x": X, "y": Y, "x_test": X}, "labels for the training part only"),
        ({"x": X[:0]}, "non-empty"),
        ({"x": np.float32(1)}, "non-empty"),
        ({"x": np.full((40, 3), np.nan)}, "finite"),
        ({"x": np.zeros((40, 3), np.int64)}, "uint8"),
        ({"x": X[:2]}, "at least one sample on each side"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, arrays, match):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(ValueError, match=match):
        load(tmp_path / "own.npz")


def test_pickled_objects_are_never_loaded(tmp_path):
    class Explosive:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    np.savez(tmp_path / "own.npz", x=np.array([[Explosive()]] * 9, object))
    with pytest.raises(ValueError, match=r"own\.npz: .*pickled objects are not read"):
        load(tmp_path / "own.npz")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "flipped", "npy"])
def test_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "own.npz"
    np.savez(path, x=X)
    content = bytearray(path.read_bytes())
    if damage == "text":
        content = b"not an archive"
    elif damage == "empty":
        content = b""
    elif damage == "cut":
        content = content[:200]
    elif damage == "flipped":
        content[250] ^= 0xFF
    else:
        np.save(tmp_path / "single.npy", X)
        content = (tmp_path / "single.npy").read_bytes()
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"own\.npz: not a readable npz file") as error:
        load(path)
    assert "\n" not in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file: .*own\.npz"):
        load(tmp_path / "own.npz")
