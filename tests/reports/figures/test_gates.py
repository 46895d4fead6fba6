from figure_checks import check_figure

from ald_keras.reports.figures import OpenGates, gates_figure


def test_open_gates_stand_at_their_reference():
    runs = [
        OpenGates(f"{budget:g} x", size, gates, held)
        for size, gates, held in ((5, 6, True), (5, 9, False), (30, 22, True))
        for budget in (2, 1, 1.5)
    ]
    figure = gates_figure(runs)
    check_figure(figure)
    (axes,) = figure.axes
    points = [line for line in axes.lines if line.get_marker() != "None"]
    found = [(round(float(p.get_xdata()[0])), int(p.get_ydata()[0])) for p in points]
    assert found == [(0, 6), (0, 9)] * 3 + [(1, 22)] * 3
    # One apart from the other, and hollow where the bound did not hold.
    places = [float(point.get_xdata()[0]) for point in points]
    assert len(set(places)) == len(places)
    hollow = [point.get_markerfacecolor() == "white" for point in points]
    assert hollow == [False, True] * 3 + [False] * 3
    assert len({point.get_marker() for point in points}) == 3
    assert [text.get_text() for text in axes.get_xticklabels()] == ["5", "30"]
    levels = [lines.get_segments()[0][0][1] for lines in axes.collections]
    assert levels == [5, 6, 30, 31]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["2 x", "1 x", "1.5 x", "n", "n + 1"]
    assert axes.get_ylim()[0] == 0


def test_one_run():
    check_figure(gates_figure([OpenGates("1 x", 5, 1, False)]))
