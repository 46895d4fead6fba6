import contextlib
import csv
import io
import json
import shutil

import keras
import numpy as np
import pytest
import yaml
from figure_checks import check_figure, decode

from ald_keras.datasets import load_dataset
from ald_keras.experiments.core.saved_runs import load_facts
from ald_keras.experiments.figures.command import main
from ald_keras.experiments.figures.drawing import to_the_end
from ald_keras.files.model_files import load_model
from ald_keras.reports.drawings import draw_run
from ald_keras.runs.config import Config


@pytest.fixture
def run_copy(recorded_run, tmp_path):
    """A copy of the recorded run that a test may change."""
    folder = tmp_path / "run"
    shutil.copytree(recorded_run, folder)
    (folder / "report.html").unlink()
    return folder


def drawn(folder):
    files = sorted((folder / "figures").iterdir())
    assert all(decode(file.read_bytes()).shape[1] == 1200 for file in files)
    return [file.stem for file in files]


@pytest.fixture(scope="module")
def drawn_run(recorded_run, tmp_path_factory):
    """Folder of a run that was drawn, and the lines printed; nobody changes it."""
    folder = tmp_path_factory.mktemp("drawn") / "run"
    shutil.copytree(recorded_run, folder)
    (folder / "report.html").unlink()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main([str(folder)]) == 0
    return folder, printed.getvalue().splitlines()


RUN = [
    *("codes", "kl", "reconstructions", "samples", "size_curve", "training"),
    "traversals",
]


def test_a_run_is_recognised_and_drawn(drawn_run):
    folder, printed = drawn_run
    assert drawn(folder) == RUN
    assert printed[-1] == str(folder / "report.html")
    assert len(printed) == 8
    assert "Reconstruction loss" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_the_seed_chooses_the_samples(run_copy, drawn_run):
    pictures = [(drawn_run[0] / "figures" / "reconstructions.png").read_bytes()]
    for seed in ("0", "1"):
        assert main([str(run_copy), "--seed", seed]) == 0
        pictures.append((run_copy / "figures" / "reconstructions.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_without_data_the_curves_are_drawn_and_the_rest_is_said(run_copy, capsys):
    config = yaml.safe_load((run_copy / "config.yaml").read_text())
    config["dataset"] = "mnist"
    (run_copy / "config.yaml").write_text(yaml.safe_dump({**config, "data": {}}))
    assert main([str(run_copy), "--data-dir", "/nowhere"]) == 0
    assert drawn(run_copy) == ["size_curve", "training"]
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "figures of the model are left out" in error
    assert "/nowhere" in error


@pytest.mark.slow
def test_a_baseline_adds_the_comparison(run_copy, recorded_fixed_run):
    arguments = [str(run_copy), "--baseline", str(recorded_fixed_run)]
    assert main(arguments) == 0
    assert drawn(run_copy) == sorted([*RUN, "comparison"])
    page = (run_copy / "report.html").read_text()
    assert "that had 5 dimensions throughout" in page
    other = json.loads((recorded_fixed_run / "run.json").read_text())
    assert f"{other['test']['reconstruction_loss']:.2f}" in page
    assert f"what {recorded_fixed_run.name} of 5 dimensions makes of them" in page


def test_a_baseline_shows_what_it_makes_of_the_same_samples(
    run_copy, recorded_fixed_run
):
    facts, _ = load_facts(run_copy, baseline=recorded_fixed_run)
    model = load_model(recorded_fixed_run / "model.keras")
    made = keras.ops.convert_to_numpy(model.reconstruct(facts.view.originals))
    np.testing.assert_array_equal(facts.baseline.reconstructed, made)
    assert not np.array_equal(made, facts.view.masked)
    drawings, _ = draw_run(facts)
    figure = next(d.figure for d in drawings if d.name == "reconstructions")
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["original", "unpruned (5)", "masked", "compact"]
    check_figure(figure)


@pytest.mark.slow
def test_a_baseline_of_another_test_part(
    run_copy, recorded_fixed_run, tmp_path, capsys
):
    other = tmp_path / "other"
    shutil.copytree(recorded_fixed_run, other)
    config = yaml.safe_load((other / "config.yaml").read_text())

    def draw_beside(**changes):
        (other / "config.yaml").write_text(yaml.safe_dump({**config, **changes}))
        return main([str(run_copy), "--baseline", str(other)])

    # The test part of these data does not depend on the seed.
    assert draw_beside(seed=config["seed"] + 1) == 0
    # Images of which the order has changed.
    x = load_dataset("digits").x_test
    np.savez(tmp_path / "other.npz", x=x[::-1], x_test=x[::-1])
    options = {"path": str(tmp_path / "other.npz")}
    mine = yaml.safe_load((run_copy / "config.yaml").read_text())
    np.savez(tmp_path / "mine.npz", x=x, x_test=x)
    mine |= {"dataset": "npz", "data": {"path": str(tmp_path / "mine.npz")}}
    (run_copy / "config.yaml").write_text(yaml.safe_dump(mine))
    capsys.readouterr()
    assert draw_beside(dataset="npz", data=options) == 2
    assert "must be a run with the same test part" in capsys.readouterr().err
    # Without its model there are no reconstructions, which is said.
    (other / "model.keras").unlink()
    assert draw_beside(dataset="npz", data=mine["data"]) == 0
    assert "what it makes of the samples is left out" in capsys.readouterr().err


def test_a_run_with_pruning_is_no_baseline(run_copy, recorded_run, capsys):
    assert main([str(run_copy), "--baseline", str(recorded_run)]) == 2
    assert "without pruning" in capsys.readouterr().err


def history(folder, sizes, columns):
    with open(folder / "history.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "active_dims", *columns])
        for epoch, size in enumerate(sizes):
            writer.writerow([epoch, size, *(90.0 - epoch for _ in columns)])
    (folder / "decisions.json").write_text("[]")


@pytest.fixture
def experiment(write_run, write_manifest, tmp_path):
    """An experiment's folder as the stability command leaves it."""
    output = tmp_path / "experiment"
    write_manifest(output, "stability")
    four = ["val_reconstruction_loss", "val_silhouette"]
    for start, seed, dims in ((12, 0, 5), (12, 1, 6), (9, 0, 5)):
        outcome = f"ALD: {start} -> {dims} latent dimensions, fixed at epoch 2."
        folder = write_run(
            output, "size_curve", start, seed, dims, -100.0 - dims, 1, outcome=outcome
        )
        history(folder, [start, dims], four)
    for size in (4, 5, 6, 12):
        folder = write_run(output, "fixed", size, 0, size, -110.0 + size)
        history(folder, [size, size], four[:1])
    return output


def test_an_experiment_is_recognised_and_drawn(experiment, capsys):
    assert main([str(experiment)]) == 0
    assert drawn(experiment) == ["scratch-size_curve", "sizes", "starts-size_curve"]
    page = (experiment / "report.html").read_text()
    assert "Smallest sufficient size: 12 dimensions" in page
    assert "Rule “size_curve”: 5 to 6 dimensions, 5.3 on average over 3 runs" in page
    assert "from 12" not in page  # it stands in the figure
    assert page.count("<img ") == 3
    assert capsys.readouterr().err == ""


def test_an_experiment_without_fixed_sizes_has_less_to_show(experiment):
    for folder in experiment.glob("fixed-*"):
        shutil.rmtree(folder)
    assert main([str(experiment)]) == 0
    assert drawn(experiment) == ["sizes", "starts-size_curve"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "there is no such folder"),
        (["{here}"], "neither a run"),
        (["{here}", "--seed", "-1"], "--seed must be 0 or more. Received: -1"),
        ([], "Give a folder"),
        (["{here}", "--config", "x.yaml"], "Give a folder"),
        (["--to-the-end"], "--to-the-end needs --config and --output"),
        (["{here}", "--to-the-end", "--config", "x"], "--to-the-end needs"),
        (["--to-the-end", "--config", "x.yaml", "--output", "{here}/o"], "x.yaml"),
    ],
)
def test_wrong_arguments_end_in_one_line(tmp_path, capsys, arguments, message):
    try:
        code = main([text.format(here=tmp_path) for text in arguments])
    except SystemExit as end:
        code = end.code
    assert code == 2
    error = capsys.readouterr().err
    assert error.startswith("ald_keras.experiments.figures: ")
    assert error.count("\n") == 1
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_an_experiment_has_no_baseline(experiment, capsys):
    assert main([str(experiment), "--baseline", "x"]) == 2
    assert "goes with a run" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["history.csv", "decisions.json", "config.yaml"])
