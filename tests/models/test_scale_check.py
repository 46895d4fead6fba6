"""Warnings of tables that are large or small beside a likelihood of unit scale."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

from ald_keras.likelihoods import Gaussian, MissingValues, Poisson
from ald_keras.metrics.arrays import SparseRows
from ald_keras.models.scale_check import warn_of_scale

TABLE = np.random.default_rng(0).normal(size=(200, 6)).astype("float32")
HOLES = np.where(TABLE > 1, np.nan, TABLE)


@pytest.mark.parametrize("factor", [300, 0.01])
@pytest.mark.parametrize("table", [TABLE, HOLES, SparseRows(sp.csr_matrix(TABLE))])
def test_tables_of_another_scale(table, factor):
    if isinstance(table, SparseRows):
        table = SparseRows(factor * table.matrix)
    else:
        table = factor * table
    with pytest.warns(UserWarning, match="standard deviation of .*standardize: true"):
        warn_of_scale(table)


@pytest.mark.parametrize(
    "x",
    [
        TABLE,
        3 * TABLE,
        np.where(np.arange(6) < 2, 300, 1) * TABLE,
        np.full((5, 3), 508.0),
        np.full((5, 3), np.nan),
        300 * TABLE.reshape(100, 4, 3, 1),
    ],
)
def test_other_data(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_scale(x)


def test_which_likelihoods_have_unit_scale():
    assert Gaussian().has_unit_scale
    assert MissingValues(Gaussian()).has_unit_scale
    assert not Poisson().has_unit_scale
