import csv
import json

import pytest

from ald_keras.experiments.core.runs import read_runs
from ald_keras.experiments.core.statistics import mean_and_sd, t_interval
from ald_keras.experiments.stability.command import main
from ald_keras.experiments.stability.summary import COLUMNS, summarize


@pytest.fixture
def experiment(tmp_path, write_run, write_manifest):
    """Runs whose numbers are easy to work out."""
    output = tmp_path / "out"
    write_manifest(output, "stability")
    many = {"config": {"epochs": 20}}
    for seed, (dims, elbo, epoch) in enumerate(
        [(4, -100.0, 9), (5, -101.0, 11), (6, -102.0, None)]
    ):
        write_run(output, "size_curve", 10, seed, dims, elbo, epoch, **many)
    for seed, elbo in enumerate([-100.5, -99.5]):
        write_run(output, "size_curve", 8, seed, 5, elbo, 7, **many)
    for size, elbos in {
        4: (-101.0, -101.2),
        5: (-100.1, -100.3),
        6: (-100.0, -100.0),
        10: (-100.2, -100.4),
    }.items():
        for seed, elbo in enumerate(elbos):
            test = {"reconstruction_loss": 91.0} if size == 5 else {}
            if size == 10:
                test = {"active_units": 6 + seed}
            write_run(output, "fixed", size, seed, size, elbo, **many, test=test)
    return output


