import csv
import json
import math
import shutil

import pytest
from figure_checks import check_figure

from ald_keras.experiments.bottleneck.command import main
from ald_keras.experiments.bottleneck.drawings import draw_bottlenecks
from ald_keras.experiments.bottleneck.plan import (
    DECIDED,
    MAY_DIFFER,
    BottleneckPlan,
    find_bound,
    gated_group,
    read_reference,
)
from ald_keras.experiments.bottleneck.result import answers, bottleneck_failures, cells
from ald_keras.experiments.bottleneck.summary import COLUMNS, summarize_bottlenecks
from ald_keras.experiments.core.runner import Runner
from ald_keras.experiments.core.runs import read_runs
from ald_keras.experiments.core.settings import read_base
from ald_keras.files.text_files import read_json
from ald_keras.runs.config_parts import GecoConfig


def mtimes(folder):
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*")}


@pytest.fixture
def plan(tiny_file):
    """A function from changes to a plan of tiny runs."""

    def make(settings=(), **changes):
        values = {"references": (2, 3), "sizes": (4, 7), "budgets": (1.0, 1.5)}
        base = read_base(tiny_file, settings, None, DECIDED, read_reference)
        return BottleneckPlan(base, **{**values, "seeds": 2, **changes})

    return make


@pytest.fixture
def write_reference(write_run):
    """A function that writes a whole reference without training."""

    def write(output, size, seed, error, **changes):
        geco = {"tau": 0.0, "gated": False}
        config = {"method": "geco", "geco": geco, **changes.pop("config", {})}
        bound = {"tau": 0.0, "max_multiplier": 1e4, "lowest_error": error}
        values = {"config": config, "bound": bound, **changes}
        return write_run(output, "reference", size, seed, size, -60.0, **values)

    return write


@pytest.fixture
def write_gated(write_run):
    """A function that writes a whole gated run without training."""

    def write(output, budget, size, seed, dims, tau, **changes):
        start = changes.pop("start", 2 * size)
        config = {"method": "geco", "latent_dim": start, "geco": {"tau": tau}}
        config |= {"epochs": round(2 * budget), **changes.pop("config", {})}
        found = {
            "error": tau,
            "tolerance": 0.02,
            "feasible": True,
            "undecided_gates": 0,
        }
        bound = {"tau": tau, **found, **changes.pop("bound", {})}
        test = {"squared_error": 3.0, "squared_error_of_means": 2.0}
        test |= changes.pop("test", {})
        folder = write_run(
            *(output, gated_group(budget), size, seed, dims, -60.0),
            facts={"budget": float(budget)},
            **{"config": config, "bound": bound, "test": test, **changes},
        )
        rows = ["epoch,active_dims,val_squared_error"]
        rows += [f"{epoch},{dims},{tau * (3 - epoch)}" for epoch in range(3)]
        (folder / "history.csv").write_text("\n".join(rows))
        return folder

    return write


