"""Tables and matrices of single cells, with labels, conditions and missing values."""

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from ald_keras.architectures import build_architecture
from ald_keras.datasets import LazySamples, load_dataset
from ald_keras.datasets.tables import ColumnRoles, condition_of, one_hot

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "height": RNG.normal(size=60),
        "colour": RNG.choice(["red", "blue", "green"], size=60),
        "site": RNG.choice(["a", "b"], size=60),
        "age": RNG.integers(20, 60, size=60),
        "weight": RNG.normal(size=60),
        "kind": RNG.choice(["x", "y"], size=60),
    }
)
OPTIONS = {
    "label_column": "kind",
    "conditions": ["site", "age"],
    "categorical": ["colour"],
}


@pytest.fixture(params=["csv", "parquet"])
def table(request, tmp_path):
    def write(frame):
        path = tmp_path / f"table.{request.param}"
        if request.param == "csv":
            frame.to_csv(path, index=False)
        else:
            pytest.importorskip("pyarrow")
            frame.to_parquet(path)
        return request.param, path

    return write


def test_columns_have_the_roles_they_are_given(table):
    name, path = table(TABLE)
    data = load_dataset(name, path=str(path), **OPTIONS)
    assert data.data_shape == (5,)  # two numbers and three colours
    assert data.conditions == {"site": (2,), "age": (1,)}
    assert data.class_names == ("x", "y")
    parts = (data.x_train, data.x_val, data.x_test)
    x = np.concatenate([part.parts["x"] for part in parts])
    age = np.concatenate([part.parts["age"] for part in parts])[:, 0]
    site = np.concatenate([part.parts["site"] for part in parts])
    # Each row, wherever the split has put it, is one of the table's.
    expected = {
        (round(row.height, 4), row.age, row.site, row.colour)
        for row in TABLE.itertuples()
    }
    colours = np.array(["blue", "green", "red"])[x[:, 2:].argmax(1)]
    sites = np.array(["a", "b"])[site.argmax(1)]
    found = set(
        zip(x[:, 0].round(4).tolist(), age.tolist(), sites, colours, strict=True)
    )
    assert {(round(h, 4), a, s, c) for h, a, s, c in found} == expected
    assert (x[:, 2:].sum(1) == 1).all()


def test_missing_cells_are_nan_where_that_is_said(table):
    frame = TABLE[["height", "weight"]].copy()
    frame.loc[3, "height"] = np.nan
    name, path = table(frame)
    data = load_dataset(name, path=str(path), missing="nan")
    x = np.concatenate([data.x_train, data.x_val, data.x_test])
    assert np.isnan(x).sum() == 1
    with pytest.raises(ValueError, match=r"height.*missing='nan'"):
        load_dataset(name, path=str(path))
    with pytest.raises(ValueError, match="`missing` must be"):
        load_dataset(name, path=str(path), missing="zero")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"conditions": ["place"]}, "one column 'place'"),
        ({"conditions": ["kind"], "label_column": "kind"}, "name a column once"),
        ({"label_column": "kind", "conditions": ["site"]}, "colour.*`?categorical`?"),
    ],
)
def test_columns_that_cannot_be_used_are_named(table, options, text):
    name, path = table(TABLE)
    with pytest.raises(ValueError, match=text):
        load_dataset(name, path=str(path), **options)


def test_a_list_of_columns_is_a_list():
    with pytest.raises(TypeError, match="`conditions` must be a list"):
        ColumnRoles(conditions="site")


def test_categories_are_one_hot_and_numbers_stay():
    hot = one_hot(["b", "a", ""])
    np.testing.assert_array_equal(hot, [[0, 1], [1, 0], [np.nan, np.nan]])
    np.testing.assert_array_equal(condition_of("n", ["2", "10"]), [[2], [10]])


def test_categories_are_missing_only_where_that_is_said(tmp_path):
    path = tmp_path / "regions.csv"
    rows = [f"{i},{region}" for i, region in enumerate(["NA", "EU", "None"] * 9)]
    path.write_text("\n".join(["a,region", *rows]))
    data = load_dataset("csv", path=path, categorical=["region"])
    assert data.data_shape == (4,)
    data = load_dataset("csv", path=path, categorical=["region"], missing="nan")
    assert data.data_shape == (2,)  # North America and nothing are one here
    x = np.concatenate([data.x_train, data.x_val, data.x_test])
    assert sorted(x[:, 0]) == list(range(27))
    np.testing.assert_array_equal(x[x[:, 0] % 3 == 1, 1], 1)
    # What is not known is no category; it is left out of the likelihood.
    np.testing.assert_array_equal(np.isnan(x[:, 1]), x[:, 0] % 3 != 1)


@pytest.mark.parametrize("role", ["conditions", "label_column"])
@pytest.mark.parametrize("cell", ["NA", "nan", "null"])
@pytest.mark.parametrize("missing", [None, "nan"])
def test_words_for_missing_values_are_no_categories(tmp_path, role, cell, missing):
    path = tmp_path / "table.csv"
    ages = [str(20 + i % 3) for i in range(30)]
    ages[4] = cell
    path.write_text("\n".join(["a,age", *(f"{i},{age}" for i, age in enumerate(ages))]))
    options = {role: ["age"] if role == "conditions" else "age", "missing": missing}
    with pytest.raises(ValueError, match=f"`{role}`.*'age'.*'{cell}' in row 5"):
        load_dataset("csv", path=path, **options)


