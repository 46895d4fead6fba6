import csv
import json
import os
import pathlib

import keras
import numpy as np
import pytest
import yaml
from builders import TINY_RUN

from ald_keras.datasets import load_dataset
from ald_keras.export.exporting import export
from ald_keras.runs.config import load_config
from ald_keras.runs.file_names import RUN_FILES
from ald_keras.train import main, run

TINY = {
    **TINY_RUN,
    "latent_dim": 8,
    "epochs": 3,
    "rule": {
        "name": "ald",
        "initial_step": 2,
        "patience": 1,
        "slope_window": 2,
        "slowdown_window": 2,
    },
}


@pytest.fixture
def config_file(tmp_path):
    def write(**changes):
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump({**TINY, **changes}))
        return path

    return write


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_run_writes_its_files(config_file, tmp_path, capsys):
    folder = tmp_path / "run"
    path = config_file(report=True)
    assert main(["--config", str(path), "--output", str(folder)]) == 0
    assert {file.name for file in folder.iterdir()} == set(RUN_FILES)
    record = json.loads((folder / "run.json").read_text())
    assert record["start_dims"] == 8
    assert (record["epochs"], record["steps"]) == (3, 9)
    assert record["samples"] == {"train": 180, "validation": 20, "test": 360}
    packages = {"ald_keras", "keras", "python", keras.backend.backend()}
    assert set(record["versions"]) >= packages
    model = keras.saving.load_model(folder / "model.keras")
    assert model.active_dims == record["active_dims"] == record["test"]["active_dims"]
    text = (folder / "history.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert float(rows[0]["active_dims"]) == 8
    assert float(rows[2]["val_silhouette"]) <= 1
    decisions = json.loads((folder / "decisions.json").read_text())
    assert decisions[0]["action"] == "prune"
    assert decisions[-1]["active_dims"] == model.active_dims
    resolved = load_config(folder / "config.yaml")
    assert resolved.to_dict() == load_config(path).to_dict()
    left = f"{model.active_dims} of 8 latent dimensions"
    printed = capsys.readouterr().out
    assert f"{left} (inconclusive: the size is not fixed); " in printed
    assert printed.splitlines()[-2:] == [
        f"Report: {folder / 'report.html'}",
        f"Export: ald export {folder}",
    ]


def test_the_final_figures_are_those_of_the_test_part(config_file, tmp_path):
    config = load_config(config_file(method="fixed", epochs=1))
    record = run(config, tmp_path / "run", verbose=0)
    data = load_dataset("digits", seed=0, limit=200)
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    figures = model.evaluate(data.x_test, verbose=0, return_dict=True)
    for name in ("reconstruction_loss", "kl_loss"):
        # The same expectation, from other noise.
        assert record["test"][name] == pytest.approx(figures[name], rel=0.02)
    assert record["test"]["elbo"] == pytest.approx(
        -record["test"]["reconstruction_loss"] - record["test"]["kl_loss"]
    )
    assert record["test_compact"]["elbo"] == pytest.approx(
        record["test"]["elbo"], rel=1e-6
    )
    assert record["fixed_epoch"] is None


def test_the_same_seed_gives_the_same_run(config_file, tmp_path):
    config = load_config(config_file())
    for name in ("a", "b"):
        run(config, tmp_path / name, verbose=0)
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    for file in ("history.csv", "decisions.json", "config.yaml"):
        assert a[file] == b[file]
    first, second = (
        keras.saving.load_model(tmp_path / name / "model.keras") for name in "ab"
    )
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_is_never_replaced_unless_told(config_file, tmp_path, capsys):
    arguments = [
        "--config",
        str(config_file(epochs=1)),
        "--output",
        str(tmp_path / "r"),
    ]
    assert main(arguments) == 0
    before = contents(tmp_path / "r")
    assert main([*arguments, "--set", "seed=1"]) == 2
    assert contents(tmp_path / "r") == before
    assert "--overwrite" in capsys.readouterr().err
    (tmp_path / "r" / "notes.txt").write_text("mine")
    (tmp_path / "r" / "compact_notes.md").write_text("mine too")
    (tmp_path / "r" / "compact.keras").write_text("of the run before")
    (tmp_path / "r" / "compact-encoder.onnx").write_text("of the run before")
    (tmp_path / "r" / "compact").mkdir()
    (tmp_path / "r" / "compact" / "saved_model.pb").write_text("of the run before")
    assert main([*arguments, "--set", "seed=1", "batch_size=32", "--overwrite"]) == 0
    after = contents(tmp_path / "r")
    assert {b"seed: 1", b"batch_size: 32"} <= set(after["config.yaml"].split(b"\n"))
    assert after["model.keras"] != before["model.keras"]
    assert after["notes.txt"] == b"mine"
    assert after["compact_notes.md"] == b"mine too"
    assert not {"compact.keras", "compact-encoder.onnx", "compact"} & after.keys()


def test_warm_up_and_a_custom_optimizer(config_file, tmp_path):
    path = config_file(
        beta={"value": 1.0, "warmup": 2},
        epochs=4,
        optimizer={"name": "sgd", "learning_rate": 1e-3, "momentum": 0.9},
    )
    run(load_config(path), tmp_path / "run", verbose=0)
    decisions = json.loads((tmp_path / "run" / "decisions.json").read_text())
    assert [decision["epoch"] for decision in decisions] == [2]
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert model.optimizer.momentum == 0.9


def one_line(capsys):
    captured = capsys.readouterr()
    assert captured.err.startswith("ald_keras.train: ")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, "Did you mean 'epochs'"),
        ({"dataset": "mnits"}, "mnist"),
        ({"architecture": "conf"}, "conv"),
        ({"architecture": "video"}, "divisible by 2"),
        ({"optimizer": "adan"}, "`optimizer`"),
        ({"optimizer": {"name": "adam", "rate": 1}}, "`optimizer`"),
        ({"likelihood": "poisson"}, "Poisson"),
        ({"data": {"limits": 3}}, "limit"),
        ({"dataset": "mnist", "data": {"dir": "/nowhere"}}, "/nowhere"),
        ({"probe": {"size": 20, "n_clusters": 20}}, "20 clusters"),
        ({"probe": {"size": 2}}, "`probe.size`"),
        ({"method": "fixed", "probe": {"n_clusters": 5000}}, "5000 clusters"),
        ({"method": "fixed", "probe": {"features": "fid"}}, "fid"),
        ({"data": {"dir": 3}}, "`data.dir`"),
        ({"probe": {"features": "fid"}}, "fid"),
    ],
)
def test_wrong_configs_end_in_one_line(config_file, tmp_path, capsys, changes, message):
    path = config_file(**changes)
    assert main(["--config", str(path), "--output", str(tmp_path / "a" / "run")]) == 2
    assert message in one_line(capsys)
    assert not (tmp_path / "a").exists()


