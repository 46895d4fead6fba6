import csv
import json
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml

from ald_keras.experiments.compare import hp_runner
from ald_keras.experiments.compare.command import main
from ald_keras.experiments.core.manifest import read_manifest
from ald_keras.experiments.figures.command import main as draw
from ald_keras.runs.file_names import ERROR_FILE
from ald_keras.runs.record import read_record

SEARCH = {"sizes": [2, 3, 5], "rules": ["size_curve"]}


@pytest.fixture(scope="module")
def settings(tiny_run):
    """What all comparisons of this file are told."""
    return {**tiny_run, "hp_search": SEARCH}


@pytest.fixture(scope="module")
def file(settings, tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny_compare.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope="module")
def done(file, tmp_path_factory):
    """The folder of a comparison that has come to its end."""
    output = tmp_path_factory.mktemp("done")
    assert main(["--config", str(file), "--output", str(output)]) == 0
    return output


def table(output):
    """Rows of the table, but for what depends on the clock."""
    with open(output / "table.csv", newline="", encoding="utf-8") as lines:
        return [
            {key: value for key, value in row.items() if "seconds" not in key}
            for row in csv.DictReader(lines)
        ]


def mtimes(folder):
    files = [file for file in folder.rglob("*") if file.parent != folder]
    return {file: file.stat().st_mtime_ns for file in files}


def test_the_table_holds_what_the_runs_hold(done):
    rows = json.loads((done / "summary.json").read_text())["rows"]
    assert [(row["run"], row["what"], row["size"]) for row in rows] == [
        ("grid", "trial", 2),
        ("grid", "trial", 3),
        ("grid", "trial", 5),
        ("grid", "chosen", None),
        ("size_curve", "pruning", None),
        ("size_curve", "from scratch", None),
    ]
    trials = {size: read_record(done / f"grid-{size}-seed0") for size in (2, 3, 5)}
    pruned = read_record(done / "size_curve-4-seed0")
    scratch = read_record(done / f"fixed-{pruned['active_dims']}-seed0")
    chosen = min(trials.values(), key=lambda record: record["validation_loss"])
    for row, record in zip(
        rows, [*trials.values(), chosen, pruned, scratch], strict=True
    ):
        test = record["test"]
        assert row["runs"] == 1
        assert row["size_mean"] == record["active_dims"]
        assert row["parameters_mean"] == record["parameters_compact"]
        for name in ("elbo", "kl_loss", "silhouette", "clustering_accuracy"):
            assert row[f"{name}_mean"] == test[name]
        for kind in ("reconstruction", "generation"):
            value = test[f"frechet_{kind}"]
            assert row[f"frechet_{kind}_identity_mean"] == value
        if record is not chosen:
            assert row["seconds_mean"] == record["seconds"]
            assert row["epochs_mean"] == 2
    seconds = sum(record["seconds"] for record in trials.values())
    assert rows[3]["seconds_mean"] == pytest.approx(seconds)
    assert (rows[3]["epochs_mean"], rows[3]["trials"]) == (6, 3)
    ratio = pytest.approx(seconds / pruned["seconds"])
    assert rows[3]["seconds_to_size_curve_mean"] == ratio
    ratio = pytest.approx(pruned["seconds"] / scratch["seconds"])
    assert rows[4]["seconds_to_scratch_mean"] == ratio
    difference = pytest.approx(pruned["test"]["elbo"] - chosen["test"]["elbo"])
    assert rows[4]["elbo_to_grid_mean"] == difference
    # Of all validation losses the pruned run's is that of its own last epoch.
    with open(done / "size_curve-4-seed0" / "history.csv", newline="") as lines:
        last = list(csv.DictReader(lines))[-1]
    assert pruned["validation_loss"] == float(last["val_loss"])