@pytest.mark.parametrize("role", ["conditions", "label_column"])
def test_conditions_and_labels_are_finite(tmp_path, role):
    path = tmp_path / "table.csv"
    rows = [f"{i},{'inf' if i == 6 else i % 3}" for i in range(30)]
    path.write_text("\n".join(["a,age", *rows]))
    options = {role: ["age"] if role == "conditions" else "age"}
    with pytest.raises(ValueError, match=f"`{role}`.*'age'.*finite.*'inf' in row 7"):
        load_dataset("csv", path=path, **options)


NULLABLE = pd.DataFrame(
    {
        "height": RNG.normal(size=40),
        "age": pd.array([None, *range(39)], "Int64"),
        "colour": pd.array([None, *["red", "blue", "green"] * 13], "string"),
    }
)


@pytest.mark.parametrize("column", ["age", "colour"])
def test_nullable_types_of_pandas(tmp_path, column):
    pytest.importorskip("pyarrow")
    path = tmp_path / "table.parquet"
    NULLABLE[["height", column]].to_parquet(path)
    data = load_dataset("parquet", path=path, categorical=[column], missing="nan")
    x = np.concatenate([data.x_train, data.x_val, data.x_test])
    assert x.shape[1] == 1 + NULLABLE[column].nunique()
    assert np.isnan(x[:, 1:]).all(axis=1).sum() == 1
    for role, value in (
        ("categorical", [column]),
        ("conditions", [column]),
        ("label_column", column),
    ):
        with pytest.raises(ValueError, match=f"`{role}`.*'{column}'.*row 1"):
            load_dataset("parquet", path=path, **{role: value})


@pytest.mark.parametrize("role", ["conditions", "label_column"])
def test_conditions_and_labels_are_never_missing(table, role):
    frame = TABLE[["height", "age", "kind"]].copy()
    frame["age"] = frame["age"].astype("float64")
    frame.loc[4, "age"] = np.nan
    name, path = table(frame)
    options = {"conditions": ["age"]} if role == "conditions" else {role: "age"}
    with pytest.raises(ValueError, match=f"`{role}`.*'age'.*row 5"):
        load_dataset(name, path=path, missing="nan", categorical=["kind"], **options)


@pytest.mark.parametrize("name", ["x", "z", "data"])
def test_conditions_have_names_of_their_own(tmp_path, name):
    path = tmp_path / "table.csv"
    path.write_text("\n".join([f"a,{name}", *(f"{i},{i % 2}" for i in range(30))]))
    with pytest.raises(ValueError, match=f"`conditions`.*Received: .'{name}'"):
        load_dataset("csv", path=path, conditions=[name])


