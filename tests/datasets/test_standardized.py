"""Tables in standard deviations of the training part."""

import h5py
import numpy as np
import pytest

from ald_keras.datasets import LazySamples, load_dataset

RNG = np.random.default_rng(0)
N = 80
MONEY = 1e6 + 300 * RNG.normal(size=N)
SITE = RNG.choice(["a", "b"], size=N)
COLOUR = RNG.choice(["blue", "red"], size=N)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    rows = [
        f"{m!r},{i},508,{'' if i % 7 == 3 else 0.001 * i},{s},{c},{i}"
        for i, (m, s, c) in enumerate(zip(MONEY.tolist(), SITE, COLOUR, strict=True))
    ]
    header = "money,row,same,holes,site,colour,age"
    path.write_text("\n".join([header, *rows]))
    return {
        "path": path,
        "conditions": ["site", "age"],
        "categorical": ["colour"],
        "missing": "nan",
    }


def test_statistics_are_those_of_the_training_part(table):
    plain = load_dataset("csv", **table)
    data = load_dataset("csv", **table, standardize=True, noise=0.5)
    names = [column.name for column in data.columns]
    assert names == [*("money", "row", "same", "holes"), "colour=blue", "colour=red"]
    rows = plain.x_train.parts["x"][:, 1].astype(int)
    known = rows[rows % 7 != 3]
    money, row, same, holes, *colours = data.columns
    assert (money.mean, money.std) == pytest.approx(
        (MONEY[rows].mean(), MONEY[rows].std())
    )
    assert (row.mean, row.std) == pytest.approx((rows.mean(), rows.std()))
    assert (same.mean, same.std) == (508, 1)
    assert holes.mean == pytest.approx(0.001 * known.mean())
    assert holes.std == pytest.approx(0.001 * known.std())
    assert [(each.mean, each.std) for each in colours] == [(None, None)] * 2
    for part in ("x_train", "x_val", "x_test"):
        before, after = (getattr(each, part).parts for each in (plain, data))
        which = before["x"][:, 1].astype(int)
        x = after["x"]
        # In float64 until the end: float32 has no such millions.
        expected = 2 * (MONEY[which] - money.mean) / money.std
        np.testing.assert_allclose(x[:, 0], expected, rtol=1e-5, atol=1e-5)
        assert (x[:, 2] == 0).all()
        np.testing.assert_array_equal(np.isnan(x), np.isnan(before["x"]))
        np.testing.assert_array_equal(x[:, 4:], before["x"][:, 4:])
        for name in ("site", "age"):
            np.testing.assert_array_equal(after[name], before[name])
    np.testing.assert_allclose(np.nanstd(data.x_train.parts["x"][:, 3]), 2, rtol=1e-5)


def test_lazy_matrices_stay_lazy(tmp_path):
    counts = RNG.poisson(3, size=(50, 7)).astype("float32")
    with h5py.File(tmp_path / "cells.h5ad", "w") as file:
        file["X"] = counts
        file.create_group("obs")
    path = tmp_path / "cells.h5ad"
    plain = np.asarray(load_dataset("h5ad", path=path).x_train)
    data = load_dataset("h5ad", path=path, standardize=True)
    assert isinstance(data.x_train, LazySamples)
    expected = (plain - plain.mean(0)) / plain.std(0)
    np.testing.assert_allclose(np.asarray(data.x_train), expected, atol=1e-5)


def test_what_cannot_be_standardized(tmp_path):
    with pytest.raises(ValueError, match="`standardize` must be left out.*8, 8, 1"):
        load_dataset("digits", standardize=True)
    with pytest.raises(ValueError, match="`noise` must be left out where"):
        load_dataset("digits", noise=0.33)
    with pytest.raises(ValueError, match="`noise` must be a finite number above 0"):
        load_dataset("digits", standardize=True, noise=0)
    np.savez(tmp_path / "own.npz", x=np.where(np.eye(30) > 0, np.inf, 1.0))
    with pytest.raises(ValueError, match="must be finite"):
        load_dataset("npz", path=tmp_path / "own.npz", standardize=True, missing="nan")


def test_columns_without_known_values_or_of_bytes(tmp_path):
    x = RNG.integers(0, 256, size=(40, 2), dtype="uint8")
    np.savez(tmp_path / "bytes.npz", x=x)
    data = load_dataset("npz", path=tmp_path / "bytes.npz", standardize=True)
    assert [column.name for column in data.columns] == ["0", "1"]
    assert data.columns[0].mean == pytest.approx(x[:, 0].mean() / 255, rel=0.2)
    holes = np.stack([np.full(40, np.nan), np.arange(40.0)], 1)
    np.savez(tmp_path / "holes.npz", x=holes)
    data = load_dataset(
        "npz", path=tmp_path / "holes.npz", standardize=True, missing="nan"
    )
    assert (data.columns[0].mean, data.columns[0].std) == (0, 1)
    assert np.isnan(data.x_train[:, 0]).all()
