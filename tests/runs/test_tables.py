"""The commands on tables and cells with conditions and missing values."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

from ald_keras.export.command import main as export
from ald_keras.runs.record import load_record
from ald_keras.train import main as train

RNG = np.random.default_rng(0)


def write_table(path):
    factors, site = RNG.normal(size=(200, 2)), RNG.choice(["a", "b", "c"], size=200)
    values = factors @ RNG.normal(size=(2, 5)) + RNG.normal(size=(200, 5))
    table = pd.DataFrame(values, columns=list("vwxyz"))
    table = table.mask(RNG.uniform(size=table.shape) < 0.2)
    table["site"], table["kind"] = site, np.where(factors[:, 0] > 0, "high", "low")
    table.to_csv(path, index=False)


@pytest.fixture
def config(tmp_path):
    write_table(tmp_path / "table.csv")
    values = {
        "dataset": "csv",
        "data": {
            "path": "table.csv",
            "conditions": ["site"],
            "label_column": "kind",
            "missing": "nan",
        },
        "architecture": {"name": "mlp", "hidden": [8]},
        "likelihood": "gaussian",
        "latent_dim": 4,
        "epochs": 3,
        "batch_size": 32,
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def run(config, output, *more):
    arguments = ["--config", str(config), "--data-dir", str(config.parent)]
    return train([*arguments, "--output", str(output), "--verbose", "0", *more])


@pytest.mark.filterwarnings("ignore:ALD. the size is not fixed")
def test_a_table_with_a_condition_and_holes_runs_through(config, tmp_path):
    output = tmp_path / "run"
    assert run(config, output) == 0
    record = json.loads((output / "run.json").read_text())
    assert np.isfinite(record["test"]["elbo"])
    assert record["features"] is None
    assert "frechet_generation" not in record["test"]
    assert (output / "report.html").stat().st_size > 10_000
    assert export([str(output / "model.keras"), "--format", "parts"]) == 0
    encoder = keras.saving.load_model(output / "compact-encoder.keras")
    assert [tensor.name for tensor in encoder.inputs] == ["data", "site"]


@pytest.mark.filterwarnings("ignore:ALD. the size is not fixed")
def test_a_run_says_what_its_columns_were(config, tmp_path):
    frame = pd.read_csv(tmp_path / "table.csv")
    frame[list("vwxyz")] *= 300
    frame.to_csv(tmp_path / "table.csv", index=False)
    settings = ["data.standardize=true", "data.noise=0.5", "data.categorical=[kind]"]
    settings += ["data.label_column=null", "data.conditions=[site]"]
    output = tmp_path / "run"
    assert run(config, output, "--set", *settings) == 0
    record = load_record(output / "run.json")
    names = [column["name"] for column in record["columns"]]
    assert names == [*"vwxyz", "kind=high", "kind=low"]
    for column in record["columns"][:5]:
        assert 200 < column["std"] < 1500
        assert abs(column["mean"]) < 200
    assert record["columns"][5] == {"name": "kind=high"}
    assert record["conditions"] == {"site": {"shape": [3], "dtype": "float32"}}
    text = (output / "report.html").read_text()
    first = record["columns"][0]
    assert f"v ({first['mean']:.4g} ± {first['std']:.4g}), w (" in text
    assert "kind=high, kind=low" in text


@pytest.mark.filterwarnings("ignore:ALD. the size is not fixed")
def test_a_table_that_is_not_scaled_is_warned_of_once(config, tmp_path):
    frame = pd.read_csv(tmp_path / "table.csv")
    frame[list("vwxyz")] *= 300
    frame.to_csv(tmp_path / "table.csv", index=False)
    with pytest.warns(UserWarning, match="standardize: true") as found:
        assert run(config, tmp_path / "run", "--set", "report=false") == 0
    assert len([w for w in found if "standardize" in str(w.message)]) == 1


def test_noise_without_standardize_is_no_config(config, tmp_path, capsys):
    assert run(config, tmp_path / "run", "--set", "data.noise=0.33") == 2
    assert "`noise` must be left out" in capsys.readouterr().err


def test_networks_without_conditions_say_so(config, tmp_path, capsys):
    table = ["--set", "architecture=conv"]
    assert run(config, tmp_path / "run", *table) == 2
    assert "takes no conditions" in capsys.readouterr().err