def test_a_finished_comparison_is_only_reported(done, file, capsys):
    before = mtimes(done)
    assert main(["--config", str(file), "--output", str(done)]) == 0
    assert mtimes(done) == before
    printed = capsys.readouterr().out
    assert "5/5" in printed
    assert "grid, whole search" in printed
    assert "Frechet, rec. (identity)" in printed
    assert "It took" in printed
    (done / "table.md").unlink()
    arguments = ["--config", str(file), "--output", str(done), "--report"]
    assert main(arguments) == 0
    lines = (done / "table.md").read_text().splitlines()
    assert sum(line.startswith("| grid") for line in lines) == 4
    note = read_manifest(done)
    assert note.settings["hp_search"]["tuners"][0]["sizes"] == [2, 3, 5]
    assert "keras" in note.versions


def test_a_report_is_of_the_seeds_that_it_is_asked_for(done, file):
    saved = read_manifest(done)
    arguments = ["--config", str(file), "--output", str(done), "--report"]
    assert main([*arguments, "--seeds", "2"]) == 0
    note = read_manifest(done)
    assert (saved.settings.pop("seeds"), note.settings.pop("seeds")) == (1, 2)
    assert note == saved
    assert main(arguments) == 0
    assert read_manifest(done).settings["seeds"] == 1


