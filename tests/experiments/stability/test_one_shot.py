import json

import keras
import numpy as np
import pytest

from ald_keras.datasets import load_dataset
from ald_keras.experiments.stability.one_shot import idle_units, main, one_shot
from ald_keras.runs.config import Config
from ald_keras.runs.file_names import RUN_FILES
from ald_keras.train import run


@pytest.fixture(scope="module")
def fixed(tiny_run, tmp_path_factory):
    """A fixed run whose first unit is made idle, and its config; both only read."""
    options = {"method": "fixed", "likelihood": "gaussian"}
    config = Config.from_dict({**tiny_run, **options})
    folder = tmp_path_factory.mktemp("one_shot") / "fixed"
    run(config, folder, verbose=0)
    model = keras.saving.load_model(folder / "model.keras")
    kernel, bias = model.z_mean.get_weights()
    kernel *= 20.0
    kernel[:, 0] = 0.0
    model.z_mean.set_weights([kernel, bias])
    model.save(folder / "model.keras")
    return folder, config


def test_idle_units_are_those_whose_means_do_not_vary(fixed):
    model = keras.saving.load_model(fixed[0] / "model.keras")
    x = load_dataset("digits", seed=0, limit=200).x_train
    variances = np.var(np.asarray(model.encode(x)[0]), axis=0, ddof=1)
    assert list(idle_units(model, x)) == [0]
    assert set(idle_units(model, x, variances[2] + 1e-6)) >= {0, 2}
    model.latent_mask.deactivate([0])
    assert list(idle_units(model, x)) == []


def test_idle_units_go_at_once_and_training_goes_on(fixed, tiny, tmp_path):
    source, config = fixed
    longer = tiny(method="fixed", likelihood="gaussian", epochs=5, report=True)
    output = tmp_path / "oneshot"
    output.mkdir()
    record = one_shot(longer, source, output)
    assert {file.name for file in output.iterdir()} == set(RUN_FILES)
    assert record == json.loads((output / "run.json").read_text())
    page = (output / "report.html").read_text()
    assert "4 → 3 dimensions, cut after epoch 2" in page
    assert "removed once" in page
    before = json.loads((source / "run.json").read_text())
    assert (record["start_dims"], record["active_dims"]) == (4, 3)
    assert record["test"]["active_dims"] == record["test_compact"]["active_dims"] == 3
    assert (record["epochs"], record["fixed_epoch"]) == (5, 1)
    assert record["steps"] == before["steps"] + 3 * 3
    total = before["seconds"] + record["fine_tuning_seconds"]
    assert record["seconds"] == pytest.approx(total, abs=2e-3)
    epochs = (output / "history.csv").read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in epochs] == ["2", "3", "4"]


def test_wrong_sources_end_in_one_line(write_run, tmp_path, capsys):
    source = write_run(tmp_path, "fixed", 4, 0, 4, -50.0)
    arguments = ["--config", str(source / "config.yaml"), "--output", str(tmp_path)]
    assert main([*arguments, "--source", str(source)]) == 2
    assert "`epochs` must exceed the 2" in capsys.readouterr().err
    assert main([*arguments, "--source", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ald_keras.experiments.stability.one_shot: ")
    assert "no whole run" in error
    assert error.count("\n") == 1