def test_names_of_columns_become_names_of_inputs(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(
        "\n".join(["a,cell type", *(f"{i},{'uv'[i % 2]}" for i in range(30))])
    )
    data = load_dataset("csv", path=path, conditions=["cell type"])
    assert data.conditions == {"cell_type": (2,)}
    networks = build_architecture("mlp", (1,), 2, conditions=data.conditions)
    assert [tensor.name for tensor in networks[0].inputs] == ["data", "cell_type"]
    linear = build_architecture("mlp", (1,), 2, conditions=data.conditions, hidden=())
    assert len(linear[1].weights) == 3


def test_archives_hold_conditions(tmp_path):
    x = RNG.normal(size=(40, 3))
    site = RNG.choice(["a", "b"], size=40)
    np.savez(tmp_path / "one.npz", x=x, site=site, day=np.arange(40.0)[:, None])
    data = load_dataset("npz", path=tmp_path / "one.npz", conditions=["site", "day"])
    assert data.conditions == {"site": (2,), "day": (1,)}
    day = data.x_test.parts["day"][:, 0].astype(int)
    np.testing.assert_allclose(data.x_test.parts["x"], x[day], rtol=1e-6)
    np.savez(tmp_path / "two.npz", x_train=x, x_test=x, site_train=site)
    with pytest.raises(ValueError, match=r"must hold \['site_test'\]"):
        load_dataset("npz", path=tmp_path / "two.npz", conditions=["site"])
    both = {
        "site_train": np.array(["a", "b"] * 20),
        "site_test": np.array(["b", "c"] * 20),
    }
    hot = {
        "day_train": np.eye(40, dtype="uint8"),
        "day_test": np.eye(40, dtype="uint8"),
    }
    np.savez(tmp_path / "two.npz", x_train=x, x_test=x, **both, **hot)
    data = load_dataset("npz", path=tmp_path / "two.npz", conditions=["site", "day"])
    np.testing.assert_array_equal(data.x_test.parts["site"][0], [0, 1, 0])
    assert data.x_train.parts["site"].shape[1] == 3
    assert data.x_test.parts["day"].max() == 1
    holes = np.where(RNG.uniform(size=x.shape) < 0.2, np.nan, x)
    np.savez(tmp_path / "three.npz", x=holes)
    data = load_dataset("npz", path=tmp_path / "three.npz", missing="nan")
    parts = np.concatenate([data.x_train, data.x_val, data.x_test])
    assert np.isnan(parts).sum() == np.isnan(holes).sum()


# ---- single cells

COUNTS = RNG.poisson(1.5, size=(50, 7)).astype("float32")


def write_h5ad(path, matrix, form="csr", **obs):
    """A file as AnnData writes it, of the fields that are read."""
    with h5py.File(path, "w") as file:
        if form == "dense":
            file["X"] = matrix
        else:
            kind = {"csr": sp.csr_matrix, "csc": sp.csc_matrix}[form](matrix)
            group = file.create_group("X")
            group.attrs["encoding-type"] = f"{form}_matrix"
            group.attrs["shape"] = kind.shape
            for name in ("data", "indices", "indptr"):
                group[name] = getattr(kind, name)
        file.create_group("layers")["doubled"] = 2 * matrix
        columns = file.create_group("obs")
        for name, values in obs.items():
            if values.dtype.kind == "U":
                categories, codes = np.unique(values, return_inverse=True)
                column = columns.create_group(name)
                column["categories"] = categories.astype(bytes)
                column["codes"] = codes.astype("int8")
            else:
                columns[name] = values


@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
def test_counts_of_cells_come_with_their_batches(tmp_path, form):
    batch = RNG.choice(["one", "two", "three"], size=50)
    number = np.arange(50.0)
    write_h5ad(tmp_path / "cells.h5ad", COUNTS, form, batch=batch, number=number)
    data = load_dataset(
        "h5ad",
        path=tmp_path / "cells.h5ad",
        label_column="batch",
        conditions=["number"],
        library_size=True,
    )
    assert isinstance(data.x_train.parts["x"], LazySamples)
    assert data.conditions == {"number": (1,), "log_library_size": (1,)}
    rows = data.x_test.parts["number"][:, 0].astype(int)
    np.testing.assert_array_equal(np.asarray(data.x_test.parts["x"]), COUNTS[rows])
    np.testing.assert_allclose(
        data.x_test.parts["log_library_size"][:, 0],
        np.log(COUNTS[rows].sum(1)),
        rtol=1e-6,
    )
    assert [data.class_names[label] for label in data.y_test] == batch[rows].tolist()
    layer = load_dataset("h5ad", path=tmp_path / "cells.h5ad", layer="doubled")
    total = sum(np.asarray(x).sum() for x in (layer.x_train, layer.x_val, layer.x_test))
    assert total == 2 * COUNTS.sum()


def test_categories_that_look_like_numbers_are_one_hot(tmp_path):
    leiden = RNG.choice(["0", "1", "2"], size=50)
    path = tmp_path / "cells.h5ad"
    write_h5ad(path, COUNTS, leiden=leiden)
    with h5py.File(path, "a") as file:
        older = file["obs"].create_group("__categories")
        older["donor"] = np.array([b"7", b"8"])
        file["obs"]["donor"] = (np.arange(50) % 2).astype("int8")
        nullable = file["obs"].create_group("day")
        nullable["values"], nullable["mask"] = np.arange(50), np.zeros(50, bool)
    data = load_dataset("h5ad", path=path, conditions=["leiden", "donor", "day"])
    assert data.conditions == {"leiden": (3,), "donor": (2,), "day": (1,)}
    with h5py.File(path, "a") as file:
        file["obs"]["day"]["mask"][7] = True
    with pytest.raises(ValueError, match="'day' may be missing.*row 8"):
        load_dataset("h5ad", path=path, conditions=["day"])


def test_other_files_of_cells_are_errors(tmp_path):
    path = tmp_path / "cells.h5ad"
    with pytest.raises(FileNotFoundError):
        load_dataset("h5ad", path=path)
    path.write_bytes(b"no such thing")
    with pytest.raises(ValueError, match="not a readable h5ad file"):
        load_dataset("h5ad", path=path)
    write_h5ad(path, COUNTS, "dense", batch=np.arange(50.0))
    with pytest.raises(ValueError, match="one column 'donor'.*batch"):
        load_dataset("h5ad", path=path, conditions=["donor"])
    with pytest.raises(ValueError, match="layer 'raw'"):
        load_dataset("h5ad", path=path, layer="raw")


def test_texts_of_both_parts_of_an_archive_are_known(tmp_path):
    x = RNG.normal(size=(40, 3))
    site = np.array(["a", "b"] * 20)
    holes = np.where(np.arange(40) == 3, "", site)
    parts = {"x_train": x, "x_test": x, "site_train": site, "site_test": holes}
    np.savez(tmp_path / "two.npz", **parts)
    with pytest.raises(ValueError, match="`conditions`.*'site'.*row 44"):
        load_dataset("npz", path=tmp_path / "two.npz", conditions=["site"])
