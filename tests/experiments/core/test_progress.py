import io
import time

from rich.console import Console

from ald_keras.experiments.core.progress import Board, time_left


def board():
    return Board(Console(file=io.StringIO(), width=100))


def test_time_left_is_that_of_runs_of_the_same_kind():
    finished = {"ald": [10.0, 20.0], "fixed": [60.0]}
    assert time_left(finished, ["ald", "ald", "fixed"]) == 15 + 15 + 60
    assert time_left(finished, ["new"]) == 30
    assert time_left(finished, []) == 0
    assert time_left({}, ["ald"]) is None


def test_time_left_covers_all_runs_announced():
    runs = board()
    runs.announce(["ald", "ald", "fixed"])
    assert runs.seconds_left() is None
    runs.finish("ald", 100.0)
    assert runs.seconds_left() == 200
    runs.withdraw(["fixed", "fixed", "other"])
    assert runs.seconds_left() == 100
    # What was announced before is not counted twice.
    runs.announce_missing(["ald", "ald"])
    assert runs.seconds_left() == 200
    runs.finish("ald")
    runs.finish("ald", 40.0)
    assert runs.seconds_left() == 0


def test_time_left_counts_what_the_run_in_progress_has_taken(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    runs = board()
    runs.announce(["ald", "ald", "ald"])
    runs.finish("ald", 100.0)
    runs.begin("ald-4-seed0", "ald")
    for now[0], left in ((0.0, 200), (30.0, 170), (1e9, 100)):
        assert runs.seconds_left() == left


def test_the_bar_shows_how_many_are_done():
    text = io.StringIO()
    runs = Board(Console(file=text, width=100))
    runs.start()
    runs.announce(["ald", "fixed"])
    runs.finish("ald", 3600.0)
    runs.say("one line")
    runs.stop()
    assert "one line\n" in text.getvalue()
    assert "1/2" in text.getvalue()
    assert "1:00:00 left" in text.getvalue()
