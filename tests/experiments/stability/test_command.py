import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from ald_keras.experiments.core import runner
from ald_keras.experiments.core.jobs import read_job
from ald_keras.experiments.stability.command import main


def mtimes(folder):
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*")}


def wait_for(path, process):
    for _ in range(1200):
        if path.is_file():
            return
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError(f"{path} has not appeared")


@pytest.mark.slow
def test_a_killed_experiment_goes_on_where_it_was(tiny_file, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = ["--config", str(tiny_file), "--output", str(output), "--rules"]
    arguments += ["--sizes", "2", "--fixed-seeds", "2"]
    command = [sys.executable, "-m", "ald_keras.experiments.stability", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as process:
        wait_for(output / "fixed-2-seed1" / "config.yaml", process)
        process.send_signal(signal.SIGKILL)
    first, second = (output / f"fixed-2-seed{seed}" for seed in range(2))
    assert (first / "run.json").is_file()
    assert not (second / "run.json").exists()
    before = mtimes(first)
    assert main(arguments) == 0
    assert mtimes(first) == before
    assert (second / "run.json").is_file()
    summary = json.loads((output / "summary.json").read_text())
    assert [(row["start"], row["runs"]) for row in summary["rows"]] == [(2, 2)]
    assert "Smallest sufficient size: 2 dimensions" in capsys.readouterr().out
    assert (
        "Smallest sufficient size: 2 dimensions" in (output / "report.html").read_text()
    )
    before |= mtimes(second)
    assert main(arguments) == 0
    assert mtimes(first) | mtimes(second) == before
    note = (output / "experiment.json").read_bytes()
    assert main([*arguments, "--set", "epochs=3"]) == 2
    error = capsys.readouterr().err
    assert "fixed-2-seed0" in error
    assert "epochs: 2 there, 3 here" in error
    assert (output / "experiment.json").read_bytes() == note


@pytest.mark.slow
def test_an_experiment_with_a_failing_run_ends_with_two(
    tiny_file, tmp_path, write_run, capsys
):
    output = tmp_path / "out"
    write_run(output, "size_curve", 4, 0, 3, -50.0)
    write_run(output, "fixed", 2, 0, 2, -51.0)
    arguments = ["--config", str(tiny_file), "--output", str(output), "--seeds", "1"]
    arguments += ["--starts", "4", "--rules", "size_curve", "--fixed-seeds", "1"]
    broken = "broken:data.limit=100000"
    assert main([*arguments, "--variant", broken, "--sizes", "2"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "1 failed: broken-4-seed0. broken-4-seed0: ald_keras.train: `limit`" in (
        captured.err
    )
    # The others are in the table all the same.
    assert "fixed size" in captured.out
    summary = json.loads((output / "summary.json").read_text())
    assert list(summary["failures"]) == ["broken-4-seed0"]


@pytest.mark.slow
def test_sizes_are_searched_from_the_median_answer_of_the_rules(
    tiny_file, tmp_path, write_run, monkeypatch
):
    order = []

    def pretend(module, arguments):
        folder = pathlib.Path(arguments[arguments.index("--output") + 1])
        job = read_job(folder)
        group, start = job.group, job.size
        dims = {"size_curve": 6, "odd": 11}.get(group, start)
        lost = max(0, 5 - start) if group == "fixed" else 0
        write_run(folder.parent, group, start, job.seed, dims, -100.0 - lost)
        order.append(job.name)

    monkeypatch.setattr(runner, "run_module", pretend)
    output = tmp_path / "out"
    arguments = ["--config", str(tiny_file), "--output", str(output)]
    arguments += ["--starts", "12", "11", "--rules", "size_curve", "--seeds", "2"]
    arguments += ["--variant", "odd:probe.size=20", "--fixed-seeds", "1"]
    assert main(arguments) == 0
    sizes = [int(name.split("-")[1]) for name in order if name.startswith("fixed")]
    assert sizes == [3, 4, 5, 6, 7, 8, 9, 12, 2]
    assert len(order) == 2 * 2 * 2 + len(sizes)
    summary = json.loads((output / "summary.json").read_text())
    assert summary["smallest_sufficient_size"]["size"] == 5
    assert main(arguments) == 0
    assert len(order) == 2 * 2 * 2 + len(sizes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rules", "size_curv"], "Did you mean 'size_curve'"),
        (["--starts", "4", "4"], "--starts"),
        (["--seeds", "0"], "--seeds"),
        (["--set", "epoch=3"], "Did you mean 'epochs'"),
        (["--set", "seed=3"], "decided by --seeds"),
        (["--data-dir", "/nowhere"], "/nowhere"),
        (["--sizes", "0"], "--sizes"),
        (["--rules"], "`--sizes` must be given"),
        (["--report"], "nor an experiment (experiment.json"),
        (["--config", "none.yaml"], "none.yaml"),
    ],
)
def test_wrong_arguments_end_in_one_line(
    tiny_file, tmp_path, capsys, arguments, message
):
    output = tmp_path / "out"
    start = ["--config", str(tiny_file), "--output", str(output)]
    assert main([*start, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ald_keras.experiments.stability: ")
    assert error.count("\n") == 1
    assert message in error
    assert not output.exists()


def test_a_config_is_needed_to_run(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["--output", str(tmp_path)])
    assert end.value.code == 2
    assert "--config" in capsys.readouterr().err


@pytest.mark.slow
def test_fixed_sizes_are_found_and_baselines_added(tiny_file, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = ["--config", str(tiny_file), "--output", str(output), "--seeds", "1"]
    arguments += ["--starts", "8", "5", "--rules", "size_curve", "--fixed-seeds", "1"]
    assert main([*arguments, "--set", "epochs=3", "--baselines"]) == 0
    summary = json.loads((output / "summary.json").read_text())
    rows = {(row["run"], row["start"]): row for row in summary["rows"]}
    sizes = {start for run, start in rows if run == "fixed"}
    size = summary["smallest_sufficient_size"]["size"]
    assert {*range(max(1, size - 3), size + 4), 8} <= sizes
    assert rows["oneshot", 8]["elbo_to_best"] is not None
    assert {run for run, _ in rows} >= {"pca_95", "minka", "two_nn"}
    capsys.readouterr()
    before = mtimes(output / "oneshot-8-seed0")
    assert main(["--report", "--output", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "TwoNN" in printed
    assert mtimes(output / "oneshot-8-seed0") == before
