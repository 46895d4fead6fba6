"""The rule's end, restarts, states in mid-life, a user's own metrics, and reasons."""

import dataclasses

import pytest

from ald_keras.rules import BUILT_IN_METRICS, ALDRule, ALDState, Observation

RISING = tuple(0.5 * epoch for epoch in range(20))
FALLING = tuple(-0.5 * epoch for epoch in range(20))


def mid_life(n_records, curve, **changes):
    """State with `n_records` of the same curve behind every built-in metric."""
    fields = {
        "seed": 3,
        "n_dims": 10,
        "active": (1, 2, 4, 7, 8),
        "step": 1,
        "history": dict.fromkeys(BUILT_IN_METRICS, curve[:n_records]),
        "removals": 5,
        "last_epoch": 40,
    }
    return ALDState(**{**fields, **changes})


def same(value):
    return dict.fromkeys(BUILT_IN_METRICS, [value])


def test_removes_at_most_what_the_floor_leaves_then_ends_there(play):
    rule = ALDRule(min_dims=3)
    script = dict.fromkeys(BUILT_IN_METRICS, [-1.0 * e for e in range(14)])
    played = play(rule, script, n_dims=10)
    assert [d.active_dims for _, d in played] == [10] * 4 + [5] * 5 + [3] * 5
    assert [d.action for _, d in played[9:]] == ["prune", "stop"] + ["wait"] * 3
    assert "2 instead of 5: `min_dims`=3 leaves no more" in played[9][1].reason
    stopped, stop = played[10]
    assert (stopped.fixed_epoch, stopped.at_floor) == (10, True)
    assert "`min_dims`=3" in stop.reason
    assert "floor set beforehand, not a finding" in stop.reason
    assert "not a finding" in played[11][1].reason
    assert "since epoch 10" in played[11][1].reason


@pytest.mark.parametrize("n_dims", [1, 2])
def test_ends_at_once_where_nothing_can_be_removed(play, n_dims):
    ((state, decision),) = play(ALDRule(), same(0.0), n_dims=n_dims)
    assert (decision.action, decision.active_dims) == ("stop", n_dims)
    assert (state.fixed_epoch, state.at_floor) == (0, True)


def test_floor_is_named_even_if_the_curves_turn_at_the_same_time(play):
    state = mid_life(19, RISING, active=(4, 7))
    ((state, decision),) = play(ALDRule(), same(50.0), state=state)
    assert state.at_floor
    assert "`min_dims`=2" in decision.reason


def test_mid_life_state_stops_when_the_window_turns(play):
    ((state, decision),) = play(ALDRule(), same(9.5), state=mid_life(19, RISING))
    assert (decision.action, decision.epoch, decision.indices) == ("stop", 41, ())
    assert (state.fixed_epoch, state.at_floor) == (41, False)
    assert state.active == (1, 2, 4, 7, 8)
    slopes = dict.fromkeys(BUILT_IN_METRICS, 0.5)
    assert decision.details == {**slopes, "step": state.step}


def test_mid_life_state_goes_on_when_it_does_not_turn(play):
    state = mid_life(19, FALLING)
    ((after, decision),) = play(ALDRule(selection="kl"), same(-9.5), state=state)
    assert (decision.action, decision.indices) == ("prune", (1,))
    assert after.active == (2, 4, 7, 8)
    assert after.removals == 6


def test_mid_life_state_waits_between_decisions(play):
    state = mid_life(17, RISING)
    ((after, decision),) = play(ALDRule(), same(8.5), state=state)
    assert (decision.action, decision.details) == ("wait", {"step": after.step})
    assert after == state.record(
        Observation(41, {k: 8.5 for k in BUILT_IN_METRICS}, state.active, range(10))
    )


def test_slowed_down_state_does_not_speed_up_again(play):
    ((after, decision),) = play(ALDRule(), same(-9.5), state=mid_life(19, FALLING))
    assert (after.step, len(decision.indices)) == (1, 1)
    assert "The step is 1, the final one." in decision.reason


def test_fixed_state_only_records(play):
    state = mid_life(19, RISING, fixed_epoch=30)
    ((after, decision),) = play(ALDRule(), same(9.5), state=state)
    assert decision.action == "wait"
    assert decision.reason == "The size is fixed at 5 dimensions since epoch 30."
    assert (after.n_records, after.fixed_epoch, after.active) == (20, 30, state.active)


def test_restart_starts_over_with_other_dimensions(play):
    state = mid_life(19, RISING, fixed_epoch=30, at_floor=True)
    fresh = ALDRule().restart(state, [0, 3, 5, 6, 9])
    assert fresh == ALDState(
        seed=3,
        n_dims=10,
        active=(0, 3, 5, 6, 9),
        step=5,
        history=dict.fromkeys(BUILT_IN_METRICS, ()),
        removals=5,
    )
    script = dict.fromkeys(BUILT_IN_METRICS, RISING[:5])
    played = play(ALDRule(), script, state=fresh)
    assert [d.action for _, d in played] == ["wait"] * 4 + ["prune"]
    assert played[-1][1].active_dims == 2