@pytest.mark.slow
def test_an_experiment_goes_on_where_it_was(tiny_file, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = ["--config", str(tiny_file), "--output", str(output)]
    arguments += ["--references", "2", "--sizes", "3", "--set", "geco.gate_penalty=2"]
    assert main([*arguments, "--budgets", "1"]) == 0
    folders = [output / name for name in ("reference-2-seed0", "gated-b1-2-seed0")]
    before = [mtimes(folder) for folder in folders]
    assert main([*arguments, "--budgets", "1", "1.5"]) == 0
    assert [mtimes(folder) for folder in folders] == before
    reference, short, long = (
        read_json(output / f"{name}-2-seed0" / "run.json")
        for name in ("reference", "gated-b1", "gated-b1.5")
    )
    tau = reference["bound"]["lowest_error"]
    assert reference["active_dims"] == 2
    with open(output / "reference-2-seed0" / "history.csv", newline="") as file:
        errors = [float(row["val_squared_error"]) for row in csv.DictReader(file)]
    assert tau == min(errors)
    assert len(errors) == 2
    with open(output / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["budget"] for row in rows] == ["1.0", "1.5"]
    for row, record in zip(rows, (short, long), strict=True):
        assert float(row["tau"]) == record["bound"]["tau"] == tau
        assert float(row["dims_mean"]) == record["active_dims"]
        assert float(row["error_to_tau_mean"]) == record["bound"]["error"] / tau
        for name in ("squared_error", "squared_error_of_means"):
            assert float(row[f"{name}_mean"]) == record["test"][name]
        assert int(row["feasible"]) == record["bound"]["feasible"]
        assert int(row["decided"]) == (record["bound"]["undecided_gates"] == 0)
        assert float(row["seconds"]) == record["seconds"]
        assert float(row["reference_seconds"]) == reference["seconds"]
        assert float(row["max_multiplier"]) == 1e4
    assert [int(row["epochs"]) for row in rows] == [2, 3]
    assert (long["epochs"], long["start_dims"]) == (3, 3)
    summary = read_json(output / "summary.json")
    assert [budget["budget"] for budget in summary["budgets"]] == [1.0, 1.5]
    page = (output / "report.html").read_text()
    assert "Budget 1.5: of 1 run, " in page
    assert "Budget 1.5: of 1 run, " in (output / "table.md").read_text()
    capsys.readouterr()
    assert main(["--report", "--output", str(output)]) == 0
    printed = capsys.readouterr()
    assert "Budget 1.5: of 1 run, " in printed.out
    assert printed.err == ""
    assert [mtimes(folder) for folder in folders] == before
    assert main([*arguments, "--set", "epochs=3"]) == 2
    error = capsys.readouterr().err
    assert "reference-2-seed0" in error
    assert "epochs: 2 there, 3 here" in error


def test_a_failing_run_is_named_and_loses_no_other(
    tiny_file, tmp_path, write_reference, write_gated, capsys
):
    output = tmp_path / "out"
    broken = {"config": {"data": {"limit": 100000}}}
    write_reference(output, 2, 0, 8.0, **broken)
    arguments = ["--config", str(tiny_file), "--output", str(output)]
    arguments += ["--set", "data.limit=100000", "--references", "2", "3"]
    write_gated(output, 1, 2, 0, 3, 8.0, **broken)
    assert main([*arguments, "--budgets", "1"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "1 failed: reference-3-seed0. reference-3-seed0: ald_keras.train:" in (
        captured.err
    )
    # Without its bound no gated run can be.
    assert not (output / "gated-b1-3-seed0").exists()
    assert "Budget 1: of 1 run, 1 met tau" in captured.out
    assert list(read_json(output / "summary.json")["failures"]) == ["reference-3-seed0"]
    assert "reference-3-seed0" in (output / "report.html").read_text()
    # A report alone keeps what has failed, until it is whole.
    assert main(["--output", str(output), "--report"]) == 0
    assert list(read_json(output / "summary.json")["failures"]) == ["reference-3-seed0"]
    shutil.rmtree(output / "reference-3-seed0")
    write_reference(output, 3, 0, 7.0, **broken)
    assert main(["--output", str(output), "--report"]) == 0
    assert read_json(output / "summary.json")["failures"] == {}


def test_runs_of_another_config_are_found_before_any_is_made(
    tiny_file, tmp_path, write_reference, capsys
):
    output = tmp_path / "out"
    write_reference(output, 2, 0, 8.0, config={"epochs": 5})
    arguments = ["--config", str(tiny_file), "--output", str(output)]
    assert main([*arguments, "--references", "3", "--budgets", "1"]) == 2
    error = capsys.readouterr().err
    assert "reference-2-seed0 holds a run of another config" in error
    assert "epochs: 5 there, 2 here" in error
    assert [folder.name for folder in output.iterdir()] == ["reference-2-seed0"]


@pytest.mark.parametrize("error", [0.0, math.nan, math.inf])
def test_an_error_that_can_be_no_bound(tmp_path, plan, write_reference, capsys, error):
    write_reference(tmp_path, 2, 0, error)
    alone = plan(references=(2,), sizes=(4,), seeds=1)
    with Runner(tmp_path) as runner:
        alone.run(runner)
    assert list(runner.failures) == ["reference-2-seed0"]
    assert "must be positive and finite" in runner.failures["reference-2-seed0"]
    assert bottleneck_failures(tmp_path, {}) == runner.failures
    assert [folder.name for folder in tmp_path.glob("gated*")] == []
    # Nothing more is to come.
    assert " 1/1 " in capsys.readouterr().out


def test_what_a_plan_runs(plan):
    made = plan(["geco.gate_penalty=3", "rule.patience=7"], ald=True)
    reference = made.reference_job(3, 1)
    assert reference.name == "reference-3-seed1"
    config = reference.config
    assert (config.method, config.latent_dim, config.seed) == ("geco", 3, 1)
    assert (config.geco.tau, config.geco.gated, config.geco.gate_penalty) == (0, 0, 3)
    short, long = made.gated_jobs(3, 1, 5.25)
    assert (short.name, long.name) == ("gated-b1-3-seed1", "gated-b1.5-3-seed1")
    assert (short.group, long.group) == ("gated-b1", "gated-b1.5")
    assert (short.facts, long.facts) == ({"budget": 1.0}, {"budget": 1.5})
    assert (short.config.epochs, long.config.epochs) == (2, 3)
    assert (long.config.latent_dim, long.config.seed) == (7, 1)
    geco = long.config.geco
    assert (geco.tau, geco.explained, geco.gated) == (5.25, None, True)
    assert geco.gate_penalty == 3
    ald = made.ald_jobs(1)
    assert [job.name for job in ald] == ["ald-4-seed1", "ald-7-seed1"]
    assert {job.config.method for job in ald} == {"ald"}
    assert [job.config.latent_dim for job in ald] == [4, 7]
    assert ald[0].config.make_rule().patience == 7
    assert ald[0].config.geco == GecoConfig()
    assert plan().ald_jobs(0) == []
    other = plan(["rule=ald"], ald=True, sizes=(4, 4)).ald_jobs(0)
    assert [job.name for job in other] == ["ald-4-seed0"]
    assert other[0].config.rule.name == "size_curve"


def test_the_bound_in_a_config_does_not_count(tiny_file, tmp_path):
    text = tiny_file.read_text()
    for more in ("method: geco\n", "geco: {explained: 0.9}\nmethod: geco\n"):
        path = tmp_path / "geco.yaml"
        path.write_text(text + more)
        config = read_base(path, [], str(tmp_path), DECIDED, read_reference)
        geco = config.geco
        assert (geco.tau, geco.explained, geco.gated) == (0.0, None, False)
        assert config.data["dir"] == str(tmp_path)


def test_numbers_of_the_table(tmp_path, write_run, write_reference, write_gated):
    for seed, tau in enumerate((8.0, 10.0)):
        write_reference(tmp_path, 2, seed, tau, seconds=4.0 + 2 * seed)
    write_reference(tmp_path, 5, 0, 4.0)
    write_gated(tmp_path, 1, 2, 0, 4, 8.0, bound={"error": 9.0, "feasible": False})
    write_gated(tmp_path, 1, 2, 1, 3, 10.0, fixed_epoch=1, seconds=20.0)
    write_gated(tmp_path, 2, 2, 0, 1, 8.0, bound={"undecided_gates": 1})
    write_gated(tmp_path, 1, 5, 0, 6, 4.0, test={"squared_error": 5.0})
    write_run(tmp_path, "ald", 4, 0, 3, -60.0, test={"squared_error": 7.0})
    write_run(tmp_path, "ald", 99, 0, 9, -60.0)
    summary = summarize_bottlenecks(read_runs(tmp_path, MAY_DIFFER))
    assert all(tuple(row) == COLUMNS for row in summary.rows)
    kinds = [(r["run"], r["reference"], r["start"], r["budget"]) for r in summary.rows]
    assert kinds == [
        ("gated", 2, 4, 1.0),
        ("gated", 2, 4, 2.0),
        ("ald", None, 4, None),
        ("gated", 5, 10, 1.0),
        ("ald", None, 99, None),
    ]
    first, second, ald, third, _ = summary.rows
    assert (first["tau"], first["runs"], first["dims_mean"]) == (9.0, 2, 3.5)
    assert (first["dims_min"], first["dims_max"]) == (3, 4)
    assert first["dims_sd"] == pytest.approx(math.sqrt(0.5))
    assert first["error_to_tau_mean"] == pytest.approx((9 / 8 + 1) / 2)
    counts = ("feasible", "decided", "feasible_and_decided", "close", "all_three")
    assert [first[name] for name in counts] == [1, 2, 1, 1, 1]
    assert [second[name] for name in counts] == [1, 0, 0, 1, 0]
    assert [third[name] for name in counts] == [1, 1, 1, 1, 1]
    assert [ald[name] for name in counts] == [None] * 5
    assert (first["fixed"], first["fixed_epoch"]) == (1, 2.0)
    assert (first["seconds"], first["reference_seconds"]) == (15.0, 5.0)
    assert first["max_multiplier"] == 1e4
    assert (third["squared_error_mean"], ald["squared_error_mean"]) == (5.0, 7.0)
    assert third["squared_error_of_means_mean"] == 2.0
    assert answers(summary) == [
        "Budget 1: of 3 runs, 2 met tau with all gates decided, 2 ended with at most "
        "n + 1 open gates, 2 did both.",
        "Budget 2: of 1 run, 0 met tau with all gates decided, 1 ended with at most "
        "n + 1 open gates, 0 did both.",
    ]
    texts = cells(first)
    assert texts["open gates"] == "3.5 ± 0.7"
    assert texts["min to max"] == "3 to 4"
    assert (texts["feasible"], texts["decided"]) == ("1 of 2", "2 of 2")
    assert (texts["tau"], texts["epoch"], texts["of reference"]) == ("9", "2", "5")
    assert (cells(ald)["n"], cells(ald)["feasible"], cells(ald)["tau"]) == ("", "", "")
    assert [list(cells(row)) for row in summary.rows] == [list(texts)] * 5


def test_rows_without_their_reference_and_references_alone(
    tmp_path, write_reference, write_gated
):
    write_reference(tmp_path, 2, 0, 8.0)
    summary = summarize_bottlenecks(read_runs(tmp_path, MAY_DIFFER))
    assert summary.rows == []
    assert answers(summary) == ["No gated run is whole yet."]
    write_gated(tmp_path, 1, 3, 0, 3, 7.0)
    (row,) = summarize_bottlenecks(read_runs(tmp_path, MAY_DIFFER)).rows
    assert (row["max_multiplier"], row["reference_seconds"]) == (None, None)
    assert cells(row)["of reference"] == ""


def test_runs_that_do_not_belong_together(
    tmp_path, write_run, write_reference, write_gated
):
    write_gated(tmp_path, 1, 2, 0, 3, 8.0)
    write_reference(tmp_path, 2, 0, 7.5)
    with pytest.raises(ValueError, match=r"gated-b1-2-seed0 .* 8\.0 there, 7\.5 of"):
        summarize_bottlenecks(read_runs(tmp_path, MAY_DIFFER))
    bound = {"bound": {"tau": 1.0}, "facts": {"budget": 1.0}}
    write_run(tmp_path, "gated-b1", 2, 1, 3, -60.0, **bound)
    (tmp_path / "gated-b1-2-seed0" / "run.json").unlink()
    with pytest.raises(ValueError, match="gated-b1-2-seed1.*`bound` must be"):
        summarize_bottlenecks(read_runs(tmp_path, MAY_DIFFER))


def test_the_bound_of_a_reference(tmp_path, plan, write_reference):
    job = plan().reference_job(2, 0)
    assert find_bound(tmp_path, job) == (None, "")
    write_reference(tmp_path, 2, 0, 7.5)
    assert find_bound(tmp_path, job) == (7.5, "")
    (tmp_path / job.name / "run.json").write_text(json.dumps({}))
    bound, problem = find_bound(tmp_path, job)
    assert bound is None
    assert "Received: None" in problem


def test_the_figures(tmp_path, write_reference, write_gated):
    write_reference(tmp_path, 2, 0, 8.0)
    for size, tau in ((2, 8.0), (3, 7.0)):
        for budget in (2, 10, 1.5):
            bound = {"undecided_gates": int((budget, size) == (1.5, 2))}
            write_gated(tmp_path, budget, size, 0, size, tau, bound=bound)
    drawings = draw_bottlenecks(read_runs(tmp_path, MAY_DIFFER))
    names = [drawing.name for drawing in drawings]
    assert names == ["gates", "gates-b1.5", "gates-b2", "gates-b10"]
    for drawing in drawings:
        check_figure(drawing.figure)
    words = [
        [text.get_text() for text in drawing.figure.legends[0].get_texts()]
        for drawing in drawings[:2]
    ]
    assert words[0][:3] == [f"budget {budget}" for budget in ("1.5", 2, 10)]
    assert words[1] == ["n = 2: 2", "n = 3: 3"]
    errors = drawings[1].figure.axes[1]
    assert "bound" in errors.get_ylabel()
    assert [list(line.get_ydata()) for line in errors.lines[:2]] == [[3, 2, 1]] * 2
    points = drawings[0].figure.axes[0].lines
    assert [int(point.get_ydata()[0]) for point in points] == [2] * 3 + [3] * 3
    hollow = [point.get_markerfacecolor() == "white" for point in points]
    assert hollow == [True, False, False, False, False, False]


def test_references_alone_are_no_figure(tmp_path, write_reference):
    write_reference(tmp_path, 2, 0, 8.0)
    assert draw_bottlenecks(read_runs(tmp_path, MAY_DIFFER)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--references", "0"], "--references"),
        (["--references", "5", "5"], "--references"),
        (["--sizes", "10"], "--sizes"),
        (["--sizes", "10", "9", "60"], "--sizes"),
        (["--references", "1", "--budgets", "0"], "--budgets"),
        (["--budgets", "nan"], "--budgets"),
        (["--budgets", "inf"], "--budgets"),
        (["--budgets", "1", "1.0"], "--budgets"),
        (["--budgets", "0.2"], "at least one of 2 epochs"),
        (["--seeds", "0"], "--seeds"),
        (["--set", "epoch=3"], "Did you mean 'epochs'"),
        (["--set", "seed=3"], "decided by --seeds"),
        (["--set", "latent_dim=3"], "decided by --references and --sizes"),
        (["--set", "method=ald"], "decided by the command"),
        (["--set", "geco.tau=3"], "'geco.tau' is decided by the references"),
        (["--set", "geco.explained=0.9"], "decided by the references"),
        (["--set", "geco.gated=true"], "decided by the command"),
        (["--set", "geco.gate_penalty=x"], "geco.gate_penalty"),
        (["--set", "beta=2"], "`beta` has no place"),
        (["--data-dir", "/nowhere"], "/nowhere"),
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
    assert error.startswith("ald_keras.experiments.bottleneck: ")
    assert error.count("\n") == 1
    assert message in error
    assert not output.exists()


def test_a_run_of_another_bound_is_not_taken_for_this_one(
    tiny_file, tmp_path, write_reference, write_gated, capsys
):
    write_reference(tmp_path, 2, 0, 7.5)
    write_gated(tmp_path, 1, 2, 0, 3, 8.0)
    arguments = ["--config", str(tiny_file), "--output", str(tmp_path)]
    assert main([*arguments, "--references", "2", "--budgets", "1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "gated-b1-2-seed0 holds a run of another config" in error
    assert not (tmp_path / "experiment.json").exists()


def test_a_config_is_needed_to_run(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["--output", str(tmp_path)])
    assert end.value.code == 2
    assert "--config" in capsys.readouterr().err


@pytest.mark.slow
def test_ald_stands_beside_the_gated_runs(tiny_file, tmp_path):
    output = tmp_path / "out"
    arguments = ["--config", str(tiny_file), "--output", str(output), "--ald"]
    arguments += ["--references", "2", "3", "--sizes", "4", "4", "--budgets", "1"]
    assert main(arguments) == 0
    rows = read_json(output / "summary.json")["rows"]
    assert [(row["run"], row["reference"]) for row in rows] == [
        ("gated", 2),
        ("ald", None),
        ("gated", 3),
    ]
    record = read_json(output / "ald-4-seed0" / "run.json")
    assert rows[1]["squared_error_mean"] == record["test"]["squared_error"]
    assert rows[1]["dims_mean"] == record["active_dims"]
    assert rows[1]["seconds"] == record["seconds"]
    assert (record["start_dims"], record["epochs"]) == (4, 2)
