import pytest

from ald_keras.experiments.core.smallest_size import (
    sizes_to_train,
    smallest_sufficient_size,
)


@pytest.mark.parametrize(
    ("metrics", "size", "best_size"),
    [
        # 0.5 % of -100 is half a nat.
        ({8: [-100.6], 9: [-100.4], 10: [-100.0], 11: [-100.2]}, 9, 10),
        ({8: [-100.5], 10: [-100.0]}, 8, 10),
        # Higher is better above zero too: at least 199 of 200.
        ({3: [198.9], 4: [199.0], 5: [200.0]}, 4, 5),
        # A tie goes to the smaller size.
        ({7: [-50.0], 6: [-50.0]}, 6, 6),
        # Means over seeds, not single metrics, and as many as there are.
        ({2: [-99.0, -103.0], 3: [-100.0], 4: [-100.2, -100.0]}, 3, 3),
        # Sizes need not come in order; the smallest may be no neighbour of the best.
        ({64: [-100.0], 12: [-100.3], 11: [-102.0]}, 12, 64),
        ({5: [0.0], 4: [-0.001]}, 5, 5),
        # Around zero the tolerance has the best's sign left out.
        ({5: [-1.0], 6: [1.0]}, 6, 6),
        ({5: [-100.0]}, 5, 5),
    ],
)
def test_the_smallest_size_within_half_a_percent(metrics, size, best_size):
    found = smallest_sufficient_size(metrics)
    assert (found.size, found.best_size) == (size, best_size)
    assert found.value == sum(metrics[size]) / len(metrics[size])
    assert found.required == pytest.approx(found.best - 0.005 * abs(found.best))


@pytest.mark.parametrize(
    ("baseline_nll", "size"),
    # The best size gains 100, 10 and nothing.
    [(200.0, 5), (110.0, 6), (99.0, 6)],
)
def test_the_tolerance_is_a_share_of_the_gain(baseline_nll, size):
    metrics = {4: [-110.0], 5: [-100.4], 6: [-100.0]}
    found = smallest_sufficient_size(metrics, baseline_nll)
    assert found.size == size
    assert found.required == pytest.approx(
        -100.0 - 0.005 * max(0.0, baseline_nll - 100.0)
    )


def test_the_tolerance_is_an_argument():
    metrics = {4: [-110.0], 5: [-100.4], 6: [-100.0]}
    assert smallest_sufficient_size(metrics, tolerance=0.0).size == 6
    assert smallest_sufficient_size(metrics, tolerance=0.1).size == 4


@pytest.mark.parametrize(
    "metrics", [{}, {3: []}, {3: [float("nan")], 4: [1.0]}, {3: [float("-inf")]}]
)
def test_metrics_that_give_no_size(metrics):
    with pytest.raises(ValueError, match="`metrics`"):
        smallest_sufficient_size(metrics)


def search(elbo, estimate, largest, failing=()):
    """Sizes that the search trains, in order, where `elbo` is the truth."""
    metrics, tried, order = {}, set(), []
    while sizes := sizes_to_train(metrics, tried, estimate, largest):
        assert not tried & set(sizes)
        tried.update(sizes)
        order += sizes
        metrics.update({s: [elbo(s)] for s in sizes if s not in failing})
    return metrics, order


def saturating(sufficient):
    return lambda size: -100.0 - max(0, sufficient - size)


@pytest.mark.parametrize("estimate", [1, 2, 9, 12, 13, 20, 40, 64])
@pytest.mark.parametrize("sufficient", [1, 2, 5, 12, 30, 62, 64])
def test_every_size_within_three_of_the_smallest_is_trained(sufficient, estimate):
    metrics, order = search(saturating(sufficient), estimate, largest=64)
    assert smallest_sufficient_size(metrics).size == sufficient
    low = max(1, sufficient - 3)
    assert {*range(low, sufficient + 4), 64} <= set(metrics)
    assert len(order) == len(set(order)) <= 30
    assert max(order) <= 67


def test_a_right_estimate_asks_for_its_neighbours_and_the_largest_only():
    _, order = search(saturating(12), 12, largest=100)
    assert order == [9, 10, 11, 12, 13, 14, 15, 100]


def test_an_estimate_off_by_one_extends_the_range_on_one_side():
    _, order = search(saturating(11), 12, largest=100)
    assert order == [9, 10, 11, 12, 13, 14, 15, 100, 8]


def test_sizes_that_fail_are_not_asked_for_again():
    metrics, order = search(saturating(12), 12, largest=64, failing=(13, 64))
    assert smallest_sufficient_size(metrics).size == 12
    assert order.count(13) == order.count(64) == 1
    assert search(saturating(12), 12, largest=64, failing=range(100))[0] == {}
