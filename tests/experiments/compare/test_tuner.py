import contextlib
import csv
import gc
import io
import json
import shutil
import weakref

import pytest
from builders import TINY_RUN

from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.fixed_sizes import FixedSizes
from ald_keras.experiments.compare.trials import Event, ended_jobs
from ald_keras.experiments.compare.tuner import run_hp_search
from ald_keras.train import run


class Watched(FixedSizes):
    """Remembers the models that it has built, but does not hold them."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.models = []

    def build(self, hp):
        model = super().build(hp)
        self.models.append(weakref.ref(model))
        return model


def carry_out(section, output, seed=0, skipped=(), **changes):
    """Carry out the one search of a section, and hear of it."""
    section = {**section, "rules": []}
    whole = Comparison.from_dict({**TINY_RUN, **changes, "hp_search": section})
    sizes = Watched(whole, whole.hp_searches[0], seed, output)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run_hp_search(sizes, skipped)
    events = [Event.read(line) for line in printed.getvalue().splitlines()]
    return sizes, [(event.trial, event.what) for event in events if event]


@pytest.fixture
def search(tmp_path):
    """`carry_out` in the test's own folder."""
    return lambda section, **options: carry_out(section, tmp_path, **options)


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A grid that has come to its end: folder, sizes and events; nobody changes it."""
    folder = tmp_path_factory.mktemp("grid")
    return folder, *carry_out({"sizes": [2, 3, 5]}, folder, seed=1)


def read_end(folder, name, seed):
    """What a search has left, whichever it was; `None` before its end."""
    path = folder / "hp_searches" / f"{name}-seed{seed}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def mtimes(folder):
    return {file: file.stat().st_mtime_ns for file in folder.glob("*-seed*/*")}


def test_every_size_of_a_grid_is_a_run_like_any_other(grid, tiny, tmp_path):
    output, sizes, events = grid
    names = [f"grid-{size}-seed1" for size in (2, 3, 5)]
    assert events == [(name, what) for name in names for what in ("began", "ended")]
    config = tiny(method="fixed", latent_dim=3, seed=1)
    alone = run(config, tmp_path / "alone", verbose=0)
    record = json.loads((output / "grid-3-seed1" / "run.json").read_text())
    for key in ("test", "test_compact", "epochs", "steps", "validation_loss"):
        assert record[key] == alone[key]
    assert record["parameters"] == record["parameters_compact"]
    assert record["early_stopping"] is None
    end = read_end(output, "grid", 1)
    assert end["trials"] == {names[0]: [2, 2], names[1]: [3, 2], names[2]: [5, 2]}
    assert end["failures"] == {}
    jobs = ended_jobs(output, sizes.comparison, sizes.hp_search, 1)
    assert [job.name for job in jobs] == names
    assert ended_jobs(output, sizes.comparison, sizes.hp_search, 0) is None


def test_no_model_outlives_the_next_trial(grid):
    _, sizes, _ = grid
    # One more: keras-tuner builds the first to see what there is to choose.
    assert len(sizes.models) == 4
    gc.collect()
    assert [model() for model in sizes.models[:-1]] == [None] * 3


@pytest.mark.slow
def test_whole_trials_are_not_repeated_and_others_start_over(grid, tmp_path):
    output = tmp_path / "out"
    shutil.copytree(grid[0], output)
    before = mtimes(output)
    (output / "grid-3-seed1" / "run.json").unlink()
    sizes, events = carry_out({"sizes": [2, 3, 4]}, output, seed=1)
    assert events == [
        ("grid-2-seed1", "found"),
        ("grid-3-seed1", "began"),
        ("grid-3-seed1", "ended"),
        ("grid-4-seed1", "began"),
        ("grid-4-seed1", "ended"),
    ]
    after = mtimes(output)
    for file, time in before.items():
        assert (after[file] == time) == (file.parent.name != "grid-3-seed1")
    assert len(sizes.models) == 3


@pytest.mark.slow
def test_a_failing_trial_is_reported_and_loses_no_other(search, tmp_path):
    # What cannot be replaced by a file: an error after training.
    obstacle = tmp_path / "grid-2-seed0" / "model.keras"
    (obstacle / "full").mkdir(parents=True)
    sizes, events = search({"sizes": [2, 3]})
    assert [what for _, what in events] == ["began", "failed", "began", "ended"]
    end = read_end(tmp_path, "grid", 0)
    assert list(end["trials"]) == [f"grid-{size}-seed0" for size in (2, 3)]
    reason = end["failures"].pop("grid-2-seed0")
    assert "model.keras" in reason
    assert end["failures"] == {}
    error = tmp_path / "grid-2-seed0" / "error.txt"
    assert error.read_text() == reason + "\n"
    assert ended_jobs(tmp_path, sizes.comparison, sizes.hp_search, 0) is None
    (obstacle / "full").rmdir()
    obstacle.rmdir()
    sizes, events = search({"sizes": [2, 3]})
    assert [what for _, what in events] == ["began", "ended", "found"]
    assert ended_jobs(tmp_path, sizes.comparison, sizes.hp_search, 0)
    assert not error.exists()


@pytest.mark.slow
def test_a_grid_of_failures_comes_to_its_end(search, tmp_path):
    for size in (2, 3, 4, 5):
        (tmp_path / f"grid-{size}-seed0" / "model.keras" / "full").mkdir(parents=True)
    _, events = search({"sizes": [2, 3, 4, 5]}, epochs=1)
    assert len(events) == 8
    assert len(read_end(tmp_path, "grid", 0)["failures"]) == 4


def test_a_trial_that_ended_its_process_is_skipped(search, tmp_path):
    _, events = search({"sizes": [2, 3]}, skipped=["grid-2-seed0"])
    assert events == [("grid-3-seed0", "began"), ("grid-3-seed0", "ended")]
    assert list(read_end(tmp_path, "grid", 0)["failures"]) == ["grid-2-seed0"]


@pytest.mark.slow
def test_a_random_search_depends_on_its_seed_alone(search, tmp_path):
    section = {"tuner": "random", "trials": 1, "sizes": {"min": 1, "max": 40}}
    found = []
    for seed, folder in ((0, "a"), (0, "b"), (1, "c")):
        (tmp_path / folder).mkdir()
        carry_out(section, tmp_path / folder, seed, epochs=1)
        trials = read_end(tmp_path / folder, "random", seed)["trials"]
        found.append([size for size, _ in trials.values()])
    assert found[0] == found[1] != found[2]


@pytest.mark.slow
def test_a_random_search_finds_the_last_untried_size(search, tmp_path):
    section = {"tuner": "random", "trials": 3, "sizes": [2, 3, 4]}
    search(section, epochs=1)
    trials = read_end(tmp_path, "random", 0)["trials"]
    assert sorted(size for size, _ in trials.values()) == [2, 3, 4]


def test_a_search_that_begins_takes_back_the_end_of_another(
    search, tmp_path, monkeypatch
):
    search({"sizes": [2]}, epochs=1)
    assert read_end(tmp_path, "grid", 0) is not None

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ald_keras.experiments.compare.tuner.make_tuner", killed)
    with pytest.raises(KeyboardInterrupt):
        search({"sizes": [3]}, epochs=1)
    assert read_end(tmp_path, "grid", 0) is None


HYPERBAND = {"tuner": "hyperband", "sizes": {"min": 1, "max": 5}}


@pytest.mark.slow
def test_hyperband_takes_the_best_trials_on(search, tiny, tmp_path):
    search(HYPERBAND, epochs=3)
    trials = read_end(tmp_path, "hyperband", 0)["trials"]
    records = {
        name: json.loads((tmp_path / name / "run.json").read_text()) for name in trials
    }
    first = [name for name in trials if name.startswith("hyperband-to1-")]
    assert len(first) == 3
    assert len(trials) == 6
    best = min(first, key=lambda name: records[name]["validation_loss"])
    longer = best.replace("to1", "to3")
    record = records[longer]
    assert (record["initial_epoch"], record["epochs"]) == (1, 2)
    others = [name for name in trials if name not in (*first, longer)]
    assert [records[name]["epochs"] for name in others] == [3, 3]
    # Weights, optimizer state and the order of the samples are taken up where they
    # were.
    config = tiny(method="fixed", latent_dim=record["active_dims"], epochs=3)
    assert run(config, tmp_path / "alone", verbose=0)["test"] == record["test"]


@pytest.mark.slow
def test_a_trial_of_hyperband_that_was_lost_is_taken_on_again(search, tmp_path):
    search(HYPERBAND, epochs=3)
    trials = read_end(tmp_path, "hyperband", 0)["trials"]
    longer = next(name for name in trials if name.startswith("hyperband-to3-"))
    record = json.loads((tmp_path / longer / "run.json").read_text())
    assert record["initial_epoch"] == 1
    before = mtimes(tmp_path)
    (tmp_path / longer / "run.json").unlink()
    search(HYPERBAND, epochs=3)
    again = json.loads((tmp_path / longer / "run.json").read_text())
    assert again["test"] == record["test"]
    changed = {file for file, time in mtimes(tmp_path).items() if before[file] != time}
    assert {file.parent.name for file in changed} == {longer}


@pytest.mark.slow
def test_a_size_that_another_schedule_has_trained_in_parts_is_trained_again(
    search, tmp_path
):
    section = {"tuner": "grid", "name": "parts", "sizes": [2]}
    search(section, epochs=2)
    path = tmp_path / "parts-2-seed0" / "run.json"
    record = json.loads(path.read_text())
    assert record["initial_epoch"] == 0
    path.write_text(json.dumps({**record, "initial_epoch": 1, "epochs": 1}))
    search(section, epochs=2)
    again = json.loads(path.read_text())
    assert (again["initial_epoch"], again["epochs"]) == (0, 2)


def test_trials_write_for_tensorboard_where_it_is_asked_for(search, tmp_path):
    search({"sizes": [2]}, epochs=1, tensorboard=True)
    folder = tmp_path / "grid-2-seed0" / "tensorboard"
    assert list(folder.rglob("events.out.tfevents*"))


@pytest.mark.slow
def test_trials_stop_early_with_the_best_weights(search, tiny, tmp_path):
    stopping = {"patience": 2, "min_delta": 0.01}
    section = {"sizes": [3], "early_stopping": stopping}
    fast = {"name": "adam", "learning_rate": 0.3}
    search(section, epochs=40, optimizer=fast)
    folder = tmp_path / "grid-early-3-seed0"
    record = json.loads((folder / "run.json").read_text())
    assert record["early_stopping"] == stopping
    with open(folder / "history.csv", newline="") as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    assert record["epochs"] == len(losses) < 40
    assert record["validation_loss"] == min(losses) < losses[-1]
    # The weights are those of the best epoch, and not of the last one.
    best = losses.index(min(losses)) + 1
    alike = {"method": "fixed", "latent_dim": 3, "optimizer": fast}
    for epochs, same in ((best, True), (len(losses), False)):
        config = tiny(epochs=epochs, **alike)
        test = run(config, tmp_path / f"alone{epochs}", verbose=0)["test"]
        assert (
            test["reconstruction_loss"] == record["test"]["reconstruction_loss"]
        ) is same


def test_lines_that_tell_nothing_about_a_trial():
    assert Event.read("Search: Running Trial #1") is None
    assert Event.read("") is None
