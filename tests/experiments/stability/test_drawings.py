"""Figures of the stability experiment."""

import json

import pytest

from ald_keras.experiments.core.runs import read_runs
from ald_keras.experiments.stability.drawings import draw_stability
from ald_keras.rules import Decision

CURVE = {
    "sizes": (2.0, 3.0, 4.0),
    "increase": (1.5, 0.2, 0.0),
    "standard_error": (0.2, 0.1, 0.0),
}


def test_the_curves_that_sizes_were_fixed_on(tmp_path, write_run):
    folder = write_run(tmp_path, "size_curve", 8, 1, 3, -99.0, 5)
    write_run(tmp_path, "size_curve", 8, 0, 4, -99.5)  # fixed by nothing
    for size, elbo in ((2, -101.0), (3, -98.0)):
        write_run(tmp_path, "fixed", size, 0, size, elbo)
    decision = Decision(4, "stop", (), 3, "Fixed 3.", "fixed", CURVE)
    (folder / "decisions.json").write_text(json.dumps([decision.to_dict()]))
    drawings = {d.name: d for d in draw_stability(read_runs(tmp_path))}
    axes = drawings["curves-size_curve"].figure.axes[0]
    line, points = axes.containers
    assert line.get_label().startswith("from 8, seed 1")
    assert line.lines[0].get_xydata().tolist() == [[2, 1.5], [3, 0.2], [4, 0.0]]
    # Above the best of them.
    assert points.lines[0].get_xydata().tolist() == [[2, 3.0], [3, 0.0]]


@pytest.mark.parametrize("group", ["ald", "size_curve"])
def test_without_a_measured_curve_there_is_no_such_figure(group, tmp_path, write_run):
    write_run(tmp_path, group, 8, 0, 3, -99.0, 5)
    names = [drawing.name for drawing in draw_stability(read_runs(tmp_path))]
    assert names == ["sizes", f"starts-{group}"]