def test_damaged_files_are_named(run_copy, capsys, name):
    (run_copy / name).write_text("{")
    assert main([str(run_copy)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert name in error


def test_to_the_end_keeps_the_options_of_the_papers_rule(tiny):
    config = to_the_end(tiny(rule={"name": "ald", "patience": 7}, method="fixed"))
    assert config.rule.to_dict() == {"name": "ald_to_the_end", "patience": 7}
    assert config.method == "ald"
    config = to_the_end(tiny(rule={"name": "size_curve", "idle_kl": 0.2}))
    assert config.rule.to_dict() == {"name": "ald_to_the_end"}


@pytest.mark.slow
def test_to_the_end_trains_past_the_stop_and_draws(recorded_run, tmp_path, capsys):
    output = tmp_path / "end"
    # Stops at the first look at a full window, in epoch 6.
    settings = ["epochs=24", "rule.min_dims=2", "rule.thresholds={silhouette: -1}"]
    arguments = ["--to-the-end", "--config", str(recorded_run / "config.yaml")]
    arguments += ["--output", str(output), "--verbose", "0"]
    for setting in settings:
        arguments += ["--set", setting]
    assert main(arguments) == 0
    record = json.loads((output / "run.json").read_text())
    decisions = json.loads((output / "decisions.json").read_text())
    assert drawn(output) == RUN
    assert record["active_dims"] == 2
    stop = record["rule_stop"]
    assert stop == {"epoch": 5, "active_dims": 6}
    (noted,) = [d for d in decisions if d["epoch"] == stop["epoch"]]
    assert noted["action"] == "prune"
    assert noted["active_dims"] < stop["active_dims"]
    assert "The rule itself says: Stopped for good" in noted["reason"]
    page = (output / "report.html").read_text()
    assert f"would have stopped in epoch {stop['epoch'] + 1}" in page
    resolved = Config.from_dict(yaml.safe_load((output / "config.yaml").read_text()))
    assert resolved.rule.name == "ald_to_the_end"
    capsys.readouterr()
    assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
