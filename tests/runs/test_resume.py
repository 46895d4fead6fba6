"""A run that is killed at any moment goes on and ends as if it had not been."""

import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest
import yaml
from builders import TINY_RUN

import ald_keras.runs.training
from ald_keras.runs.checkpoint import check_config
from ald_keras.runs.config import load_config
from ald_keras.runs.file_names import CHECKPOINT
from ald_keras.runs.parts import load_parts
from ald_keras.runs.run_folder import run_folder
from ald_keras.runs.training import build_model
from ald_keras.train import main, run

SCRIPT = pathlib.Path(__file__).with_name("killed_run.py")
PACKAGE = SCRIPT.parents[2]

CONFIGS = {
    "masked": {
        **TINY_RUN,
        "latent_dim": 8,
        "epochs": 24,
        # An evaluation needs twenty steps.
        "batch_size": 6,
        "optimizer": {"name": "adam", "learning_rate": 0.01},
        "rule": {
            "name": "size_curve",
            "patience": 1,
            "tolerance": 0.5,
        },
    },
    "elastic": {
        **TINY_RUN,
        "latent_dim": 8,
        "epochs": 24,
        "optimizer": {"name": "adam", "learning_rate": 0.01},
        "rule": {"name": "elastic", "patience": 2, "idle_kl": 0.01},
    },
    "gated": {
        **TINY_RUN,
        "latent_dim": 6,
        "epochs": 24,
        "method": "geco",
        "geco": {"tau": 3.5, "warmup": 4},
        "optimizer": {"name": "adam", "learning_rate": 0.01},
    },
}