@pytest.fixture
def rows(experiment, capsys):
    assert main(["--report", "--output", str(experiment)]) == 0
    with open(experiment / "table.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return {(line["run"], line["start"]): line for line in lines}


def numbers(row, *names):
    return [float(row[name]) for name in names]


def test_dimensions_over_seeds(rows):
    row = rows["size_curve", "10"]
    names = ("runs", "dims_mean", "dims_sd", "dims_min", "dims_max")
    assert numbers(row, *names) == [3, 5, 1, 4, 6]
    # Student's 97.5 % quantile with 2 degrees of freedom is 4.302653.
    half = 4.302653 / 3**0.5
    assert numbers(row, "dims_low", "dims_high") == pytest.approx([5 - half, 5 + half])


def test_dimensions_over_seeds_and_starts(rows):
    row = rows["size_curve", "all"]
    assert numbers(row, "runs", "dims_mean", "dims_min", "dims_max") == [5, 5, 4, 6]
    assert float(row["dims_sd"]) == pytest.approx(0.5**0.5)
    half = 2.776445 * 0.5**0.5 / 5**0.5
    assert numbers(row, "dims_low", "dims_high") == pytest.approx([5 - half, 5 + half])
    assert numbers(row, "fixed", "not_fixed", "fixed_epoch") == [4, 1, 9.5]


def test_when_the_size_was_fixed(rows):
    row = rows["size_curve", "10"]
    # At the end of the tenth and of the twelfth epoch, of 20 steps each.
    names = ("fixed", "not_fixed", "inconclusive", "fixed_epoch", "fixed_step")
    assert numbers(row, *names) == [2, 1, 0, 11, 220]
    assert rows["fixed", "5"]["fixed"] == rows["fixed", "5"]["fixed_epoch"] == ""


def test_figures_and_their_differences(rows):
    row = rows["size_curve", "10"]
    assert numbers(row, "elbo_mean", "elbo_sd", "elbo_to_best") == [-101, 1, -1]
    assert numbers(row, "reconstruction_loss_mean", "silhouette_sd") == [91, 0]
    assert numbers(row, "frechet_reconstruction_mean", "seconds") == [2, 10]
    # Sizes 4, 5 and 6 from scratch have -101.1, -100.2 and -100.
    expected = ((-100 + 101.1) + (-101 + 100.2) + (-102 + 100)) / 3
    assert float(row["elbo_to_same_size"]) == pytest.approx(expected)
    assert row["same_size_runs"] == "3"
    assert float(rows["fixed", "6"]["elbo_to_best"]) == 0
    assert float(rows["fixed", "10"]["elbo_to_best"]) == pytest.approx(-0.3)


def test_the_answer_stands_above_the_table(experiment, rows, capsys):
    text = (experiment / "table.md").read_text()
    assert "Smallest sufficient size: 5 dimensions" in text
    assert "-100.20 nats" in text
    assert "-100.00 nats with 6" in text
    assert "largest fixed size, 10: 6.5. Smallest sufficient size by the" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(rows) == 9
    assert len({line.count("|") for line in lines}) == 1
    summary = json.loads((experiment / "summary.json").read_text())
    assert summary["smallest_sufficient_size"]["size"] == 5
    assert summary["by_reconstruction"]["size"] == 6
    assert summary["rows"][0]["dims_mean"] == 5.0
    assert main(["--report", "--output", str(experiment)]) == 0
    printed = capsys.readouterr().out
    assert "Smallest sufficient size: 5 dimensions" in printed
    assert "5.0 ± 1.0" in printed
    assert "2.5 to 7.5" in printed


def test_runs_of_another_size_are_not_compared_with_theirs(tmp_path, write_run):
    write_run(tmp_path, "fixed", 5, 0, 5, -100.0)
    write_run(tmp_path, "ald", 8, 0, 5, -101.0, 1)
    write_run(tmp_path, "ald", 8, 1, 6, -103.0, 1, status="collapsed")
    fixed, ald = (
        next(
            row for row in summarize(read_runs(tmp_path), {}).rows if row["run"] == run
        )
        for run in ("fixed", "ald")
    )
    assert (ald["elbo_to_same_size"], ald["same_size_runs"]) == (-1.0, 1)
    assert (ald["elbo_to_best"], ald["inconclusive"]) == (-2.0, 1)
    assert (fixed["dims_sd"], fixed["dims_low"], fixed["elbo_sd"]) == (None, None, None)


def test_only_runs_of_the_same_task_are_compared(tmp_path, write_run):
    write_run(tmp_path, "fixed", 5, 0, 5, -100.0)
    heavy = {"beta": {"value": 4.0}}
    write_run(tmp_path, "beta4", 8, 0, 5, -90.0, 1, config=heavy)
    rule = {"rule": {"name": "size_curve", "patience": 9}}
    write_run(tmp_path, "slow", 8, 0, 5, -101.0, 1, config=rule)
    write_run(tmp_path, "oneshot", 5, 0, 5, -99.0, 1, config={"epochs": 12})
    rows = {row["run"]: row for row in summarize(read_runs(tmp_path), {}).rows}
    assert rows["beta4"]["elbo_to_best"] is None
    assert rows["slow"]["elbo_to_best"] == -1.0
    assert rows["oneshot"]["elbo_to_same_size"] == 1.0
    assert list(rows) == ["beta4", "slow", "fixed", "oneshot"]


def test_runs_without_fixed_sizes_and_estimates(tmp_path, write_run):
    write_run(tmp_path, "ald", 8, 0, 5, -101.0)
    estimates = {
        "two_nn": {"dims": 4.5, "seconds": 0.5},
        "minka": {"dims": None, "reason": "...", "seconds": 0.0},
    }
    summary = summarize(read_runs(tmp_path), estimates)
    assert summary.smallest_sufficient_size is None
    assert [tuple(row) for row in summary.rows] == [COLUMNS] * 3
    assert summary.rows[1]["dims_mean"] == 4.5
    assert summary.rows[2]["dims_mean"] is None


def test_statistics():
    assert mean_and_sd([1.0, None, 3.0]) == (2.0, pytest.approx(2**0.5))
    assert mean_and_sd([None]) == (None, None)
    assert mean_and_sd([2]) == (2.0, None)
    assert t_interval([3.0]) == (None, None)
    assert t_interval([3.0, 3.0]) == (3.0, 3.0)
