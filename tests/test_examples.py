"""The programs in `examples/` run, and find what they say."""

import importlib.util
import pathlib

import matplotlib
import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).parents[1] / "examples"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:ALD. the size is not fixed"),
]


@pytest.fixture(params=["single_cells", "missing_values", "anomalies"])
def example(request):
    spec = importlib.util.spec_from_file_location(
        request.param, FOLDER / f"{request.param}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_cells(results, *_):
    known, unknown = results["with the batch"], results["without"]
    assert known["types"] > unknown["types"]
    assert known["dimensions"] < unknown["dimensions"]


def check_table(errors, _):
    mean, *_, vae = errors.values()
    assert vae < 0.7 * mean


def check_anomalies(rows, _):
    assert np.mean([row[2] for row in rows]) > 0.6


def test_an_example_finds_what_it_says(example, tmp_path):
    matplotlib.use("agg")
    options, check = {
        "single_cells": ({"epochs": 60}, check_cells),
        "missing_values": ({"epochs": 60}, check_table),
        "anomalies": ({"epochs": 40, "classes": (1, 8)}, check_anomalies),
    }[example.__name__]
    found = example.main(**options)
    check(*found)
    example.draw(*found, path=tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000
