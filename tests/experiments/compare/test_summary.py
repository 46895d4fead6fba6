import csv
import json

import pytest
from matplotlib.text import Text

from ald_keras.experiments.compare.drawings import draw_comparison
from ald_keras.experiments.compare.plan import ComparisonPlan
from ald_keras.experiments.compare.result import KIND, answers, cells, table_cells
from ald_keras.experiments.compare.summary import compare_runs
from ald_keras.experiments.compare.trials import write_end
from ald_keras.experiments.core.command import report_on
from ald_keras.experiments.core.manifest import Manifest
from ald_keras.experiments.figures.drawing import draw

BOUND = {"tau": 3.0, "tolerance": 0.02, "error": 3.0, "undecided_gates": 0}


def summarize(comparison, output, seeds):
    return compare_runs(ComparisonPlan(comparison, seeds), output)


def report(comparison, output, seeds, failures):
    manifest = Manifest("compare", ComparisonPlan(comparison, seeds).settings())
    report_on(KIND, output, manifest, failures)


@pytest.fixture
def known(comparison, tmp_path, write_run):
    """A comparison of three seeds whose numbers are easy to work out."""
    whole = comparison(
        {"sizes": [4, 6], "rules": ["size_curve"]}, latent_dim=10, epochs=20
    )
    (search,) = whole.hp_searches
    many = {"config": {"epochs": 20}}
    for seed in range(3):
        # The better size by the validation loss is 6, 6 and 4; by the test ELBO 4.
        for size, elbo, validation in ((4, -100.0, 99.0), (6, -102.0, 98.0)):
            write_run(
                tmp_path,
                "grid",
                size,
                seed,
                size,
                elbo - seed,
                **many,
                seconds=20.0,
                validation_loss=99.5 if (size, seed) == (6, 2) else validation,
            )
        trials = {f"grid-{size}-seed{seed}": (size, 20) for size in (4, 6)}
        write_end(tmp_path, search, seed, trials, {})
        # Sizes 4, 5 and 6 in 10, 11 and 12 seconds.
        seconds = 10.0 + seed
        write_run(
            tmp_path, "size_curve", 10, seed, 4 + seed, -99.0, **many, seconds=seconds
        )
        write_run(
            tmp_path, "fixed", 4 + seed, seed, 4 + seed, -98.0, **many, seconds=10.0
        )
    return whole, tmp_path


def find(summary, what, size=None):
    (row,) = (r for r in summary.rows if (r["what"], r["size"]) == (what, size))
    return row


def test_a_report_takes_the_runs_of_its_seeds_only(known):
    comparison, output = known
    Manifest("compare", ComparisonPlan(comparison, 2).settings()).write(output)
    draw(output)
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "2 seeds" in page
    assert "3 seeds" not in page


def test_figures_over_seeds(known):
    summary = summarize(*known, seeds=3)
    row = find(summary, "trial", 4)
    assert (row["runs"], row["elbo_mean"], row["elbo_sd"]) == (3, -101.0, 1.0)
    # Student's 97.5 % quantile with 2 degrees of freedom is 4.302653.
    half = 4.302653 / 3**0.5
    assert row["elbo_low"] == pytest.approx(-101.0 - half)
    assert row["elbo_high"] == pytest.approx(-101.0 + half)
    row = find(summary, "pruning")
    assert (row["size_mean"], row["size_sd"]) == (5.0, 1.0)
    assert (row["parameters_mean"], row["seconds_mean"]) == (500.0, 11.0)
    assert find(summary, "from scratch")["elbo_mean"] == -98.0


def test_a_search_chooses_by_the_validation_loss_and_costs_all_its_trials(known):
    row = find(summarize(*known, seeds=3), "chosen")
    assert row["size_mean"] == pytest.approx((6 + 6 + 4) / 3)
    assert row["elbo_mean"] == pytest.approx((-102 - 103 - 102) / 3)
    assert (row["seconds_mean"], row["epochs_mean"], row["trials"]) == (40, 40, 2)
    assert row["failed"] == 0


def test_ratios_are_taken_seed_by_seed(known):
    summary = summarize(*known, seeds=3)
    chosen, pruning = find(summary, "chosen"), find(summary, "pruning")
    expected = (40 / 10 + 40 / 11 + 40 / 12) / 3
    assert chosen["seconds_to_size_curve_mean"] == pytest.approx(expected)
    assert pruning["seconds_to_scratch_mean"] == pytest.approx(1.1)
    assert pruning["seconds_to_scratch_sd"] == pytest.approx(0.1)
    expected = (-99 + 102 - 99 + 103 - 99 + 102) / 3
    assert pruning["elbo_to_grid_mean"] == pytest.approx(expected)
    assert chosen["elbo_to_grid_mean"] is None


def test_only_the_seeds_asked_for_and_searches_that_have_ended(known, write_run):
    whole, output = known
    assert find(summarize(whole, output, 2), "chosen")["runs"] == 2
    (output / "hp_searches" / "grid-seed1.json").unlink()
    summary = summarize(whole, output, 3)
    assert find(summary, "chosen")["runs"] == find(summary, "trial", 4)["runs"] == 2
    assert find(summary, "pruning")["runs"] == 3
    for seed in (0, 2):
        (output / "hp_searches" / f"grid-seed{seed}.json").unlink()
    rows = summarize(whole, output, 3).rows
    assert [row["what"] for row in rows] == ["pruning", "from scratch"]


def test_a_failed_trial_is_counted(known):
    whole, output = known
    (output / "grid-6-seed0" / "run.json").unlink()
    summary = summarize(whole, output, 3)
    row = find(summary, "chosen")
    assert (row["failed"], row["trials"]) == (1, 2)
    assert find(summary, "trial", 6)["runs"] == 2
    assert "1 failed" in answers(summary)[0]


