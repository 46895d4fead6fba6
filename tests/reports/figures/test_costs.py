import pytest
from figure_checks import check_figure

from ald_keras.reports.figures import Cost, costs_figure


def test_searches_rules_and_single_sizes():
    costs = [
        Cost("one fixed size", 240.0, -105.0, 0.3, True),
        Cost("grid", 1500.0, -100.0, 0.5),
        Cost("hyperband", 700.0, -101.0, 0.7),
        Cost("size_curve", 260.0, -100.2, 0.4),
        *(Cost("one fixed size", 230.0 + i, -103.0 + i, 0.3, True) for i in range(2)),
    ]
    figure = costs_figure(costs)
    check_figure(figure)
    (axes,) = figure.axes
    places = [bars.lines[0].get_xydata().tolist()[0] for bars in axes.containers]
    assert places == [[cost.seconds, cost.elbo] for cost in costs]
    (segment,) = axes.containers[2].lines[2][0].get_segments()
    assert segment[1][1] - segment[0][1] == pytest.approx(1.4)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["grid", "hyperband", "size_curve", "one fixed size"]
    markers = {bars.lines[0].get_marker() for bars in axes.containers}
    assert len(markers) == 4
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("seconds", [0.2, 40.0, 90_000.0])
def test_one_result_of_one_seed(seconds):
    figure = costs_figure([Cost("size_curve", seconds, -50.0, None)])
    check_figure(figure)
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    assert sum(low <= tick <= high for tick in axes.get_xticks()) >= 1
