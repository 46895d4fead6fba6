"""What a person reads while a model is trained."""

import sys

import keras
import numpy as np
import pytest
from builders import digits, small_vae

from ald_keras import ALDCallback, SearchProgress
from ald_keras.rules import (
    ALDRule,
    ElasticRule,
    GateRule,
    SizeCurveRule,
)
from ald_keras.rules.phase import phase_title
from ald_keras.rules.size_curve.state import SizeCurveState

X = digits(64)


def fit(capsys, verbose, epochs=3, callbacks=None):
    vae = small_vae(6)
    vae.compile("adam")
    search = ALDCallback(
        ALDRule(patience=2, slope_window=2, slowdown_window=2, min_dims=2),
        probe_size=30,
        n_clusters=2,
        features="identity",
    )
    vae.fit(
        X,
        validation_data=(X[:40],),
        epochs=epochs,
        verbose=verbose,
        batch_size=16,
        callbacks=[search] if callbacks is None else callbacks(search),
    )
    return capsys.readouterr().out, search, vae


def test_a_line_an_epoch_and_a_line_a_decision(capsys):
    text, search, vae = fit(capsys, 1, epochs=8)
    lines = text.splitlines()
    epochs = [line for line in lines if line.startswith("Epoch ")]
    assert [line.split(" - ")[0] for line in epochs] == [
        f"Epoch {i + 1}/8" for i in range(8)
    ]
    logs = vae.history.history
    for i, line in enumerate(epochs):
        _, dims, loss, kl, phase = line.split(" - ")
        assert dims == f"{logs['active_dims'][i]:.0f} of 6 dimensions"
        assert loss == f"loss {logs['val_loss'][i]:.2f}"
        assert kl == f"KL {logs['val_kl_loss'][i]:.2f}"
        assert phase in ("pruning", "size fixed")
    decided = [line for line in lines if line.startswith("  epoch")]
    assert len(decided) == len(search.decisions) > 0
    for line, decision in zip(decided, search.decisions, strict=True):
        assert line.endswith(decision.reason)
    # Beside these, the outcome.
    assert len(lines) == len(epochs) + len(decided) + 1
    assert "reconstruction_loss" not in text


def test_it_may_be_given_too(capsys):
    text, _, _ = fit(capsys, 1)
    given, *_ = fit(capsys, 1, callbacks=lambda it: [it, SearchProgress(it)])
    assert given == text
    bar, *_ = fit(
        capsys, 1, callbacks=lambda search: [search, keras.callbacks.ProgbarLogger()]
    )
    assert "val_reconstruction_loss: " in bar


def test_dimensions_in_reserve_are_not_counted_in_the_size():
    search = ALDCallback()
    progress = SearchProgress(search)
    progress.set_model(small_vae(8))
    for reserve, dims, shown in (
        ((), 7, "7 of 8 dimensions"),
        ((5, 6), 7, "5 of 8 dimensions + 2 in reserve"),
        # The next epoch's state.
        ((5, 6), 8, "8 of 8 dimensions"),
    ):
        search.state = SizeCurveState(tuple(range(7)), reserve=reserve, phase="fixed")
        text = progress._metrics({"active_dims": float(dims)})
        assert text.split(" - ")[1] == shown


def test_verbose_0_prints_nothing(capsys):
    assert fit(capsys, 0)[0] == ""


def test_verbose_2_prints_all_metrics(capsys):
    text, _, _ = fit(capsys, 2)
    assert "val_reconstruction_loss: " in text
    assert text.count("reconstruction_loss: ") == 2 * 3


class Terminal:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def test_a_terminal_shows_one_live_line_an_epoch(monkeypatch):
    vae = small_vae(4)
    vae.compile("adam")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    progress = SearchProgress()
    vae.fit(X, epochs=2, verbose=1, batch_size=16, callbacks=[progress])
    monkeypatch.undo()
    assert terminal.text.count("\n") == 2
    assert terminal.text.count("\r") > 2
    last = [line.split("\r\x1b[K")[-1] for line in terminal.text.split("\n")[:-1]]
    assert [line.split(" - ")[0] for line in last] == ["Epoch 1/2", "Epoch 2/2"]
    assert all(line.endswith(" - training") for line in last)
    assert "[===" in terminal.text
    assert "4 of 4 dimensions" in terminal.text


def test_one_instance_serves_several_fits(capsys):
    vae = small_vae(4)
    vae.compile("adam")
    progress = SearchProgress()
    for _ in range(2):
        vae.fit(X, epochs=1, verbose=1, callbacks=[progress])
        assert len(capsys.readouterr().out.splitlines()) == 1


def test_evaluate_and_predict_print_as_keras_does(capsys):
    vae = small_vae(4)
    vae.compile("adam")
    vae.evaluate(X, verbose=2, callbacks=[SearchProgress()])
    assert "reconstruction_loss" in capsys.readouterr().out


def test_something_else_than_a_search_is_refused():
    with pytest.raises(TypeError, match="`search` must be an ALDCallback"):
        SearchProgress(np.zeros(2))


@pytest.mark.parametrize(
    ("state", "title"),
    [
        (None, "training"),
        (SizeCurveRule().init(4, 0), "settling"),
        (ElasticRule().init(4, 0), "settling"),
        (ALDRule().init(4, 0), "pruning"),
        (GateRule(tau=1.0).init(4), "reaching the bound"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_search_says_what_it_is_at(state, title):
    assert phase_title(state) == title


def test_all_phases_of_all_rules_have_a_title():
    from typing import get_args

    from ald_keras.rules import phase
    from ald_keras.rules.gates.state import PHASES
    from ald_keras.rules.size_curve.state import Phase

    assert {*PHASES, *get_args(Phase)} == {*phase._PHASES}