@pytest.mark.parametrize("active", [(), (0, 10), (3, 1), (1, 1), (0.0,)])
def test_restart_refuses_dimensions_the_model_has_not(active):
    with pytest.raises(ValueError, match="`active`"):
        ALDRule().restart(mid_life(3, RISING), active)


@pytest.mark.parametrize("left_out", BUILT_IN_METRICS)
def test_a_metric_left_out_does_not_hold_the_stop(play, left_out):
    thresholds = {name: 0.0 for name in BUILT_IN_METRICS if name != left_out}
    rule = ALDRule(thresholds=thresholds)
    script = {name: RISING for name in BUILT_IN_METRICS}
    script[left_out] = FALLING
    if left_out != "silhouette":
        # Not even measured, and non-finite where it is.
        script[left_out] = [float("nan")] * 20
    _, decision = play(rule, script, n_dims=40)[-1]
    assert decision.action == "stop"
    assert set(decision.details) == {*thresholds, "step"}


@pytest.mark.parametrize(
    ("threshold", "stops"), [(0.5, False), (0.49, True), (-9.0, True), (9.0, False)]
)
def test_slope_has_to_exceed_its_threshold(play, threshold, stops):
    rule = ALDRule(thresholds={**ALDRule().thresholds, "reconstruction": threshold})
    ((_, decision),) = play(rule, same(9.5), state=mid_life(19, RISING))
    assert (decision.action == "stop") is stops


@pytest.mark.parametrize(
    ("direction", "curve", "threshold", "stops"),
    [
        ("min", RISING, 0.0, True),
        ("min", FALLING, 0.0, False),
        ("max", FALLING, 0.0, True),
        ("max", RISING, 0.0, False),
        ("max", FALLING, 0.5, False),
        ("max", FALLING, 0.49, True),
        ("max", RISING, -0.6, True),
        ("min", RISING, 0.5, False),
    ],
)
def test_own_metric_counts_when_it_gets_worse(play, direction, curve, threshold, stops):
    rule = ALDRule(thresholds={"silhouette": 0.0, "purity": threshold})
    script = {"silhouette": RISING, "purity": curve}
    played = play(rule, script, n_dims=40, directions={"purity": direction})
    assert (played[-1][1].action == "stop") is stops
    assert played[-1][1].details["purity"] == pytest.approx(curve[1])


def test_there_are_no_slopes_while_the_window_is_not_full(play):
    script = dict.fromkeys(BUILT_IN_METRICS, RISING[:5])
    _, decision = play(ALDRule(), script)[-1]
    assert decision.details == {"step": 5}
    assert "needs 20 recorded epochs and has 5" in decision.reason


def test_reasons_hold_the_numbers(play):
    rule = ALDRule(
        patience=2,
        slope_window=4,
        slowdown_window=2,
        initial_step=2,
        selection="last",
        thresholds={"reconstruction": 0.125, "purity": 0.25},
    )
    script = {
        "silhouette": [0.5, 0.25, 0.25, 0.5, 0.5, 0.5],
        "reconstruction": [4.0, 3.0, 2.0, 1.0, 2.0, 9.0],
        "purity": [1.0, 1.0, 1.0, 1.0, 0.0, -4.0],
    }
    played = play(rule, script, n_dims=8, directions={"purity": "max"})
    assert [decision.reason for _, decision in played] == [
        "1 of 2 epochs are recorded since the last decision was due; 8 "
        "dimensions stay active.",
        "Removed 2 of 8 dimensions, with the highest indices: 6, 7; 6 stay "
        "active. Not stopped: the stop test needs 4 recorded epochs and has 2. The "
        "step stays 2: over the last 2 epochs, the slope of silhouette -0.25 is not "
        "above 0.",
        "1 of 2 epochs are recorded since the last decision was due; 6 "
        "dimensions stay active.",
        "Removed 1 of 6 dimensions, with the highest indices: 5; 5 stay "
        "active. Not stopped: of the slopes over the last 4 epochs, reconstruction -1 "
        "is not above 0.125, purity +0 is not below -0.25. The step goes from 2 to 1: "
        "over the last 2 epochs, the slope of silhouette +0.25 is above 0.",
        "1 of 2 epochs are recorded since the last decision was due; 5 "
        "dimensions stay active.",
        "Stopped for good at 5 dimensions: all slopes over the last 4 epochs "
        "have turned (reconstruction +2.2 is above 0.125, purity -1.6 is below -0.25).",
    ]


def test_step_changes_neither_rule_nor_state_nor_observation(play, observe):
    rule, state = ALDRule(), mid_life(19, FALLING)
    seen = observe(state, 41, {name: -9.5 for name in BUILT_IN_METRICS})
    before = [repr(rule), repr(state), repr(seen)]
    first = rule.update(state, seen)
    assert rule.update(state, seen) == first
    assert [repr(rule), repr(state), repr(seen)] == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.patience = 1


def test_random_choice_follows_from_seed_and_count_of_removals(play):
    def choice(**changes):
        state = mid_life(19, FALLING, active=tuple(range(10)), **changes)
        return play(ALDRule(), same(-9.5), state=state)[0][1].indices

    assert len({choice(removals=count) for count in range(8)}) > 1
    assert len({choice(seed=seed) for seed in range(8)}) > 1
    assert choice(removals=3, seed=4) == choice(removals=3, seed=4)