def test_a_report_keeps_what_has_failed(done, file, tmp_path):
    output = tmp_path / "done"
    shutil.copytree(done, output)
    arguments = ["--config", str(file), "--output", str(output), "--report"]
    path = output / "summary.json"
    summary = json.loads(path.read_text())
    failed = {
        "grid-2-seed0": "is whole by now",
        "grid-seed0": "has come to its end by now",
        "grid-9-seed0": "of another comparison",
        "grid-3-seed1": "of another seed",
        "size_curve-4-seed0": "no memory",
    }
    path.write_text(json.dumps({**summary, "failures": failed}))
    run = output / "size_curve-4-seed0"
    (run / "run.json").rename(run / "kept.json")
    assert main(arguments) == 0
    left = json.loads(path.read_text())["failures"]
    assert left == {"size_curve-4-seed0": "no memory"}
    assert "no memory" in (output / "report.html").read_text(encoding="utf-8")
    # What a command that was killed has left in the run's folder counts as well.
    (run / ERROR_FILE).write_text("no disk\n")
    path.write_text(json.dumps({**summary, "failures": {}}))
    assert main(arguments) == 0
    left = json.loads(path.read_text())["failures"]
    assert left == {"size_curve-4-seed0": "no disk"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("experiment.json", "{"),
        ("experiment.json", "[]"),
        ("summary.json", "{"),
        ("summary.json", "[]"),
        ("summary.json", '{"failures": {"a": 3}}'),
    ],
)
def test_a_report_on_damaged_notes(done, file, tmp_path, capsys, name, text):
    shutil.copytree(done, tmp_path / "done")
    (tmp_path / "done" / name).write_text(text)
    arguments = ["--config", str(file), "--output", str(tmp_path / "done"), "--report"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert name in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_the_reason_is_told_where_everything_fails(settings, tmp_path, capsys):
    file = tmp_path / "missing.yaml"
    nothing = {"dataset": "npz", "data": {"path": str(tmp_path / "none.npz")}}
    search = {"sizes": [2], "rules": []}
    file.write_text(yaml.safe_dump({**settings, **nothing, "hp_search": search}))
    assert main(["--config", str(file), "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "none.npz" in error
    assert error.count("\n") == 1


def test_its_report_and_its_figures(done, capsys):
    page = (done / "report.html").read_text(encoding="utf-8")
    assert "grid: 3 trials, the best by its validation loss" in page
    assert "size of size_curve, from scratch" in page
    assert "tuner: grid" in page
    assert page.count("<img ") == 5
    assert draw([str(done)]) == 0
    names = [
        *("costs", "scratch-size_curve", "size-curve-size_curve", "sizes"),
        "starts-size_curve",
    ]
    assert sorted(file.stem for file in (done / "figures").iterdir()) == names
    assert str(done / "report.html") in capsys.readouterr().out


# That trials which are whole are not repeated, and others start over, is looked at in
# test_search.py within one process; a killed command in test_stability.py.
@pytest.mark.slow
def test_a_comparison_killed_at_a_random_moment_goes_on(done, file, tmp_path):
    output = tmp_path / "out"
    arguments = ["--config", str(file), "--output", str(output)]
    command = [sys.executable, "-m", "ald_keras.experiments.compare", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    runs = [path for path in done.iterdir() if path.name.endswith("-seed0")]
    moment = random.random()
    with subprocess.Popen(command, **quiet) as process:
        # After some of the runs, and somewhere in the next.
        whole = int(moment * len(runs))
        while len(list(output.glob("*-seed0/run.json"))) < whole:
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(random.random())
        process.send_signal(signal.SIGKILL)
    # Until the process that searches has noticed as well.
    time.sleep(1)
    before = {
        file: file.stat().st_mtime_ns
        for record in output.glob("*-seed0/run.json")
        for file in record.parent.iterdir()
    }
    assert main(arguments) == 0, moment
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert table(output) == table(done)


@pytest.mark.slow
def test_a_trial_that_ends_its_process_loses_no_other(
    file, tmp_path, commands, monkeypatch, capsys
):
    name = "grid-3-seed0"
    # Dies in the trial as if for want of memory, unless told to leave it out.
    commands(
        "dies",
        f'''os.makedirs(argv[3] + "/{name}", exist_ok=True)
    if "{name}" not in argv:
        event = json.dumps({{"trial": "{name}", "what": "began", "reason": ""}})
        print("@trial " + event, flush=True)
        os.kill(os.getpid(), 9)
    from ald_keras.experiments.compare.tuner import main
    main(argv)''',
    )
    monkeypatch.setattr(hp_runner, "COMMAND", "dies")
    monkeypatch.syspath_prepend(".")
    output = tmp_path / "out"
    arguments = ["--config", str(file), "--output", str(output)]
    assert main([*arguments, "--set", "hp_search.rules=[]", "epochs=1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"1 failed: {name}. {name}: ended by signal 9" in error
    rows = json.loads((output / "summary.json").read_text())["rows"]
    assert [(row["what"], row["size"]) for row in rows] == [
        ("trial", 2),
        ("trial", 5),
        ("chosen", None),
    ]
    assert (rows[2]["failed"], rows[2]["trials"]) == (1, 3)
    assert "signal 9" in (output / name / ERROR_FILE).read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "hp_search.tuner=gird"], "Did you mean 'grid'"),
        (["--set", "hp_search.sizes=[0]"], "`hp_search.sizes`"),
        (["--seeds", "0"], "`--seeds`"),
        (["--set", "epoch=3"], "Did you mean 'epochs'"),
        (["--set", "seed=3"], "decided by --seeds"),
        (["--set", "method=fixed"], "decided by hp_search.rules"),
        (["--data-dir", "/nowhere"], "/nowhere"),
        (["--report"], "nor an experiment (experiment.json"),
        (["--config", "none.yaml"], "none.yaml"),
    ],
)
def test_wrong_arguments_end_in_one_line(file, tmp_path, capsys, arguments, message):
    output = tmp_path / "out"
    assert main(["--config", str(file), "--output", str(output), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ald_keras.experiments.compare: ")
    assert error.count("\n") == 1
    assert message in error
    assert not output.exists()


def test_a_config_is_needed(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_runs_of_another_config_are_an_error(done, file, capsys):
    before = {path: path.read_bytes() for path in done.iterdir() if path.is_file()}
    arguments = ["--config", str(file), "--output", str(done)]
    assert main([*arguments, "--set", "batch_size=32"]) == 2
    assert "batch_size: 64 there, 32 here" in capsys.readouterr().err
    assert main([*arguments, "--set", "batch_size=32", "--report"]) == 2
    assert "batch_size: 64 there, 32 here" in capsys.readouterr().err
    stop = "hp_search.early_stopping={patience: 1}"
    assert main([*arguments, "--set", stop, "hp_search.name=grid"]) == 2
    assert "another early_stopping" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in before}


def test_variables_of_keras_tuner_that_do_not_go_together(
    file, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    arguments = ["--config", str(file), "--output", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "KERASTUNER_TUNER_ID must be set" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
