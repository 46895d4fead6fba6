"""Size curves beside sizes from scratch: numbers, table, figure, command."""

import csv
import json

import pytest
import yaml

from ald_keras.experiments.core.runs import read_runs
from ald_keras.experiments.curve.command import main, make_parser, make_plan
from ald_keras.experiments.curve.result import answers, cells
from ald_keras.experiments.curve.summary import summarize_curves
from ald_keras.metrics import SizeCurve

ELASTIC = {"config": {"method": "ald", "rule": "elastic"}, "elastic": True}


def curve(losses, full_kl=10.0):
    """A curve over sizes 1, 2, ... with these losses, half of a nat of it KL."""
    count = len(losses)
    return SizeCurve(
        sizes=tuple(range(1, count + 1)),
        increase=tuple(loss - losses[-1] for loss in losses),
        standard_error=(0.1,) * (count - 1) + (0.0,),
        metrics={
            "loss": tuple(losses),
            "reconstruction": tuple(loss - full_kl for loss in losses),
            "kl": (full_kl,) * count,
        },
        order=tuple(range(count)),
        samples=100,
        baseline_nll=200.0,
    )


@pytest.fixture
def experiment(write_run, tmp_path):
    """Two elastic runs of four dimensions, and sizes from scratch."""
    for seed, losses in enumerate(
        [(150.0, 101.0, 100.4, 100.0), (154.0, 103.0, 100.6, 100.2)]
    ):
        folder = write_run(tmp_path, "elastic", 8, seed, 4, -100.0, **ELASTIC)
        curve(losses).to_csv(folder / "size_curve.csv")
    scratch = {1: (-140.0, -140.2), 2: (-101.0, -101.4), 3: (-100.1, -100.1)}
    scratch[8] = (-100.0, -99.8)
    for size, elbos in scratch.items():
        for seed, elbo in enumerate(elbos):
            write_run(tmp_path, "fixed", size, seed, size, elbo)
    return tmp_path


def test_numbers_of_each_size(experiment):
    summary = summarize_curves(experiment, read_runs(experiment))
    assert summary.gain == pytest.approx(200.0 - 99.9)
    rows = {row["size"]: row for row in summary.rows}
    assert list(rows) == [1, 2, 3, 4, 8]
    two = rows[2]
    assert two["scratch_elbo"] == pytest.approx(-101.2)
    assert two["curve_elbo"] == pytest.approx(-102.0)
    assert two["excess"] == pytest.approx(0.8)
    assert two["allowed"] == pytest.approx(2 * 0.2 * 2**0.5)  # two sd
    assert two["increase"] == pytest.approx((1.0 + 2.8) / 2)
    assert rows[3]["allowed"] == pytest.approx(0.005 * summary.gain)
    # Without its idle dimensions the curve ends at 4, which stands for 8.
    assert rows[8]["curve_elbo"] == pytest.approx(-100.1)
    assert rows[4]["excess"] is None


def test_what_is_said_of_a_kind_of_run(experiment):
    summary = summarize_curves(experiment, read_runs(experiment))
    run = summary.runs["elastic"]
    # 3 is the smallest size within 0.5 % of the gain; so 1 and 2 count as well.
    assert run["smallest_sufficient_size"] == 3
    assert run["within"] is False
    assert run["full"] == pytest.approx(-0.2)
    assert run["smallest"] == [3, 3]
    assert run["grid_seconds"] == 40.0
    (gain, line) = answers(summary)
    assert gain.startswith("Gain: 100.10 nats")
    assert "not within what is allowed" in line
    assert "4.0 times as long" in line
    marked = [row for row in map(cells, summary.rows) if "(more)" in row["excess"]]
    assert [row["size"] for row in marked] == ["1", "2"]


def test_the_command_reports_what_is_there(experiment, write_manifest, capsys):
    write_manifest(experiment, "curve")
    assert main(["--output", str(experiment), "--report"]) == 0
    assert "from scratch it is 3" in " ".join(capsys.readouterr().out.split())
    text = (experiment / "report.html").read_text("utf-8")
    assert 'id="size-curve-elastic"' in text
    summary = json.loads((experiment / "summary.json").read_text())
    assert summary["runs"]["elastic"]["smallest_sufficient_size"] == 3
    with open(experiment / "table.csv", newline="") as file:
        assert [row["size"] for row in csv.DictReader(file)] == list("12348")


def test_without_an_elastic_run_there_is_nothing_to_report(
    write_run, write_manifest, tmp_path, capsys
):
    write_manifest(tmp_path, "curve")
    write_run(tmp_path, "fixed", 4, 0, 4, -100.0)
    assert main(["--output", str(tmp_path), "--report"]) == 2
    assert "holds no whole elastic run" in capsys.readouterr().err


def plan_of(path, *arguments):
    return make_plan(make_parser().parse_args(["--config", str(path), *arguments]))


def test_settings_of_the_rule_are_kept(tiny_file, tiny_run, tmp_path):
    plan = plan_of(tiny_file, "--set", "rule.share=0.3", "--variant", "a:rule.focus=0")
    rules = {name: config.make_rule() for name, config in plan.groups.items()}
    assert rules["elastic"].share == rules["a"].share == 0.3
    assert (rules["elastic"].focus, rules["a"].focus) == (3.0, 0.0)
    path = tmp_path / "elastic.yaml"
    path.write_text(
        yaml.safe_dump({**tiny_run, "elastic": True, "rule": {"idle_kl": 0.0}})
    )
    assert plan_of(path).groups["elastic"].make_rule().idle_kl == 0.0
    assert plan_of(path, "--seeds", "2").fixed_seeds == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "9"], "`--sizes` must be at most the 4 dimensions"),
        (["--sizes", "0"], "`--sizes` must be distinct integers >= 1"),
        (["--sizes", "2", "2"], "`--sizes` must be distinct integers >= 1"),
        (["--fixed-seeds", "0"], "`--fixed-seeds` must be distinct integers >= 1"),
        (["--variant", "elastic:epochs=2"], "`--variant` must be NAME"),
        (["--set", "method=fixed"], "'method' is decided by"),
    ],
)
def test_wrong_arguments_end_in_one_line(tiny_file, capsys, arguments, message):
    assert main(["--config", str(tiny_file), *arguments]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_other_experiments_refuse_elastic_runs(tiny_file, comparison, capsys):
    from ald_keras.experiments.stability import command as stability

    given = ["--config", str(tiny_file), "--rules", "elastic"]
    assert stability.main(given) == 2
    assert "ald_keras.experiments.curve" in capsys.readouterr().err
    with pytest.raises(ValueError, match="`hp_search.rules` must be rules that find"):
        comparison({"sizes": [2], "rules": ["elastic"], "tuners": ["grid"]})


@pytest.mark.slow
def test_a_whole_experiment_resumes(tiny_file, tmp_path, capsys):
    output = tmp_path / "out"
    given = ["--config", str(tiny_file), "--output", str(output), "--sizes", "2"]
    given += ["--set", "epochs=8", "--set", "rule.idle_kl=0"]
    assert main(given) == 0
    runs = {path.name: path.stat().st_mtime_ns for path in output.glob("*/run.json")}
    assert (output / "elastic-4-seed0" / "size_curve.csv").is_file()
    assert main(given) == 0
    assert runs == {p.name: p.stat().st_mtime_ns for p in output.glob("*/run.json")}
    assert "elastic" in (output / "table.md").read_text()
    assert capsys.readouterr().out
