"""Reading a size off measurements, by the loss, by a bound and by other metrics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from size_curve_world import SimulatedNetwork, codes, epoch_of, play

from ald_keras.rules import BASELINE_NLL, SizeCurveRule, SizeCurveState, SizeMeasurement
from ald_keras.rules.size_curve.edge import (
    Increase,
    best_size,
    mean_increases,
    mean_metric,
    size_within_bound,
    sufficient_size,
)
from ald_keras.rules.size_curve.movement import is_entangled, is_falling
from ald_keras.rules.size_curve.sampling import sampling_of
from ald_keras.rules.size_curve.spectra import (
    has_settled,
    idle_dims,
    informative_dims,
    is_growing,
    reserve_size,
    surplus_and_missing,
)


def measured(sizes, increase=None, standard_error=None, **metrics):
    zeros = [0.0] * len(sizes)
    return SizeMeasurement(
        sizes, increase or zeros, standard_error or zeros, 100.0, metrics
    )


FINITE = st.floats(-1.0, 3.0)
INCREASES = st.builds(Increase, FINITE, st.floats(0.0, 0.5), st.integers(1, 4))


@st.composite
def curves(draw):
    sizes = draw(st.lists(st.integers(1, 40), min_size=1, max_size=12, unique=True))
    found = {size: draw(INCREASES) for size in sorted(sizes)}
    return found | {max(sizes): Increase(0.0, 0.0, 1)}


@given(curves(), st.floats(0.0, 1.0), st.integers(1, 40))
def test_the_first_answer_is_the_smallest_size_from_which_on_all_are_within(
    increases, allowed, minimum
):
    full = max(increases)

    def suffices(size):
        above = [increase for s, increase in increases.items() if s >= size]
        return all(i.mean <= max(allowed, i.standard_error) for i in above)

    candidates = [s for s in increases if s >= min(minimum, full) and suffices(s)]
    found = sufficient_size(increases, allowed, None, min(minimum, full))
    assert found == min(candidates)


@given(curves(), st.floats(0.0, 1.0), st.data())
def test_an_answer_stays_while_nothing_changes(increases, allowed, data):
    before = data.draw(st.sampled_from(sorted(increases)))
    found = sufficient_size(increases, allowed, before, 1)
    assert sufficient_size(increases, allowed, found, 1) == found


@pytest.mark.parametrize(
    ("at", "below", "before", "answer"),
    [
        # The standard error of the mean of four is 0.05: 0.55 is the upper limit of
        # the answer, and 0.45 that of the next size.
        (0.54, 0.9, 5, 5),
        (0.56, 0.9, 5, 6),
        (0.2, 0.46, 5, 5),
        (0.2, 0.44, 5, 4),
        (0.2, 0.46, None, 4),
        (0.54, 0.9, None, 6),
    ],
)
def test_an_answer_moves_only_beyond_the_scatter(at, below, before, answer):
    increases = {
        4: Increase(below, 0.1, 4),
        5: Increase(at, 0.1, 4),
        6: Increase(0.0, 0.1, 4),
        9: Increase(0.0, 0.0, 4),
    }
    increases[3] = Increase(2.0, 0.1, 4)
    assert sufficient_size(increases, 0.5, before, 1) == answer


def test_an_answer_moves_as_far_as_it_must():
    increases = {size: Increase(10.0 - size, 0.1, 1) for size in range(1, 11)}
    assert sufficient_size(increases, 3.5, 2, 1) == 7
    assert sufficient_size(increases, 3.5, 10, 1) == 7
    assert sufficient_size(increases, 3.5, 10, 9) == 9
    assert sufficient_size(increases, 3.5, 14, 1) == 7


def test_a_size_that_was_not_measured_counts_as_the_next_one():
    increases = {4: Increase(1.0, 0.0, 1), 9: Increase(0.0, 0.0, 1)}
    assert sufficient_size(increases, 0.5, 4, 1) == 5
    assert sufficient_size(increases, 0.5, 6, 1) == 6


@pytest.mark.parametrize(
    ("mean", "error", "margin", "within"),
    [
        (0.1, 0.0, 0.0, True),
        (0.11, 0.0, 0.0, False),
        (0.2, 0.25, 0.0, True),
        (0.2, 0.15, 0.0, False),
        # The scatter of a mean of four is half the standard error.
        (0.2, 0.15, 1.0, True),
        (0.2, 0.25, -1.0, False),
        (0.1, 0.08, -1.0, False),
        (0.05, 0.08, -1.0, True),
    ],
)
def test_within_the_tolerance_or_one_standard_error(mean, error, margin, within):
    assert Increase(mean, error, 4).is_within(0.1, margin) is within


VALUES = st.floats(-5.0, 5.0)


@st.composite
def windows(draw):
    found = []
    for _ in range(draw(st.integers(1, 4))):
        sizes = sorted(draw(st.sets(st.integers(1, 9), min_size=1)))
        rows = st.lists(VALUES, min_size=len(sizes), max_size=len(sizes))
        errors = [abs(value) for value in draw(rows)]
        found.append(measured(sizes, draw(rows), errors, error=draw(rows)))
    return found


@given(windows())
def test_means_over_the_measurements_that_have_a_size(window):
    table = np.full((len(window), 3, 10), np.nan)
    for row, m in zip(table, window, strict=True):
        row[:, list(m.sizes)] = m.increase, m.standard_error, m.metrics["error"]
    found = mean_increases(window)
    assert tuple(found) == window[-1].sizes
    for size, increase in found.items():
        mean, error, _ = np.nanmean(table[:, :, size], axis=0)
        assert increase.mean == pytest.approx(mean)
        assert increase.standard_error == pytest.approx(error)
        assert increase.count == np.isfinite(table[:, 0, size]).sum()
    sizes, means = mean_metric(window, "error")
    assert sizes == window[-1].sizes
    assert means == pytest.approx(np.nanmean(table[:, 2, list(sizes)], axis=0))


@pytest.mark.parametrize(
    ("bound", "minimum", "size"),
    [
        (2.5, 1, 4),
        (3.1, 1, 2),
        (2.9, 1, 4),
        (9.0, 1, 1),
        (9.0, 3, 3),
        (1.0, 1, 6),
        (0.9, 1, None),
    ],
)
def test_the_smallest_size_from_which_on_a_metric_is_within_a_bound(
    bound, minimum, size
):
    window = [
        measured((3, 4, 5, 6), error=(3.2, 2.0, 2.0, 1.0)),
        measured((1, 2, 3, 4, 5, 6), error=(7.0, 1.0, 2.8, 2.0, 2.0, 1.0)),
    ]
    assert size_within_bound(window, "error", bound, minimum) == size


def test_the_best_size_of_one_measurement_is_the_smallest_of_equal_ones():
    window = [measured((1, 2, 3, 4, 5), score=(5.0, 2.0, 1.0, 1.0, 4.0))]
    assert best_size(window, "score", 1.0, 1) == 3
    assert best_size(window, "score", 1.0, 4) == 4
    assert best_size(window, "score", -1.0, 1) == 1
    assert best_size(window, "score", -1.0, 2) == 5


@pytest.mark.parametrize(("value", "size"), [(1.39, 3), (1.41, 5)])
def test_as_good_as_the_best_is_within_its_standard_error(value, size):
    # At size 5 the mean is 1.2 and its standard error 0.2.
    window = [
        measured((1, 3, 5), score=(9.0, value, 1.0)),
        measured((1, 3, 5, 8), score=(9.0, value, 1.4, 3.0)),
    ]
    assert best_size(window, "score", 1.0, 1) == size
    opposite = [
        measured(m.sizes, score=[-value for value in m.metrics["score"]])
        for m in window
    ]
    assert best_size(opposite, "score", -1.0, 1) == size


WORTHS = [3.0, 2.0, 1.5, 1.0]


def final_state(rule, **options):
    return play(rule, SimulatedNetwork(WORTHS, **options), 60)[-1][0]


def peak(size):
    return lambda k, epoch: 1.0 - 0.1 * abs(k - size)


@pytest.mark.parametrize(
    ("target", "best", "size"),
    [
        ("silhouette", 3, 3),
        ("silhouette", 2, 2),
        (("loss", "silhouette"), 3, 4),
        (("silhouette", "loss"), 2, 4),
        (["loss"], 2, 4),
    ],
)
def test_the_largest_of_the_answers_is_taken(target, best, size):
    rule = SizeCurveRule(tolerance=0.1, target=target)
    state = final_state(rule, metrics={"silhouette": peak(best)})
    assert (state.phase, state.size) == ("fixed", size)


def test_a_target_above_the_answer_of_the_loss():
    network = SimulatedNetwork([*WORTHS, 0.02, 0.01], metrics={"silhouette": peak(6)})
    rule = SizeCurveRule(tolerance=0.1, target=("loss", "silhouette"))
    assert play(rule, network, 60)[-1][0].size == 6


def test_lower_is_better_for_other_built_in_metrics():
    metrics = {"frechet_generation": lambda k, epoch: abs(k - 3)}
    rule = SizeCurveRule(tolerance=0.1, target="frechet_generation")
    assert final_state(rule, metrics=metrics).size == 3


@pytest.mark.parametrize(("direction", "size"), [("max", 3), ("min", 1)])
def test_a_metric_of_the_user(direction, size):
    rule = SizeCurveRule(tolerance=0.1, target="accuracy")
    state = final_state(
        rule,
        metrics={"accuracy": lambda k, epoch: min(k, 3) / 10},
        directions={"accuracy": direction},
    )
    assert state.size == size
    # What a reserve is worth is measured in loss.
    assert state.reserve == ()


def test_what_is_measured_for_a_target():
    rule = SizeCurveRule(target=("loss", "silhouette"))
    assert (rule.metrics, rule.size_metrics) == ((BASELINE_NLL,), ("silhouette",))
    rule = SizeCurveRule(target="silhouette")
    assert (rule.metrics, rule.size_metrics) == ((), ("silhouette",))
    rule = SizeCurveRule(max_squared_error=1.0)
    assert (rule.metrics, rule.size_metrics) == ((), ("squared_error",))
    assert SizeCurveRule(tolerance=0.1).metrics == ()
    assert SizeCurveRule().size_metrics == ()


def test_the_smallest_size_within_a_bound_on_the_squared_error():
    # Within it at full size from epoch 25 on only, with 3 dimensions.
    metrics = {"squared_error": lambda k, epoch: 9.0 if epoch < 25 else 6.0 / k}
    rule = SizeCurveRule(max_squared_error=2.0)
    network = SimulatedNetwork(WORTHS, metrics=metrics)
    played = play(rule, network, 60)
    assert codes(played)[:5] == ["settle", "measure", "infeasible", "moving", "fixed"]
    assert {state.size for state, d in played if d.code == "infeasible"} == {None}
    # All of the last four measurements are later.
    assert epoch_of(played, "moving") == 28
    assert epoch_of(played, "fixed") == 28 + rule.patience
    state, _ = played[-1]
    assert (state.size, len(state.active), state.at_floor) == (3, 3, False)


def test_evaluations_are_counted_anew_after_one_without_a_feasible_size():
    # The mean of four exceeds the bound from epoch 20 to 23.
    metrics = {"squared_error": lambda k, epoch: 9.0 if epoch == 20 else 4.5 / k}
    rule = SizeCurveRule(max_squared_error=1.5)
    played = play(rule, SimulatedNetwork(WORTHS, metrics=metrics), 40)
    assert codes(played)[2:6] == ["moving", "infeasible", "moving", "fixed"]
    assert epoch_of(played, "infeasible") == 20
    assert epoch_of(played, "fixed") == 23 + rule.patience
    assert played[-1][0].size == 3


def test_no_size_is_fixed_while_none_is_within_the_bound():
    rule = SizeCurveRule(max_squared_error=0.4)
    network = SimulatedNetwork(WORTHS, metrics={"squared_error": lambda k, epoch: 0.5})
    played = play(rule, network, 60)
    assert codes(played)[-1] == "infeasible"
    assert (played[-1][0].phase, played[-1][0].size) == ("measure", None)


SETTLED = (2.0, 1.0, 0.5, 0.3, 0.02, 0.01)
DIMS = tuple(range(6))


@pytest.mark.parametrize(
    ("spectra", "settled"),
    [
        ([SETTLED] * 3, True),
        # The total KL may grow by 5 %, and fall.
        ([SETTLED, [1.049 * kl for kl in SETTLED]], True),
        ([SETTLED, [1.051 * kl for kl in SETTLED]], False),
        ([[2.0 * kl for kl in SETTLED], SETTLED], True),
        # One dimension may have changed, two of four may not.
        ([SETTLED, (2.0, 1.0, 0.5, 0.05, 0.02, 0.01)], True),
        ([SETTLED, (2.0, 1.0, 0.05, 0.05, 0.02, 0.01)], False),
        ([SETTLED, (2.0, 0.05, 0.05, 0.3, 0.02, 0.01), SETTLED], False),
        # Some must be idle, and some informative.
        ([[1.0] * 6] * 3, False),
        ([[0.01] * 6] * 3, False),
    ],
)
def test_training_has_settled(spectra, settled):
    assert has_settled(DIMS, spectra, 0.1) is settled


def test_the_kl_grows_by_more_than_five_percent():
    # Only the first and the last spectrum count.
    assert is_growing([(1.0, 1.0), (0.0, 0.0), (1.0, 1.11)])
    assert not is_growing([(1.0, 1.0), (9.0, 9.0), (1.0, 1.09)])


def test_a_tenth_of_many_dimensions_may_have_changed():
    active = tuple(range(24))

    def spectrum(informative):
        return [1.0] * informative + [0.05] * (24 - informative)

    assert has_settled(active, [spectrum(20), spectrum(18), spectrum(20)], 0.1)
    assert not has_settled(active, [spectrum(20), spectrum(17), spectrum(20)], 0.1)


def test_only_active_dimensions_are_informative_or_idle():
    assert informative_dims((0, 3, 4), SETTLED, 0.1) == [0, 3]
    assert informative_dims(DIMS, SETTLED, 0.3) == [0, 1, 2, 3]
    assert idle_dims((0, 3, 5), [SETTLED], 0.1) == [5]


def test_idle_in_all_spectra_and_the_least_idle_one_last():
    spectra = [(0.0, 0.2, 0.01, 0.02, 0.0), (0.05, 0.0, 0.03, 0.01, 0.03)]
    # 2 and 4 have the same KL: the first one is kept first.
    assert idle_dims(range(5), spectra, 0.1) == [3, 4, 2, 0]


@pytest.mark.parametrize(
    ("informative", "size"), [(0, 2), (1, 2), (8, 2), (9, 3), (12, 3), (13, 4)]
)
def test_a_quarter_stays_in_reserve(informative, size):
    assert reserve_size(informative) == size


def test_surplus_idle_dimensions_go_and_missing_ones_are_opened():
    spectra = [(1.0, 0.02, 0.03, 0.01, 0.05, 0.0)]
    assert surplus_and_missing(DIMS, (), spectra, 0.1) == ((1, 3, 5), ())
    assert surplus_and_missing((0, 2, 4), (1, 3, 5), spectra, 0.1) == ((), ())
    assert surplus_and_missing((0, 4), (1, 2, 3, 5), spectra, 0.1) == ((), (1,))
    assert surplus_and_missing((0,), (1, 2, 3, 4, 5), spectra, 0.1) == ((), (1, 2))
    assert surplus_and_missing((0,), (5,), spectra, 0.1) == ((), (5,))
    # A dimension that was informative lately is not idle, and needs a reserve.
    spectra = [(1.0, 0.5, 0.0, 0.0, 0.0, 0.0), *spectra]
    assert surplus_and_missing(DIMS, (), spectra, 0.1) == ((3, 5), ())


def test_nothing_is_removed_where_all_are_idle():
    assert surplus_and_missing(DIMS, (), [[0.01] * 6], 0.1)[0] == ()


@st.composite
def states(draw):
    n_dims = draw(st.integers(2, 10))
    dims = list(range(n_dims))
    active = sorted(draw(st.sets(st.sampled_from(dims), min_size=2)))
    kl = [draw(st.sampled_from([0.0, 0.05, 0.5, 2.0])) * (d in active) for d in dims]
    size = draw(st.none() | st.integers(1, len(active)))
    phase = draw(st.sampled_from(["measure", "fixed"]))
    reserve = active[: draw(st.integers(1, len(active) - 1))]
    return SizeCurveState(
        active,
        tuple(d for d in dims if d not in active),
        tuple(reserve) if phase == "fixed" else (),
        phase,
        (tuple(kl),),
        size,
        is_entangled=draw(st.booleans()),
        idle_kl=0.1,
    )


@given(states(), st.floats(0.01, 0.9), st.integers(1, 3))
def test_the_probabilities_sum_to_the_share(state, share, min_dims):
    sampling = sampling_of(state, share, min_dims)
    found = dict(enumerate(sampling.probabilities, start=1))
    informative = len(informative_dims(state.active, state.spectra[0], 0.1))
    size = informative if state.size is None else state.size
    if state.phase == "fixed":
        expected = {len(state.core): 0.4}
        assert {k: p for k, p in found.items() if p} == expected
        return
    if state.is_entangled and size > min_dims:
        share = 0.9
    if size <= min_dims and informative <= size:
        share = 0.0  # no size is below the answer or between it and the informative
    assert sum(found.values()) == pytest.approx(share)
    if size >= min_dims:
        assert all(p == 0.0 for k, p in found.items() if k < min_dims)
    below = [p for k, p in found.items() if min_dims <= k < size]
    assert below == sorted(below)


@given(states())
def test_core_comes_before_reserve_before_the_rest(state):
    order = sampling_of(state, 0.5, 1).order
    assert sorted(order) == list(range(len(state.spectra[0])))
    core, active = len(state.core), len(state.active)
    groups = order[:core], order[core:active], order[active:]
    assert set(groups[0]) == set(state.core)
    assert set(groups[1]) == set(state.reserve)
    assert set(groups[2]) == set(state.removed)
    for group in groups:
        kl = [state.spectra[0][d] for d in group]
        assert kl == sorted(kl, reverse=True)


def test_nothing_is_sampled_before_measuring_and_without_a_reserve():
    spectra = (SETTLED,)
    assert sampling_of(SizeCurveState(DIMS, spectra=spectra), 0.5, 1) is None
    fixed = SizeCurveState((0, 1, 2), (3, 4, 5), (), "fixed", spectra, 3)
    assert sampling_of(fixed, 0.5, 1) is None


def test_sizes_just_below_the_answer_are_sampled_most():
    state = SizeCurveState(DIMS, (), (), "measure", (SETTLED,), 3, idle_kl=0.1)
    found = sampling_of(state, 0.5, 1).probabilities
    # Four fifths below, of which the ratio is 0.7; the rest at the answer.
    assert found == pytest.approx(
        (0.5 * 0.8 * 7 / 17, 0.5 * 0.8 * 10 / 17, 0.1, 0, 0, 0)
    )


@pytest.mark.parametrize(
    ("entangled", "min_dims", "pressed"),
    [(False, 1, False), (True, 1, True), (True, 3, True), (True, 4, False)],
)
def test_an_entangled_network_is_put_under_pressure(entangled, min_dims, pressed):
    state = SizeCurveState(
        DIMS, (), (), "measure", (SETTLED,), 4, is_entangled=entangled, idle_kl=0.1
    )
    found = sampling_of(state, 0.5, min_dims).probabilities
    pressure = pytest.approx((0.0, 0.0, 0.63, 0.27, 0.0, 0.0))
    assert (found == pressure) is pressed


@pytest.mark.parametrize(
    ("size", "losses", "entangled"),
    [
        (6, [80.0], True),
        (7, [80.0], False),  # fallen by less than a fifth from 8
        # Ten intervals with a tolerance of 1: half of that is learning.
        (6, [84.9, *[82.0] * 9, 80.0], True),
        (6, [85.1, *[82.0] * 9, 80.0], False),
        (6, [80.0, 85.0], True),
    ],
)
def test_a_falling_answer_is_entangled_unless_the_loss_falls(size, losses, entangled):
    assert is_entangled(size, 8, losses, allowed=1.0) is entangled


@pytest.mark.parametrize(
    ("below", "falling"),
    [
        ([2.0, 1.6, 1.2], False),  # too few to tell
        ([2.0, 1.6, 1.2, 0.8], True),
        ([0.9, 0.9, 0.9, 0.8], False),
        # Within the tolerance, by less than its scatter: it may soon be for sure.
        ([2.0, 1.6, 1.2, 0.4], True),
        ([0.4, 0.4, 0.4, 0.4], False),
        ([0.8, 1.2, 1.6, 2.0], False),
    ],
)
def test_an_increase_that_will_soon_be_within_the_tolerance_is_falling(below, falling):
    assert is_falling(below, patience=6, allowed=0.5) is falling