def test_wrong_arguments_end_in_one_line(config_file, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["--output", str(tmp_path)])
    assert end.value.code == 2
    assert "--config" in one_line(capsys)
    assert main(["--config", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in one_line(capsys)
    file = tmp_path / "file"
    file.write_text("")
    assert main(["--config", str(config_file()), "--output", str(file)]) == 2
    assert "is a file" in one_line(capsys)
    below = str(file / "run")
    assert main(["--config", str(config_file()), "--output", below]) == 2
    one_line(capsys)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(config_file, tmp_path, capsys):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert main(["--config", str(config_file()), "--output", str(locked)]) == 2
    assert "cannot be written to" in one_line(capsys)


def test_the_output_is_checked_before_data_are_loaded(config_file, tmp_path, capsys):
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").write_text("")
    path = config_file(dataset="mnist", data={"dir": "/nowhere"})
    assert main(["--config", str(path), "--output", str(full)]) == 2
    assert "not empty" in one_line(capsys)


def test_the_default_output_stands_below_saved_models(
    config_file, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["--config", str(config_file(epochs=1)), "--verbose", "0"]) == 0
    assert pathlib.Path("saved_models/tiny/run.json").is_file()


def test_numbers_with_an_exponent_are_numbers(config_file):
    config = load_config(config_file(), ["optimizer.learning_rate=1e-3", "beta=5e-1"])
    assert config.optimizer.options["learning_rate"] == 1e-3
    assert config.beta.value == 0.5


GECO = {"method": "geco", "geco": {"tau": 40.0}, "epochs": 4}


@pytest.mark.filterwarnings("ignore:GatedVAE")
def test_a_bound_on_the_error(config_file, tmp_path, capsys):
    arguments = ["--config", str(config_file(**GECO)), "--output"]
    assert main([*arguments, str(tmp_path / "run")]) == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["outcome"].startswith("GatedVAE: 8 -> ")
    printed = capsys.readouterr().out
    assert f"{record['active_dims']} of 8 latent dimensions" in printed
    assert record["bound"]["tau"] == 40.0
    assert record["bound"]["feasible"] == (record["bound"]["error"] <= 40.8)
    with open(tmp_path / "run" / "history.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 4
    assert {"expected_gates", "multiplier", "val_squared_error"} <= set(rows[0])
    report = export(tmp_path / "run" / "model.keras")
    assert report["after"]["dimensions"] == record["active_dims"]
    small = keras.saving.load_model(tmp_path / "run" / "compact.keras")
    assert small.latent_dim == record["active_dims"]


@pytest.mark.filterwarnings("ignore:GatedVAE")
def test_the_bound_as_a_share_of_the_variance(config_file, tmp_path):
    settings = {**GECO, "geco": {"explained": 0.5}}
    config = load_config(config_file(**settings))
    record = run(config, tmp_path / "run", verbose=0)
    x = load_dataset("digits", seed=0, limit=200).x_train
    variance = x.reshape(len(x), -1).astype("float64").var(axis=0).sum()
    assert record["bound"]["tau"] == pytest.approx(0.5 * variance)


@pytest.mark.filterwarnings("ignore:GatedVAE")
def test_gates_that_are_undecided_are_on_record(config_file, tmp_path):
    config = load_config(config_file(**{**GECO, "geco": {"tau": 0.01}}))
    record = run(config, tmp_path / "run", verbose=0)
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert len(model.undecided_gates) == 8
    assert record["bound"]["undecided_gates"] == 8
    assert not record["bound"]["feasible"]


def test_without_gates_there_is_nothing_to_decide(config_file, tmp_path):
    settings = {**GECO, "geco": {"tau": 0, "gated": False, "max_multiplier": 50}}
    record = run(load_config(config_file(**settings)), tmp_path / "run", verbose=0)
    assert record["outcome"] is None
    assert record["active_dims"] == 8
    assert record["bound"] == {
        "tau": 0.0,
        "max_multiplier": 50,
        "lowest_error": pytest.approx(record["bound"]["lowest_error"]),
    }
    settings["geco"]["tau"] = 40
    record = run(load_config(config_file(**settings)), tmp_path / "bound", verbose=0)
    with open(tmp_path / "bound" / "history.csv", newline="") as lines:
        errors = [float(row["val_squared_error"]) for row in csv.DictReader(lines)]
    assert record["bound"]["last_error"] == errors[-1]
    assert record["bound"]["lowest_error"] == min(errors)


def test_an_optimizer_that_cannot_be_sliced_still_gives_a_run(config_file, tmp_path):
    try:
        keras.optimizers.get("muon")
    except ValueError:
        pytest.skip("this version of Keras has no optimizer of that kind")
    folder = tmp_path / "run"
    path = config_file(epochs=2, optimizer="muon", method="fixed", report=True)
    assert main(["--config", str(path), "--output", str(folder)]) == 0
    assert {file.name for file in folder.iterdir()} == set(RUN_FILES)
    report = export(folder / "model.keras")
    assert report["optimizer"] == "fresh"


def test_logs_for_tensorboard_belong_to_one_run(config_file, tmp_path):
    folder = tmp_path / "run"
    config = load_config(config_file(tensorboard=True))
    run(config, folder, verbose=0)

    def events():
        return sorted(folder.rglob("events.out.tfevents*"))

    parts = {file.parent.name for file in events()}
    assert parts == {"latent", "train", "validation"}
    before = events()
    run(config, folder, overwrite=True, verbose=0)
    assert set(events()).isdisjoint(before)
    run(load_config(config_file()), folder, overwrite=True, verbose=0)
    assert events() == []
