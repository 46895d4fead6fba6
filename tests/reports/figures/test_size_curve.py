import pytest
from figure_checks import check_figure

from ald_keras.reports.figures import SizeLine, SizePoint, size_curve_figure

SIZES = [*range(1, 21), 24, 32, 64]
INCREASE = [200.0 / size**2 - 200.0 / 64**2 for size in SIZES]
ERRORS = [0.1 + 2.0 / size for size in SIZES]


def line(label="one run", **metrics):
    return SizeLine(label, SIZES, INCREASE, ERRORS, metrics)


def test_the_increase_with_its_errors_and_the_answer():
    figure = size_curve_figure([line()], tolerance=0.5, answer=18)
    check_figure(figure)
    (axes,) = figure.axes
    assert axes.containers[0].lines[0].get_xydata()[:, 1].tolist() == INCREASE
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "tolerance: 0.5 nats" in legend
    assert "smallest size within the tolerance: 18" in legend


def test_sizes_from_scratch_stand_beside_the_curve():
    points = [SizePoint(4, 10.0, 0.4), SizePoint(48, -0.4, 0.2)]
    figure = size_curve_figure([line("seed 0"), line("seed 1")], points)
    check_figure(figure)
    drawn = figure.axes[0].containers[2].lines[0].get_xydata().tolist()
    assert drawn == [[4.0, 10.0], [48.0, -0.4]]
    low, _ = figure.axes[0].get_ylim()
    assert low < -0.6


def test_a_panel_for_each_further_metric():
    values = [0.01 * size for size in SIZES]
    figure = size_curve_figure([line(silhouette=values, mine=values)])
    check_figure(figure)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[1:] == ["Silhouette of the clusters", "mine"]


@pytest.mark.parametrize("sizes", [[1], [3, 4], list(range(1, 301, 7))])
def test_few_and_many_sizes(sizes):
    found = SizeLine("a run", sizes, [0.0] * len(sizes), [0.0] * len(sizes))
    check_figure(size_curve_figure([found]))
