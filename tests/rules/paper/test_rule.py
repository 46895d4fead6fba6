"""Each line of the algorithm, played as scripted curves."""

import dataclasses

import pytest

from ald_keras.rules import BUILT_IN_METRICS, ALDRule, ALDState

UP = [0.01 * epoch for epoch in range(60)]
DOWN = UP[::-1]
FLAT = [0.1] * 60
# Rises by 0.1 for 12 epochs, then falls slowly: up over 20, down over the last 8.
PEAK = [0.1 * epoch for epoch in range(12)] + [1.1 - 0.01 * e for e in range(48)]
# Falls by 0.1 for 10 epochs, then rises slowly: down over 20, up over the last 10.
DIP = [1.0 - 0.1 * epoch for epoch in range(10)] + [0.01 * e for e in range(50)]


def curves(length, **named):
    """Four curves, falling where not named: nothing stops and nothing slows down."""
    return {name: named.get(name, DOWN)[:length] for name in BUILT_IN_METRICS}


def all_up(length, **named):
    return curves(length, **{**dict.fromkeys(BUILT_IN_METRICS, UP), **named})


def actions(played):
    return [decision.action for _, decision in played]


def sizes(played):
    return [decision.active_dims for _, decision in played]


def test_prunes_the_initial_step_every_patience_epochs(play):
    played = play(ALDRule(), curves(20))
    assert actions(played) == (["wait"] * 4 + ["prune"]) * 4
    assert sizes(played)[4::5] == [59, 54, 49, 44]
    assert all(len(decision.indices) == 5 for _, decision in played[4::5])


def test_patience_counts_recorded_epochs_and_not_epoch_numbers(play):
    rule = ALDRule(patience=3)
    state = dataclasses.replace(rule.init(64, 0), last_epoch=100)
    played = play(rule, curves(7), state=state)
    assert actions(played) == ["wait", "wait", "prune"] * 2 + ["wait"]
    assert [d.epoch for _, d in played if d.action == "prune"] == [103, 106]


def test_a_removed_dimension_is_named_and_gone(play):
    state, decision = play(ALDRule(selection="last"), curves(5))[-1]
    assert decision.indices == (59, 60, 61, 62, 63)
    assert state.active == tuple(range(59))
    assert state.removals == 1


@pytest.mark.parametrize("slope_window", [10, 20])
def test_stops_at_the_first_full_window_with_all_slopes_positive(play, slope_window):
    played = play(ALDRule(slope_window=slope_window), all_up(slope_window + 10))
    assert actions(played).index("stop") == slope_window - 1
    assert actions(played).count("stop") == 1
    assert set(actions(played)[slope_window:]) == {"wait"}
    state, stop = played[slope_window - 1]
    assert state.fixed_epoch == slope_window - 1
    assert not state.at_floor
    assert stop.active_dims == played[-1][1].active_dims == len(played[-1][0].active)
    slopes = dict.fromkeys(BUILT_IN_METRICS, 0.01)
    assert stop.details == pytest.approx({**slopes, "step": state.step})


def test_does_not_stop_between_decision_epochs(play):
    played = play(ALDRule(patience=6), all_up(24))
    assert actions(played).index("stop") == 23


@pytest.mark.parametrize("name", BUILT_IN_METRICS)
@pytest.mark.parametrize("curve", [FLAT, DOWN], ids=["flat", "falling"])
def test_one_curve_that_has_not_turned_is_enough_to_go_on(play, name, curve):
    played = play(ALDRule(), all_up(40, **{name: curve}))
    assert "stop" not in actions(played)
    held = played[19][1].reason.split("over the last 20 epochs, ")[1]
    held = held.split(" The step")[0]
    slope = "-0.01" if curve is DOWN else "+0"
    assert held == f"{name} {slope} is not above 0."


def test_stop_test_looks_back_on_its_window_alone(play):
    late = [100.0 - epoch for epoch in range(20)] + UP
    played = play(ALDRule(), dict.fromkeys(BUILT_IN_METRICS, late[:60]))
    # From epoch 20 to 38 the window still holds some of the fall.
    first = next(epoch for epoch in range(19, 60, 5) if _rises(late, epoch, 20))
    assert first == 39
    assert actions(played).index("stop") == first


def _rises(values, epoch, window):
    used = values[epoch - window + 1 : epoch + 1]
    middle = (window - 1) / 2
    return sum((i - middle) * value for i, value in enumerate(used)) > 0


