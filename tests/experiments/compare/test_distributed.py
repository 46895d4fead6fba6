import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import yaml

from ald_keras.experiments.compare.roles import ALONE, CHIEF, WORKER, find_role

IDS = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


def variables(*values):
    return {name: value for name, value in zip(IDS, values, strict=True) if value}


def test_keras_tuners_variables_decide_the_role():
    assert find_role({}) == ALONE
    assert find_role(variables("tuner7", "", "")) == ALONE
    assert find_role(variables("chief", "127.0.0.1", "8000")) == CHIEF
    assert find_role(variables("tuner7", "127.0.0.1", "8000")) == WORKER


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        (("", "127.0.0.1", ""), IDS[0]),
        (("", "127.0.0.1", "8000"), IDS[0]),
        (("", "", "8000"), IDS[0]),
        (("tuner7", "127.0.0.1", ""), IDS[2]),
        (("tuner7", "", "8000"), IDS[1]),
    ],
)
def test_variables_that_are_missing_are_named(values, missing):
    with pytest.raises(ValueError, match=missing):
        find_role(variables(*values))


@pytest.fixture
def start(tmp_path):
    """A function that starts the command as the chief or as a worker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    processes = []

    def begin(name, *arguments):
        with open(tmp_path / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ald_keras.experiments.compare", *arguments],
                env={**os.environ, **variables(name, "127.0.0.1", port)},
                stdout=log,
                stderr=log,
            )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()


def wait(condition, *processes, seconds=600):
    for _ in range(10 * seconds):
        if condition():
            return
        assert all(process.poll() is None for process in processes)
        time.sleep(0.1)
    raise AssertionError("It has not come about.")


def trials(output):
    """Names of the trials that are in progress, and of those that have ended."""
    folders = [path.parent for path in output.glob("grid-*-seed*/config.yaml")]
    ended = {path.name for path in folders if (path / "run.json").is_file()}
    return {path.name for path in folders} - ended, ended


@pytest.mark.slow
def test_a_worker_killed_within_a_trial_starts_it_over(tiny_run, tmp_path, start):
    output, file = tmp_path / "out", tmp_path / "tiny.yaml"
    search = {"sizes": [2, 3, 4, 5], "rules": ["size_curve"]}
    file.write_text(yaml.safe_dump({**tiny_run, "epochs": 60, "hp_search": search}))
    arguments = ["--config", str(file), "--output", str(output), "--seeds", "2"]
    chief = start("chief", *arguments)
    workers = [start(f"worker{number}", *arguments) for number in range(2)]
    wait(lambda: len(trials(output)[0]) == 2, chief, *workers)
    running, _ = trials(output)
    workers[1].send_signal(signal.SIGKILL)
    workers[1].wait()
    # The other one does all that is left of the first seed, and waits.
    wait(lambda: len(trials(output)[1]) == 3, chief, workers[0])
    time.sleep(2)
    (killed,), ended = trials(output)
    assert killed in running
    assert len(ended) == 3
    assert chief.poll() is None
    before = {name: (output / name / "run.json").stat().st_mtime_ns for name in ended}
    begun = (output / killed / "config.yaml").stat().st_mtime_ns
    workers[1] = start("worker1", *arguments)
    for process in (*workers, chief):
        assert process.wait(timeout=600) == 0
    assert (output / killed / "config.yaml").stat().st_mtime_ns > begun
    assert json.loads((output / killed / "run.json").read_text())["epochs"] == 60
    for name, time_written in before.items():
        assert (output / name / "run.json").stat().st_mtime_ns == time_written
    summary = json.loads((output / "summary.json").read_text())
    rows = [(row["what"], row["size"], row["runs"]) for row in summary["rows"]]
    assert rows == [
        *(("trial", size, 2) for size in search["sizes"]),
        ("chosen", None, 2),
        ("pruning", None, 2),
        ("from scratch", None, 2),
    ]
    assert summary["failures"] == {}
    assert summary["rows"][4]["trials"] == 4
    assert summary["rows"][4]["workers"] == 2
    assert "seconds_to_size_curve_mean" not in summary["rows"][4]


@pytest.mark.slow
def test_a_chief_that_is_started_again_finds_its_workers(tiny_run, tmp_path, start):
    output, file = tmp_path / "out", tmp_path / "tiny.yaml"
    search = {"sizes": [2, 3, 4, 5], "rules": []}
    file.write_text(yaml.safe_dump({**tiny_run, "epochs": 60, "hp_search": search}))
    arguments = ["--config", str(file), "--output", str(output)]
    chief = start("chief", *arguments)
    workers = [start(f"worker{number}", *arguments) for number in range(2)]
    wait(lambda: len(trials(output)[1]) == 1, chief, *workers)
    wait(lambda: len(trials(output)[0]) == 2, chief, *workers)
    chief.send_signal(signal.SIGKILL)
    chief.wait()
    _, ended = trials(output)
    before = {name: (output / name / "run.json").stat().st_mtime_ns for name in ended}
    chief = start("chief", *arguments)
    for process in (*workers, chief):
        assert process.wait(timeout=600) == 0
    for name, time_written in before.items():
        assert (output / name / "run.json").stat().st_mtime_ns == time_written
    rows = json.loads((output / "summary.json").read_text())["rows"]
    assert [row["size"] for row in rows] == [2, 3, 4, 5, None]


@pytest.mark.slow
def test_a_worker_of_another_comparison_is_turned_away(tiny_run, tmp_path, start):
    output, file = tmp_path / "out", tmp_path / "tiny.yaml"
    search = {"sizes": [2, 3], "rules": []}
    file.write_text(yaml.safe_dump({**tiny_run, "hp_search": search}))
    arguments = ["--config", str(file), "--output", str(output)]
    chief = start("chief", *arguments)
    wrong = start("worker0", *arguments, "--set", "batch_size=32")
    assert wrong.wait(timeout=300) == 2
    assert "another comparison" in (tmp_path / "worker0.log").read_text()
    assert chief.poll() is None
    worker = start("worker0", *arguments)
    assert worker.wait(timeout=300) == 0
    assert chief.wait(timeout=300) == 0
    rows = json.loads((output / "summary.json").read_text())["rows"]
    assert [row["size"] for row in rows] == [2, 3, None]
