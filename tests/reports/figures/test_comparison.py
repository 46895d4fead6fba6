import math

import numpy as np
import pytest
from figure_checks import check_figure

from ald_keras.reports.figures import (
    Curves,
    Event,
    scratch_figure,
    sizes_figure,
    starts_figure,
)

TEST = {
    "reconstruction_loss": 85.0,
    "silhouette": 0.09,
    "frechet_reconstruction": 0.032,
    "frechet_generation": 0.08,
}
FOUR = ("reconstruction", "silhouette", "frechet_reconstruction", "frechet_generation")


def curves(label, metrics=FOUR, epochs=40, start=64, end=12, shift=0.0, test=TEST):
    rng = np.random.default_rng(round(100 * shift))
    values = {name: list(80 + shift + rng.random(epochs)) for name in metrics}
    dims = [start] * (epochs // 2) + [end] * (epochs - epochs // 2)
    fixed = Event(epochs // 2, "stop", end)
    test = {name: value + shift for name, value in test.items()}
    return Curves(label, range(1, epochs + 1), dims, values, fixed=fixed, test=test)


@pytest.mark.parametrize("shared", [1, 2, 3, 4])
def test_what_both_sides_recorded_and_the_final_figures(shared):
    pruned = [curves("pruned to 12", shift=s) for s in (0.0, 0.5)]
    scratch = [curves("12 from scratch", FOUR[:shared], shift=1.0)]
    figure = scratch_figure(pruned, scratch)
    check_figure(figure)
    shown = [axes for axes in figure.get_axes() if axes.get_visible()]
    assert len(shown) == shared + 4
    titles = [axes.get_title(loc="left") for axes in shown]
    assert titles[0] == "Reconstruction loss, validation"
    assert all(axes.get_ylabel() for axes in shown)
    assert len(shown[0].get_lines()) == 3
    final = shown[shared]
    dots = [line for line in final.get_lines() if line.get_marker() in "os"]
    assert [list(line.get_ydata()) for line in dots] == [[85.0, 85.5], [86.0]]
    means = [line for line in final.get_lines() if line.get_marker() == "None"]
    assert [line.get_ydata()[0] for line in means] == [85.25, 86.0]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["pruned to 12", "12 from scratch"]


def test_figures_that_one_side_lacks_are_left_out():
    scratch = [curves("scratch", ("kl",), test={"silhouette": 0.1})]
    figure = scratch_figure([curves("pruned")], scratch)
    check_figure(figure)
    assert len(figure.get_axes()) == 1


def test_a_difference_of_per_mille_looks_like_one():
    figure = scratch_figure([curves("a")], [curves("b", shift=0.001)])
    axes = next(
        a
        for a in figure.get_axes()
        if "loss" in a.get_title(loc="left")
        and "validation" not in a.get_title(loc="left")
    )
    low, high = axes.get_ylim()
    assert high - low == pytest.approx(0.05 * 85, rel=0.01)


def test_runs_from_several_starts():
    runs = [
        curves(f"from {start}: {ends}", start=start, end=end, shift=end / 10)
        for start, ends in ((100, "12, 13"), (80, "12, 12"), (64, "11, 12"))
        for end in map(int, ends.split(", "))
    ]
    figure = starts_figure(runs)
    check_figure(figure)
    upper, lower = figure.axes
    lines = [line for line in upper.get_lines() if len(line.get_xdata()) == 40]
    assert [line.get_ydata()[0] for line in lines] == [100, 100, 80, 80, 64, 64]
    dots = [line for line in upper.get_lines() if line.get_marker() == "o"]
    assert [(d.get_xdata()[0], d.get_ydata()[0]) for d in dots] == [
        (20, end) for end in (12, 13, 12, 12, 11, 12)
    ]
    assert len({line.get_color() for line in lines}) == 3
    assert len(lower.get_lines()) == 6
    assert len(figure.legends[0].get_texts()) == 3


def test_sizes_and_the_right_answer():
    fixed = {size: [-110.0 + size, -109.0 + size] for size in (*range(8, 18), 64)}
    found = {"size_curve": [(12, -99.0), (13, -98.0)], "ald": [(22, -97.0)]}
    figure = sizes_figure(fixed, found, answer=13, sufficient=-98.5)
    check_figure(figure)
    (axes,) = figure.axes
    bars = axes.containers[0]
    assert list(bars.lines[0].get_xdata()) == sorted(fixed)
    assert bars.lines[0].get_ydata()[0] == -101.5
    spread = bars.lines[2][0].get_segments()[0]
    assert spread[1][1] - spread[0][1] == pytest.approx(2 * math.sqrt(0.5))
    dots = {line.get_label(): line for line in axes.get_lines()}
    assert list(dots["size_curve"].get_xdata()) == [12, 13]
    assert dots["right answer: 13"].get_xdata()[0] == 13
    assert dots["sufficient"].get_ydata()[0] == -98.5
    assert axes.get_xticks()[-1] == 64


@pytest.mark.parametrize(
    ("fixed", "found"), [({5: [-1.0]}, {}), ({}, {"ald": [(4, -2.0)]})]
)
def test_sizes_with_little_to_show(fixed, found):
    check_figure(sizes_figure(fixed, found))