def test_what_was_searched_in_another_way_does_not_count(known, comparison):
    _, output = known
    other = comparison(
        {"sizes": [4, 6, 8], "rules": ["size_curve"]}, latent_dim=10, epochs=20
    )
    rows = summarize(other, output, 3).rows
    assert [row["what"] for row in rows] == ["pruning", "from scratch"]


def test_seconds_of_workers_are_not_compared(known):
    whole, output = known
    assert find(summarize(whole, output, 3), "chosen")["workers"] == 0
    for size in (4, 6):
        path = output / f"grid-{size}-seed0" / "run.json"
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, "worker": f"tuner{size}"}))
    summary = summarize(whole, output, 3)
    chosen = find(summary, "chosen")
    assert chosen["workers"] == 2
    # Seeds 1 and 2 alone were trained here.
    expected = (40 / 11 + 40 / 12) / 2
    assert chosen["seconds_to_size_curve_mean"] == pytest.approx(expected)
    assert "spread over 2 workers" in answers(summary)[0]
    costs = draw_comparison(ComparisonPlan(whole, 3), output, summary)[0]
    labels = {text.get_text() for text in costs.figure.findobj(Text)}
    assert "size_curve" in labels
    assert "grid" not in labels
    assert "spread over workers are left out" in costs.caption


def test_rounds_of_hyperband_stand_in_the_csv_alone(comparison, tmp_path, write_run):
    section = {"tuner": "hyperband", "sizes": {"min": 1, "max": 5}, "rules": []}
    whole = comparison(section, epochs=3)
    (search,) = whole.hp_searches
    trials = {}
    for size, epochs in ((1, 1), (2, 1), (3, 1), (1, 3), (4, 3)):
        group = f"hyperband-to{epochs}"
        write_run(tmp_path, group, size, 0, size, -100.0, config={"epochs": epochs})
        trials[f"{group}-{size}-seed0"] = (size, epochs)
    write_end(tmp_path, search, 0, trials, {})
    summary = summarize(whole, tmp_path, 1)
    assert [row["what"] for row in summary.rows] == ["round"] * 5 + ["chosen"]
    assert [row["run"] for row in table_cells(summary)] == ["hyperband, whole search"]
    report(whole, tmp_path, 1, {})
    with open(tmp_path / "table.csv", newline="") as lines:
        assert len(list(csv.DictReader(lines))) == 6


def test_runs_without_a_proper_end_are_named(known, write_run):
    whole, output = known
    summary = summarize(whole, output, 3)
    assert find(summary, "pruning")["not_fixed"] == 3
    assert "not fixed in 3 of 3 runs" in answers(summary)[1]
    record = json.loads((output / "size_curve-10-seed0" / "run.json").read_text())
    record |= {"fixed_epoch": 9, "bound": {**BOUND, "feasible": False}}
    (output / "size_curve-10-seed0" / "run.json").write_text(json.dumps(record))
    summary = summarize(whole, output, 3)
    row = find(summary, "pruning")
    assert (row["not_fixed"], row["missed"]) == (2, 1)
    assert "bound was not met in 1 of 3 runs" in answers(summary)[1]
    assert find(summary, "chosen")["missed"] is None


def test_the_squared_error_stands_beside_a_bound_on_it(comparison, tmp_path, write_run):
    search = {"sizes": [2], "rules": ["size_curve", {"name": "geco", "tau": 3.0}]}
    whole = comparison(search, latent_dim=10, epochs=20)
    many = {"config": {"epochs": 20}, "test": {"squared_error": 2.5}, "fixed_epoch": 5}
    write_run(tmp_path, "size_curve", 10, 0, 4, -99.0, **many)
    assert "squared_error" in summarize(whole, tmp_path, 1).metrics
    plain = comparison({**search, "rules": ["size_curve"]}, latent_dim=10, epochs=20)
    assert "squared_error" not in summarize(plain, tmp_path, 1).metrics
    many["config"] |= {"method": "geco", "geco": {"tau": 3.0}}
    write_run(
        tmp_path, "geco", 10, 0, 4, -99.0, **many, bound={**BOUND, "feasible": True}
    )
    row = next(r for r in summarize(whole, tmp_path, 1).rows if r["run"] == "geco")
    assert (row["squared_error_mean"], row["missed"], row["not_fixed"]) == (2.5, 0, 0)


def test_the_same_numbers_in_all_files(known, capsys):
    whole, output = known
    report(whole, output, 3, {"grid-9-seed0": "no luck"})
    stored = json.loads((output / "summary.json").read_text())
    assert (stored["seeds"], stored["failures"]) == (3, {"grid-9-seed0": "no luck"})
    with open(output / "table.csv", newline="") as lines:
        for row, line in zip(stored["rows"], csv.DictReader(lines), strict=True):
            assert line.keys() == row.keys()
            for key, value in row.items():
                assert line[key] == ("" if value is None else str(value))
    text = (output / "table.md").read_text()
    printed = capsys.readouterr().out
    for expected in ("5.0 ± 1.0", "1.10 ± 0.10", "2.5 to 7.5", "600"):
        assert expected in text
        assert expected in printed
    assert "It took 1.10 (0.85 to 1.35) times the seconds of its size" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 5
    assert len({line.count("|") for line in lines}) == 1


def test_one_seed_has_neither_deviation_nor_interval(known):
    whole, output = known
    summary = summarize(whole, output, 1)
    text = cells(find(summary, "pruning"), summary)
    assert text["dimensions"] == "4"
    assert text["ELBO"] == "-99.00"
    assert text["Frechet, rec. (identity)"] == "2"
    assert not any("95 %" in title or "±" in value for title, value in text.items())
