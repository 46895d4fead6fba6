"""The example run that is kept in the repository is whole and still loads."""

import json
import pathlib

import keras
import numpy as np
import pytest

from ald_keras.datasets import load_dataset
from ald_keras.files.model_files import load_model
from ald_keras.rules import Decision
from ald_keras.runs.file_names import RUN_FILES

FOLDER = pathlib.Path(__file__).parents[1] / "saved_models" / "digits-example"


def test_it_is_whole_and_small():
    names = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.*")}
    assert {*RUN_FILES, "compact.keras", "figures/training.png"} <= names
    size = sum(path.stat().st_size for path in FOLDER.rglob("*.*"))
    assert size < 2_000_000


def test_its_decisions_are_those_of_this_version():
    decisions = json.loads((FOLDER / "decisions.json").read_text())
    assert [Decision.from_dict(d).to_dict() for d in decisions] == decisions
    assert decisions


def test_its_models_give_what_its_record_says():
    record = json.loads((FOLDER / "run.json").read_text())
    written, here = (
        tuple(int(number) for number in version.split(".")[:2])
        for version in (record["versions"]["keras"], keras.__version__)
    )
    if here < written:
        pytest.skip("older versions of Keras do not read what newer ones write")
    model, small = (load_model(FOLDER / f"{n}.keras") for n in ("model", "compact"))
    assert small.latent_dim == model.active_dims == record["active_dims"]
    x = load_dataset("digits", seed=0).x_test
    assert len(x) == record["samples"]["test"]
    decoded = np.asarray(small.reconstruct(x))
    np.testing.assert_allclose(decoded, np.asarray(model.reconstruct(x)), atol=1e-5)
    error = np.square(x - decoded).reshape(len(x), -1).sum(axis=1).mean()
    assert error == pytest.approx(record["test"]["squared_error_of_means"], rel=1e-4)
