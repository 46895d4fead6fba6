import pytest

from ald_keras.experiments.core.edge import right_answer, sizes_to_train


@pytest.mark.parametrize(
    ("figures", "size", "best_size"),
    [
        # 0.5 % of -100 is half a nat.
        ({8: [-100.6], 9: [-100.4], 10: [-100.0], 11: [-100.2]}, 9, 10),
        ({8: [-100.5], 10: [-100.0]}, 8, 10),
        # Higher is better above zero too: at least 199 of 200.
        ({3: [198.9], 4: [199.0], 5: [200.0]}, 4, 5),
        # A tie goes to the smaller size.
        ({7: [-50.0], 6: [-50.0]}, 6, 6),
        # Means over seeds, not single figures, and as many as there are.
        ({2: [-99.0, -103.0], 3: [-100.0], 4: [-100.2, -100.0]}, 3, 3),
        # Sizes need not come in order, and the edge may be no neighbour of the best.
        ({64: [-100.0], 12: [-100.3], 11: [-102.0]}, 12, 64),
        ({5: [0.0], 4: [-0.001]}, 5, 5),
        # Around zero the tolerance has the best's sign left out.
        ({5: [-1.0], 6: [1.0]}, 6, 6),
        ({5: [-100.0]}, 5, 5),
    ],
)
def test_the_smallest_size_within_half_a_percent(figures, size, best_size):
    edge = right_answer(figures)
    assert (edge.size, edge.best_size) == (size, best_size)
    assert edge.value == sum(figures[size]) / len(figures[size])
    assert edge.least == pytest.approx(edge.best - 0.005 * abs(edge.best))


@pytest.mark.parametrize(
    ("baseline_nll", "size"),
    # The best size gains 100, 10 and nothing.
    [(200.0, 5), (110.0, 6), (99.0, 6)],
)
def test_the_tolerance_is_a_share_of_the_gain(baseline_nll, size):
    figures = {4: [-110.0], 5: [-100.4], 6: [-100.0]}
    edge = right_answer(figures, baseline_nll)
    assert edge.size == size
    assert edge.least == pytest.approx(-100.0 - 0.005 * max(0.0, baseline_nll - 100.0))


def test_the_tolerance_is_an_argument():
    figures = {4: [-110.0], 5: [-100.4], 6: [-100.0]}
    assert right_answer(figures, tolerance=0.0).size == 6
    assert right_answer(figures, tolerance=0.1).size == 4


@pytest.mark.parametrize(
    "figures", [{}, {3: []}, {3: [float("nan")], 4: [1.0]}, {3: [float("-inf")]}]
)
def test_figures_that_give_no_answer(figures):
    with pytest.raises(ValueError, match="`figures`"):
        right_answer(figures)


def search(elbo, guess, largest, failing=()):
    """Sizes that the search trains, in order, where `elbo` is the truth."""
    figures, tried, order = {}, set(), []
    while sizes := sizes_to_train(figures, tried, guess, largest):
        assert not tried & set(sizes)
        tried.update(sizes)
        order += sizes
        figures.update({s: [elbo(s)] for s in sizes if s not in failing})
    return figures, order


def saturating(edge):
    return lambda size: -100.0 - max(0, edge - size)


@pytest.mark.parametrize("guess", [1, 2, 9, 12, 13, 20, 40, 64])
@pytest.mark.parametrize("edge", [1, 2, 5, 12, 30, 62, 64])
def test_every_size_within_three_of_the_edge_is_trained(edge, guess):
    figures, order = search(saturating(edge), guess, largest=64)
    assert right_answer(figures).size == edge
    assert {*range(max(1, edge - 3), edge + 4), 64} <= set(figures)
    assert len(order) == len(set(order)) <= 30
    assert max(order) <= 67


def test_a_guess_at_the_edge_asks_for_its_neighbours_and_the_largest_only():
    _, order = search(saturating(12), 12, largest=100)
    assert order == [9, 10, 11, 12, 13, 14, 15, 100]


def test_an_answer_off_by_one_extends_the_range_on_one_side():
    _, order = search(saturating(11), 12, largest=100)
    assert order == [9, 10, 11, 12, 13, 14, 15, 100, 8]


def test_sizes_that_fail_are_not_asked_for_again():
    figures, order = search(saturating(12), 12, largest=64, failing=(13, 64))
    assert right_answer(figures).size == 12
    assert order.count(13) == order.count(64) == 1
    assert search(saturating(12), 12, largest=64, failing=range(100))[0] == {}
