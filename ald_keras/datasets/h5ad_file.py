"""Counts of single cells in AnnData's h5ad files."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.datasets.splits import split_test
from ald_keras.datasets.tables import (
    ColumnRoles,
    check_known,
    condition_names,
    condition_of,
    labels_of,
    one_hot,
)
from ald_keras.metrics.arrays import NamedArrays, SparseRows

LIBRARY_SIZE = "log_library_size"


def load_h5ad(
    data_dir: pathlib.Path | None,
    *,
    path: str | os.PathLike[str],
    layer: str | None = None,
    label_column: str | None = None,
    conditions: Sequence[str] = (),
    library_size: bool = False,
    test_fraction: float = 0.1,
    data_seed: int = 0,
) -> RawDataset:
    """Load the matrix of cells by genes, and columns of its cells.

    The file is read as AnnData's description of it says
    (https://anndata.readthedocs.io/en/stable/fileformat-prose.html); anndata itself is
    not needed. A sparse matrix stays sparse; rows are made dense as they are read.

    Args:
        data_dir: Folder at which a relative `path` starts, or `None`.
        path: The file.
        layer: Name of a layer to take in place of `X`, such as `"counts"`. Defaults to
            `None`.
        label_column: Column of `obs` that holds labels. Defaults to `None`: no labels.
        conditions: Columns of `obs` that become conditions: numbers as they are,
            categories one-hot. Defaults to none.
        library_size: Boolean, add the logarithm of each cell's total as the condition
            `"log_library_size"`. Defaults to `False`.
        test_fraction: Share of the cells held out as test part, in (0, 1).
            Defaults to 0.1.
        data_seed: Non-negative integer that chooses the test part. Defaults to 0: the
            same for every seed of a run.

    Returns:
        A `RawDataset` with float32 samples of shape `(genes,)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or a layer or column is not there.
    """
    file = pathlib.Path(data_dir or "", path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"No such file: {file}")
    roles = ColumnRoles(label_column, conditions)
    matrix, columns = _read(file, layer, roles)
    # Of all cells at once, so that both parts have the same categories.
    columns_of = {name: columns[name].as_condition(name) for name in roles.conditions}
    if library_size:
        total = np.asarray(matrix.sum(axis=1), "float64").reshape(-1, 1)
        columns_of[LIBRARY_SIZE] = np.log(np.maximum(total, 1.0))
    names = condition_names(list(columns_of))
    given = {names[name]: values for name, values in columns_of.items()}
    y = None
    if label_column is not None:
        y = labels_of(label_column, columns[label_column].values)
    whole = LazySamples(_Store(matrix), str(file))
    train, test = split_test(len(whole), test_fraction, data_seed)

    def part(rows: npt.NDArray[np.int64]) -> tuple[Any, Any]:
        x: Any = whole.take(rows)
        if given:
            x = NamedArrays({"x": x, **{n: each[rows] for n, each in given.items()}})
        return x, None if y is None else y[rows]

    return RawDataset(str(file), *part(train), *part(test))


class _Store:
    """Rows of a matrix, dense as they are taken."""

    def __init__(self, matrix: Any) -> None:
        self._rows = SparseRows(matrix) if hasattr(matrix, "tocsr") else matrix
        self.shape = tuple(int(size) for size in matrix.shape)

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> np.ndarray:
        return np.asarray(self._rows[rows], "float32")


def _read(
    file: pathlib.Path, layer: str | None, roles: ColumnRoles
) -> tuple[Any, dict[str, _Column]]:
    import h5py

    try:
        with h5py.File(file, "r") as data:
            matrix = data["X"] if layer is None else data["layers"][layer]
            obs = data["obs"]
            roles.positions(str(file), list(obs))
            return _matrix(matrix), {n: _column(obs, n) for n in sorted(roles.texts)}
    except ValueError:
        raise
    # Damaged files fail in ways of their own.
    except Exception as error:
        what = "'X'" if layer is None else f"the layer {layer!r}"
        raise ValueError(
            f"{file}: not a readable h5ad file with {what} ({error})"
        ) from error


def _matrix(node: Any) -> Any:
    if not hasattr(node, "keys"):
        return np.asarray(node[:], "float32")
    import scipy.sparse

    kind = str(node.attrs["encoding-type"])
    arrays = tuple(np.asarray(node[name][:]) for name in ("data", "indices", "indptr"))
    shape = tuple(int(size) for size in node.attrs["shape"])
    kinds: Mapping[str, Any] = {
        "csr_matrix": scipy.sparse.csr_matrix,
        "csc_matrix": scipy.sparse.csc_matrix,
    }
    if kind not in kinds:
        raise ValueError(f"a matrix stored as {kind!r} is not read: use csr_matrix")
    return kinds[kind](arrays, shape=shape).tocsr()


@dataclasses.dataclass(frozen=True)
class _Column:
    """A column of `obs`: its values, empty texts or NaN where they are missing."""

    values: list[Any]
    is_categorical: bool

    def as_condition(self, name: str) -> npt.NDArray[np.float64]:
        """Categories one-hot, whatever they look like; numbers as they are."""
        check_known("conditions", name, self.values)
        return (
            one_hot(self.values)
            if self.is_categorical
            else condition_of(name, self.values)
        )


def _column(obs: Any, name: str) -> _Column:
    node = obs[name]
    older = obs.get("__categories")  # of files before AnnData 0.8
    if older is not None and name in older:
        return _categories(older[name], node)
    if not hasattr(node, "keys"):
        return _Column(_texts(node[:]), False)
    if "categories" in node:
        return _categories(node["categories"], node["codes"])
    values, hidden = _texts(node["values"][:]), np.asarray(node["mask"][:])
    known = zip(values, hidden, strict=True)
    return _Column([math.nan if gone else value for value, gone in known], False)


def _categories(categories: Any, codes: Any) -> _Column:
    names = [str(name) for name in _texts(categories[:])]
    found = (int(code) for code in np.asarray(codes[:]))
    return _Column([names[code] if code >= 0 else "" for code in found], True)


def _texts(values: Any) -> list[Any]:
    array = np.asarray(values)
    return [v.decode() if isinstance(v, bytes) else v for v in array.tolist()]
