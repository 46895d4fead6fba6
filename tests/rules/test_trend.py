import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from ald_keras.rules.tolerance import parse_tolerance
from ald_keras.rules.trend import Course, Removal, fit_course

LOSSES = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=12)


@given(LOSSES, st.integers(1, 50))
def test_without_removals_the_fit_is_that_of_polyfit(losses, first):
    epochs = np.arange(first, first + len(losses))
    gain, level = np.polyfit(1 / np.cbrt(epochs), losses, 1)
    course = fit_course(epochs.tolist(), losses)
    if gain < 0:
        gain, level = 0.0, np.mean(losses)
    assert course.gain == pytest.approx(gain, rel=1e-5, abs=1e-4)
    assert course.level == pytest.approx(level, rel=1e-5, abs=1e-4)


def test_what_an_epoch_brings_falls_off():
    course = fit_course([1, 8, 64], [7.0, 5.0, 4.0])
    assert (course.level, course.gain) == pytest.approx((3.0, 4.0))
    assert course.at(512) == pytest.approx(3.5)


def test_a_loss_that_rises_is_taken_as_level():
    for course in (
        fit_course([1, 2, 3], [1.0, 2.0, 3.0]),
        fit_course([1, 8], [3.0, 1.0], falls=False),
    ):
        assert course.level == pytest.approx(2.0)
        assert (course.gain, course.removals) == (0.0, ())


@given(
    st.floats(-1e4, 1e4),
    st.floats(0.0, 100.0),
    st.lists(st.tuples(*[st.floats(0.0, 5.0)] * 3), max_size=4),
)
def test_what_removals_add_is_found_exactly_without_noise(level, gain, added):
    starts = [20.0 + 7 * index for index in range(len(added))]
    removals = [
        Removal(start, *parts) for start, parts in zip(starts, added, strict=True)
    ]
    made = Course(level, gain, tuple(removals))
    epochs = np.arange(9, 28 + 7 * len(added))
    found = fit_course(epochs, [made.at(t) + made.added(t) for t in epochs], starts)
    assert found.gain == pytest.approx(gain, abs=1e-4)
    assert found.level == pytest.approx(level, abs=1e-4)
    horizon = 2.0 * epochs[-1]
    assert found.added(horizon) == pytest.approx(made.added(horizon), abs=1e-4)
    before = made.without_last().added(horizon)
    assert found.without_last().added(horizon) == pytest.approx(before, abs=1e-4)


def test_the_fit_is_the_best_of_those_allowed():
    """Beside a general optimizer."""
    rng = np.random.default_rng(0)
    epochs, starts = np.arange(10.0, 40.0), (20.0, 27.0)
    losses = 100 + 30 / np.cbrt(epochs) - 2.0 * (epochs > 27) + rng.normal(0, 0.3, 30)

    def build(values):
        level, gain, *rest = values
        removals = [Removal(starts[i], *rest[3 * i : 3 * i + 3]) for i in range(2)]
        return Course(level, gain, tuple(removals))

    def misfit(values):
        course = build(values)
        made = [course.at(t) + course.added(t) for t in epochs]
        return float(np.sum((np.array(made) - losses) ** 2))

    for may_help, least in ((False, 0.0), (True, None)):
        above = (0, None)
        bounds = [(None, None), *[above] * 4, (least, None), above, above]
        best = minimize(misfit, [100.0, *[1.0] * 7], bounds=bounds)
        course = fit_course(epochs, losses, starts, may_help=may_help)
        found = [course.level, course.gain]
        for removal in course.removals:
            found += [removal.cost, removal.debt, removal.shock]
        assert misfit(found) <= best.fun + 1e-6
        assert (course.removals[-1].cost < -1.0) == may_help
        assert all(r.cost >= 0.0 for r in course.removals[:-1])


@pytest.mark.parametrize(
    ("value", "loss", "null_loss", "expected"),
    [
        ("0.5%", 100.0, 300.0, 1.0),
        ("0.5%", -100.0, 100.0, 1.0),
        (" 2 % ", -100.0, -50.0, 1.0),
        (".5%", 7600.0, 7700.0, 0.5),
        ("1%", 100.0, 99.0, 0.0),
        (0.25, 1e6, None, 0.25),
    ],
)
def test_tolerances_are_nats_or_shares_of_the_gain(value, loss, null_loss, expected):
    assert parse_tolerance("x", value).of(loss, null_loss) == pytest.approx(expected)


def test_a_share_needs_to_know_the_gain():
    with pytest.raises(ValueError, match="`null_loss` must be known"):
        parse_tolerance("x", "1%").of(100.0, None)


@pytest.mark.parametrize(
    "value", ["0.5", "-1%", "%", "1%%", -0.1, 0, "0%", float("nan"), None, True, [1]]
)
def test_other_tolerances_are_refused(value):
    with pytest.raises(ValueError, match=r"`x` must .*Received: x="):
        parse_tolerance("x", value)


@pytest.mark.parametrize("may_help", [False, True])
def test_a_removal_that_no_record_shows_adds_nothing(may_help):
    epochs = np.arange(5, 15)
    losses = 100.0 + 20.0 / np.cbrt(epochs) + 0.1 * np.sin(epochs)
    plain = fit_course(epochs, losses)
    after = fit_course(epochs, losses, [14], may_help=may_help)
    assert (after.level, after.gain) == pytest.approx((plain.level, plain.gain))
    assert after.removals == (Removal(14.0, 0.0, 0.0, 0.0),)
    # What all records have in common is the level.
    before = fit_course(epochs, losses + 7.0, [4], may_help=may_help)
    assert may_help or before.removals[0].cost == 0.0
    found = [before.at(t) + before.added(t) for t in epochs]
    best = [plain.at(t) for t in epochs]
    misfit = np.sum((losses + 7.0 - found) ** 2)
    assert misfit <= np.sum((losses - best) ** 2) * (1 + 1e-9)