def test_slow_down_acts_at_once_and_stays(play):
    silhouette = DOWN[:10] + [value + 9 for value in UP[:10]] + [9 - v for v in UP]
    played = play(ALDRule(), curves(60, silhouette=silhouette), n_dims=64)
    steps = [decision.details["step"] for _, decision in played]
    slowed = next(e for e in range(9, 60, 5) if _rises(silhouette, e, 10))
    assert steps == [5] * slowed + [1] * (60 - slowed)
    removed = [len(d.indices) for _, d in played if d.action == "prune"]
    assert removed == [5] * (slowed // 5) + [1] * (12 - slowed // 5)
    assert played[-1][0].step == 1


def test_slow_down_needs_a_full_window(play):
    played = play(ALDRule(), curves(15, silhouette=UP))
    assert [played[e][1].details["step"] for e in (4, 9, 14)] == [5, 1, 1]
    assert "10 recorded epochs and has 5" in played[4][1].reason
    played = play(ALDRule(slowdown_window=12), curves(15, silhouette=UP))
    assert [played[e][1].details["step"] for e in (4, 9, 14)] == [5, 5, 1]


def test_flat_silhouette_does_not_slow_down(play):
    assert play(ALDRule(), curves(30, silhouette=FLAT))[-1][0].step == 5


def test_slow_down_reads_the_silhouette_even_where_it_has_no_threshold(play):
    rule = ALDRule(thresholds={"reconstruction": 0.0})
    script = {"silhouette": UP[:10], "reconstruction": DOWN[:10]}
    state, decision = play(rule, script)[-1]
    assert decision.details["step"] == state.step == 1
    assert "silhouette" not in decision.details


def test_slow_down_has_no_threshold(play):
    rule = ALDRule(thresholds={"silhouette": 5.0})
    assert play(rule, {"silhouette": UP[:10]})[-1][0].step == 1


def test_equal_steps_never_change(play):
    played = play(ALDRule(initial_step=3, final_step=3), curves(20, silhouette=UP))
    assert [len(d.indices) for _, d in played[4::5]] == [3, 3, 3, 3]


class TestWherePaperAndPublishedCodeDisagree:
    """One test for each row of the design's table that concerns the rule."""

    def test_prunes_not_every_epoch(self, play):
        assert actions(play(ALDRule(), curves(4))) == ["wait"] * 4

    def test_slow_down_uses_its_own_window_and_not_that_of_the_stop_test(self, play):
        assert _rises(PEAK, 24, 20)
        assert not _rises(PEAK, 24, 10)
        decision = _decide_after(play, 25, PEAK)
        assert (decision.action, decision.details["step"]) == ("prune", 5)

        assert not _rises(DIP, 19, 20)
        assert _rises(DIP, 19, 10)
        played = play(ALDRule(), curves(20, silhouette=DIP))
        assert [played[e][1].details["step"] for e in (9, 14, 19)] == [5, 5, 1]

    def test_slow_down_is_a_slope_and_not_a_comparison_of_two_means(self, play):
        # The last ten lie above the ten before, and fall.
        high = [0.0] * 10 + [1.0 - 0.01 * epoch for epoch in range(10)]
        assert _decide_after(play, 20, high).details["step"] == 5
        # The last ten lie below the ten before, and rise.
        low = [2.0] * 10 + [0.01 * epoch for epoch in range(10)]
        assert _decide_after(play, 20, low).details["step"] == 1

    def test_stop_does_not_wait_for_the_small_step(self, play):
        played = play(ALDRule(slowdown_window=30), all_up(20))
        assert (played[-1][1].action, played[-1][1].details["step"]) == ("stop", 5)

    def test_stop_needs_a_full_window_and_no_more(self, play):
        played = play(ALDRule(patience=1, slope_window=7), all_up(7))
        assert actions(played) == ["prune"] * 6 + ["stop"]

    def test_removed_dimensions_are_drawn_unless_told_otherwise(self, play):
        first = play(ALDRule(), curves(5), seed=1)[-1][1].indices
        other = play(ALDRule(), curves(5), seed=2)[-1][1].indices
        assert first != other
        assert max(first) < 63 or min(first) < 59
        kl = [1.0] * 64
        kl[7] = kl[40] = 0.0
        rule = ALDRule(selection="kl", initial_step=2)
        assert play(rule, curves(5), kl=kl)[-1][1].indices == (7, 40)


def _decide_after(play, n_records, silhouette):
    """Decision at the last of `n_records`, from a state made by hand before it."""
    script = curves(n_records, silhouette=silhouette)
    state = ALDState(
        seed=0,
        n_dims=64,
        active=tuple(range(0, 64, 2)),
        step=5,
        history={name: values[:-1] for name, values in script.items()},
        removals=3,
        last_epoch=n_records - 2,
    )
    last = {name: values[-1:] for name, values in script.items()}
    ((_, decision),) = play(ALDRule(), last, state=state)
    return decision
