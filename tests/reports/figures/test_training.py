import json

import numpy as np
import pytest
from figure_checks import all_axes, check_figure

from ald_keras.files.text_files import read_csv
from ald_keras.reports.figures import Curves, Event, training_figure
from ald_keras.reports.figures.training import readable_limits
from ald_keras.reports.run_facts import run_curves

METRICS = ("reconstruction", "silhouette", "frechet_reconstruction")


def curves(epochs=60, dims=None, metrics=METRICS, **changes):
    rng = np.random.default_rng(0)
    falling = np.exp(-np.arange(epochs) / 9)
    values = {name: list(90 * falling + rng.random(epochs)) for name in metrics}
    dims = [64] * epochs if dims is None else dims
    return Curves("a run", range(1, epochs + 1), dims, values, **changes)


def test_gates_and_the_bound_on_the_error():
    dims = [20] * 20 + [12] * 10 + [11] * 30
    events = [Event(30, "prune", 12), Event(31, "try", 11), Event(40, "open", 12)]
    names = ("squared_error", "expected_gates", "multiplier", "kl")
    drawn = curves(dims=dims, metrics=names, events=events, bounds={"squared_error": 9})
    drawn.values["expected_gates"][:] = [d - 0.4 for d in dims]
    figure = training_figure(drawn)
    check_figure(figure)
    error, gates, weight, _ = figure.axes[1:5]
    dashed = [line for line in error.get_lines() if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [9]
    low, high = error.get_ylim()
    assert low < 9 < high
    steps, line = (x for x in gates.get_lines() if len(x.get_xdata()) == 60)
    assert list(steps.get_ydata()) == dims
    assert steps.get_drawstyle() == "steps-mid"
    assert line.get_ydata()[0] == pytest.approx(19.6)
    assert gates.get_ylim()[1] >= 20
    assert weight.get_yscale() == "log"
    assert lane(figure, "open") == [40.0]


def test_metrics_that_are_seldom_measured_are_drawn_where_they_were():
    drawn = curves(epochs=30)
    drawn.values["silhouette"][:] = [0.1] * 9 + [0.2] * 10 + [0.3] * 10 + [0.25]
    drawn.values["reconstruction"][5] = drawn.values["reconstruction"][4]
    loss, silhouette, distance = training_figure(drawn).axes
    (line,) = silhouette.get_lines()
    assert list(line.get_xdata()) == [1, 10, 20, 30]
    assert list(line.get_ydata()) == [0.1, 0.2, 0.3, 0.25]
    assert line.get_marker() == "."
    for axes in (loss, distance):
        assert len(axes.get_lines()[0].get_xdata()) == 30
        assert axes.get_lines()[0].get_marker() == ""


def lane(figure, action):
    """Epochs that the strip marks with an action."""
    lines = [line for line in figure.axes[0].get_lines() if line.get_label() == action]
    return [float(x) for line in lines for x in line.get_xdata()]


def vertical_lines(axes, style):
    return {
        line.get_xdata()[0]
        for line in axes.get_lines()
        if len(set(line.get_xdata())) == 1
        and len(line.get_xdata()) == 2
        and line.get_linestyle() == style
        and line.get_color() == "#222222"
    }


def upper_labels(figure):
    (upper,) = figure.axes[0].child_axes
    return [
        (x, label.get_text())
        for x, label in zip(upper.get_xticks(), upper.get_xticklabels(), strict=True)
    ]


def test_a_recorded_run_is_drawn_as_it_was(recorded_run):
    record = json.loads((recorded_run / "run.json").read_text())
    decisions = json.loads((recorded_run / "decisions.json").read_text())
    history = read_csv(recorded_run / "history.csv")
    figure = training_figure(run_curves(history, record, decisions))
    check_figure(figure)
    for action in ("prune", "try", "restore"):
        wanted = [d["epoch"] + 1 for d in decisions if d["action"] == action]
        assert lane(figure, action) == wanted
    assert lane(figure, "prune")
    stops = {d["epoch"] + 1 for d in decisions if d["action"] == "stop"}
    assert stops
    assert all(vertical_lines(axes, "-") == stops for axes in figure.axes)
    titles = [axes.get_title(loc="left") for axes in figure.axes[1:]]
    assert titles[:2] == ["Reconstruction loss", "Silhouette of the clusters"]
    assert titles[2:] == [
        "Frechet distance, reconstructions (identity features)",
        "Frechet distance, samples (identity features)",
    ]
    assert all(axes.get_ylabel() for axes in figure.axes[1:])
    assert figure.axes[-1].get_xlabel() == "epoch"
    (line,) = [x for x in figure.axes[1].get_lines() if len(x.get_xdata()) == 14]
    assert list(line.get_ydata()) == history["val_reconstruction_loss"]
    assert list(line.get_xdata()) == list(range(1, 15))
    assert upper_labels(figure)[0] == (1.0, "8")
    assert upper_labels(figure)[-1][1] == str(record["active_dims"])


def test_every_kind_of_decision_has_a_lane_of_its_own():
    events = [
        Event(10, "prune", 20),
        Event(20, "try", 19),
        Event(26, "keep", 19),
        Event(26, "try", 18),
        Event(32, "restore", 19),
        Event(40, "restart", 19),
    ]
    dims = [64] * 10 + [20] * 10 + [19] * 6 + [18] * 6 + [19] * 28
    run = curves(
        dims=dims,
        events=events,
        fixed=Event(32, "stop", 19),
        stop=Event(50, "stop", 19),
    )
    figure = training_figure(run)
    check_figure(figure)
    strip = figure.axes[0]
    assert [label.get_text() for label in strip.get_yticklabels()] == [
        *("restarted", "restored", "removal accepted", "on trial", "removed")
    ]
    assert lane(figure, "try") == [20, 26]
    heights = {
        tuple(line.get_ydata())[0]
        for line in strip.get_lines()
        if line.get_label() in ("prune", "try", "keep", "restore", "restart")
    }
    assert len(heights) == 5
    looks = {
        (line.get_marker(), line.get_markerfacecolor())
        for line in strip.get_lines()
        if line.get_marker() not in ("None", None)
    }
    assert len(looks) == 5
    assert all(vertical_lines(axes, "--") == {50} for axes in figure.axes)
    assert upper_labels(figure) == [
        (1, "64"),
        (11, "20"),
        (21, "19"),
        (27, "18"),
        (33, "19"),
    ]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == [
        "the rule would have stopped: epoch 50, 19 dimensions",
        "size fixed: epoch 32, 19 dimensions",
    ]


def test_a_floor_is_not_called_a_finding():
    run = curves(dims=[5] * 30 + [2] * 30, fixed=Event(31, "floor", 2))
    (text,) = training_figure(run).legends[0].get_texts()
    assert text.get_text() == "lower limit reached: epoch 31, 2 dimensions"


def test_many_changes_do_not_crowd_each_other():
    dims = [max(2, 100 - i // 2) for i in range(200)]
    events = [Event(i, "prune", dims[i]) for i in range(2, 199, 2)]
    figure = training_figure(curves(200, dims, events=events))
    check_figure(figure)
    labels = upper_labels(figure)
    assert labels[0] == (1, "100")
    assert labels[-1] == (197, "2")
    assert 8 <= len(labels) <= 25
    # As many lines would hide the curves; the strip has them all.
    assert len(figure.axes[1].get_lines()) == 1
    assert lane(figure, "prune") == list(range(2, 199, 2))


def test_a_run_of_fixed_size_has_no_strip():
    figure = training_figure(curves(metrics=("reconstruction", "kl")))
    check_figure(figure)
    assert len(figure.axes) == 2
    assert list(all_axes(figure)) == figure.axes
    assert figure.legends == []


@pytest.mark.parametrize("epochs", [1, 2])
def test_short_runs(epochs):
    figure = training_figure(curves(epochs))
    check_figure(figure)


def test_limits_leave_out_the_first_epochs_alone():
    low, high = readable_limits([500.0, 100.0, *[90.0] * 38])
    assert (low, high) == (pytest.approx(85.5), pytest.approx(94.5))
    low, high = readable_limits([500.0, *[100.0, 90.0] * 10])
    assert low < 90
    assert 100 < high < 102
    assert readable_limits([0.0]) == (-0.5, 0.5)


def test_curves_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="3 epochs.*'loss': 2"):
        Curves("a run", (1, 2, 3), (4, 4, 4), {"loss": (1.0, 2.0)})
    with pytest.raises(ValueError, match="at least one"):
        Curves("a run", (), (), {})