def start(config, output, where="never", count=0):
    arguments = ["--config", config, "--output", output, "--verbose", "0"]
    command = [sys.executable, SCRIPT, where, count, *arguments]
    return subprocess.Popen(
        list(map(str, [*command, "--resume", "--checkpoint-seconds", "0"])),
        env={**os.environ, "PYTHONPATH": f"{PACKAGE}{os.pathsep}{PACKAGE / 'tests'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(config, output):
    process = start(config, output)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


def assert_same(folder, whole):
    for name in ("history.csv", "decisions.json", "config.yaml", "size_curve.csv"):
        paths = [run / name for run in (folder, whole)]
        assert paths[0].exists() == paths[1].exists()
        if paths[0].exists():
            assert paths[0].read_text() == paths[1].read_text()
    found, wanted = (
        keras.saving.load_model(run / "model.keras") for run in (folder, whole)
    )
    for a, b in zip(found.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    records = [json.loads((run / "run.json").read_text()) for run in (folder, whole)]
    for record in records:
        record.pop("resumed_after_epochs", None)
        del record["seconds"]
    assert records[0] == records[1]
    assert not (folder / CHECKPOINT).exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Config and finished run of a kind, made once."""
    made = {}

    def make(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            config = folder / "config.yaml"
            config.write_text(yaml.safe_dump(CONFIGS[kind]))
            out = finish(config, folder / "whole")
            assert "starting at the first epoch" in out
            made[kind] = config, folder / "whole"
        return made[kind]

    return make


@pytest.mark.parametrize(
    ("kind", "kills", "resumed"),
    [
        # The epoch that is killed while it is measured or saved is trained again.
        ("masked", [("measuring", 9)], [8]),
        pytest.param("elastic", [("measuring", 9)], [8], marks=pytest.mark.slow),
        pytest.param(
            "masked",
            [("measuring", 9), ("writing", 8), ("training", 6)],
            [8, 15, 20],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(
    kind, kills, resumed, whole, tmp_path
):
    config, expected = whole(kind)
    decisions = json.loads((expected / "decisions.json").read_text())
    actions = {decision["action"] for decision in decisions}
    assert actions & ({"stop"} if kind == "masked" else {"sample", "prune"})
    folder = tmp_path / "run"
    for where, count in kills:
        process = start(config, folder, where, count)
        process.communicate()
        assert process.returncode == -9
        assert (folder / CHECKPOINT).exists()
    assert "resuming from" in finish(config, folder)
    assert_same(folder, expected)
    record = json.loads((folder / "run.json").read_text())
    assert record["resumed_after_epochs"] == resumed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "kills"), [("masked", 20), ("elastic", 8), ("gated", 8)]
)
def test_kills_at_random_moments(kind, kills, whole, tmp_path):
    config, expected = whole(kind)
    draw, killed, runs = random.Random(7), 0, 0
    while killed < kills:
        folder = tmp_path / str(runs)
        lock = folder / ".lock"
        lock.unlink(missing_ok=True)
        process = start(config, folder)
        while not lock.exists() and process.poll() is None:
            time.sleep(0.01)
        try:
            process.communicate(timeout=draw.uniform(0.0, 5.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
        else:
            assert process.returncode == 0
            assert_same(folder, expected)
            runs += 1
    finish(config, tmp_path / str(runs))
    assert_same(tmp_path / str(runs), expected)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["measuring", "writing", "training", "evaluating"])
def test_a_gated_run_killed_at_a_moment(where, whole, tmp_path):
    kind = "masked" if where in ("measuring", "evaluating") else "gated"
    config, expected = whole(kind)
    process = start(config, tmp_path / "run", where, 5)
    process.communicate()
    assert process.returncode == -9
    finish(config, tmp_path / "run")
    assert_same(tmp_path / "run", expected)


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump({**CONFIGS["masked"], "epochs": 3}))
    return path


@pytest.fixture
def half(tiny, tmp_path, monkeypatch):
    """Folder of a run that was stopped after its second epoch."""
    folder = tmp_path / "half"

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise ArithmeticError

    original = keras.Model.fit

    def fit(self, *args, callbacks=None, **options):
        return original(self, *args, callbacks=[*callbacks, Stop()], **options)

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "fit", fit)
        with pytest.raises(ArithmeticError):
            run(load_config(tiny), folder, verbose=0, checkpoint_seconds=0.0)
    assert {path.name for path in folder.iterdir()} == {CHECKPOINT}
    return folder


def command(tiny, folder, *more):
    arguments = ["--config", tiny, "--output", folder, "--verbose", "0", *more]
    return main(list(map(str, arguments)))


def test_a_finished_run_is_not_run_again(tiny, tmp_path, capsys):
    folder = tmp_path / "run"
    assert command(tiny, folder, "--resume") == 0
    assert "no checkpoint.keras there, starting" in capsys.readouterr().out
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert command(tiny, folder, "--resume") == 0
    assert "the run is finished" in capsys.readouterr().out
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert command(tiny, folder, "--resume", "--set", "seed=5") == 2
    assert "is of a run with another config" in capsys.readouterr().err


def test_a_run_goes_on_only_if_told(tiny, half, capsys):
    assert command(tiny, half) == 2
    assert "--resume for a run that was killed" in capsys.readouterr().err
    assert command(tiny, half, "--overwrite") == 0
    record = json.loads((half / "run.json").read_text())
    assert "resumed_after_epochs" not in record


def test_a_run_goes_on_with_its_own_config_only(tiny, half, capsys):
    for setting, text in (
        ("seed=5", "`seed` is 0 there and 5 here"),
        ("latent_dim=9", "`latent_dim` is 8 there and 9 here"),
        ("method=fixed", "`method` is ald there and fixed here"),
    ):
        assert command(tiny, half, "--resume", "--set", setting) == 2
        assert text in capsys.readouterr().err
    assert command(tiny, half, "--resume", "--set", "report=true") == 0


def test_what_a_run_has_written_before_its_first_checkpoint_is_no_hindrance(
    tiny, tmp_path, capsys
):
    folder = tmp_path / "run"
    (folder / "tensorboard" / "train").mkdir(parents=True)
    for name in (".lock", "history.csv", "model.keras"):
        (folder / name).write_text("left")
    assert command(tiny, folder) == 2
    assert command(tiny, folder, "--resume") == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    assert command(tiny, tmp_path / "other", "--resume") == 2
    assert "is not empty" in capsys.readouterr().err


def test_settings_that_a_method_does_not_use_do_not_count(tmp_path):
    config = {**CONFIGS["masked"], "method": "fixed", "epochs": 1}
    whole = load_config_of(tmp_path / "a.yaml", config)
    elastic = load_config_of(tmp_path / "b.yaml", {**config, "rule": "elastic"})
    check_config(tmp_path, whole.to_dict(), elastic.to_dict())
    pruned = load_config_of(tmp_path / "c.yaml", {**config, "method": "ald"})
    with pytest.raises(ValueError, match="`method` is fixed there and ald here"):
        check_config(tmp_path, whole.to_dict(), pruned.to_dict())


def test_a_run_under_the_rule_that_was_removed_says_what_to_do(tmp_path):
    now = load_config_of(tmp_path / "a.yaml", CONFIGS["masked"]).to_dict()
    before = {**now, "rule": {"name": "information", "max_loss_increase": "1%"}}
    with pytest.raises(ValueError, match="'information'.*--overwrite") as error:
        check_config(tmp_path, before, now)
    assert "\n" not in str(error.value)


def load_config_of(path, values):
    path.write_text(yaml.safe_dump(values))
    return load_config(path)


def test_a_run_that_replaces_another_is_not_taken_for_it(tiny, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    assert command(tiny, folder) == 0
    before = json.loads((folder / "run.json").read_text())["versions"]
    with monkeypatch.context() as patch:
        patch.setattr(ald_keras.runs.training, "train", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            command(tiny, folder, "--overwrite")
    assert command(tiny, folder, "--resume") == 0
    record = json.loads((folder / "run.json").read_text())
    assert (record["versions"], record["epochs"]) == (before, 3)


def test_where_it_goes_on_does_not_matter_to_a_finished_run(tiny, tmp_path, capsys):
    folder = tmp_path / "run"
    assert command(tiny, folder) == 0
    for setting in ("strategy=mirrored", "report=true", "tensorboard=true"):
        assert command(tiny, folder, "--resume", "--set", setting) == 0
        assert "the run is finished" in capsys.readouterr().out


def test_a_folder_may_move(tiny, half, tmp_path):
    moved = half.rename(tmp_path / "verschoben nach größer")
    assert command(tiny, moved, "--resume") == 0


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_checkpoint_is_an_error(tiny, half, capsys, damage):
    path = half / CHECKPOINT
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        with zipfile.ZipFile(path) as archive:
            part = archive.getinfo("model.weights.h5")
        content[part.header_offset + part.file_size // 2] ^= 1
    elif damage == "truncated":
        del content[len(content) // 2 :]
    else:
        content = bytearray(b"" if damage == "empty" else b"no model at all")
    path.write_bytes(content)
    assert command(tiny, half, "--resume") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{path} cannot be loaded" in err
    assert path.read_bytes() == content


def test_a_model_that_is_no_checkpoint_is_an_error(tiny, half, capsys):
    config = load_config(tiny)
    model = build_model(config, load_parts(config).data)
    model.optimizer.build(model.trainable_variables)
    model.save(half / CHECKPOINT)
    assert command(tiny, half, "--resume") == 2
    assert "holds no saved state of a run" in capsys.readouterr().err


def test_a_full_disk_leaves_the_last_checkpoint(tiny, half, monkeypatch, capsys):
    content = (half / CHECKPOINT).read_bytes()
    original = keras.Model.save

    def save(self, path, *args, **kwargs):
        # What the system does once a file is as large as it may be.
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
        try:
            original(self, path, *args, **kwargs)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "save", save)
        assert command(tiny, half, "--resume", "--checkpoint-seconds", "0") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert {path.name for path in half.iterdir()} == {CHECKPOINT}
    assert (half / CHECKPOINT).read_bytes() == content
    assert command(tiny, half, "--resume") == 0


def test_two_runs_do_not_write_the_same_folder_at_once(tiny, tmp_path, capsys):
    with run_folder(tmp_path / "run", overwrite=False):
        for more in ("--overwrite", "--resume"):
            assert command(tiny, tmp_path / "run", more) == 2
            assert "Another run is writing to" in capsys.readouterr().err
    assert command(tiny, tmp_path / "run") == 0


@pytest.mark.parametrize("seconds", ["-1", "nan", "x"])
def test_bad_seconds_are_an_error(tiny, tmp_path, seconds, capsys):
    try:
        code = command(tiny, tmp_path / "run", "--checkpoint-seconds", seconds)
    except SystemExit as error:
        code = error.code
    assert code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "checkpoint" in err
