import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ald_keras.rules import (
    ALDRule,
    ALDToTheEndRule,
    ALDToTheEndState,
    Decision,
    Observation,
)

ARGUMENTS = {
    "initial_step": 2,
    "patience": 2,
    "slope_window": 4,
    "slowdown_window": 4,
    "thresholds": {"silhouette": 0.0, "reconstruction": 0.0},
}
RISING = {"silhouette": range(40), "reconstruction": range(40)}


def test_the_stop_is_noted_and_dimensions_go_on_to_be_removed(play):
    played = play(ALDToTheEndRule(**ARGUMENTS), RISING, n_dims=10)
    actions = [(d.epoch, d.action, d.active_dims) for _, d in played]
    # The window is full in epoch 3, at which the rule itself stops with 8.
    changes = [change for change in actions if change[1] != "wait"]
    assert changes == [
        (1, "prune", 8),
        (3, "prune", 7),
        (5, "prune", 6),
        (7, "prune", 5),
        (9, "prune", 4),
        (11, "prune", 3),
        (13, "prune", 2),
        (14, "stop", 2),
    ]
    last = played[-1][0]
    assert (last.stop_epoch, last.stop_dims) == (3, 8)
    assert (last.fixed_epoch, last.at_floor) == (14, True)
    assert played[2][0].stop_epoch is None
    assert "Removed 1 of 8 dimensions" in played[3][1].reason
    assert "The rule itself says: Stopped for good at 8" in played[3][1].reason
    assert played[3][1].details["reconstruction"] == 1.0


def test_where_the_curves_never_turn_it_is_the_rule_itself(play):
    curves = {"silhouette": [0.0] * 12, "reconstruction": [0.0] * 12}
    both = [
        play(rule(**ARGUMENTS), curves, n_dims=9) for rule in (ALDRule, ALDToTheEndRule)
    ]
    plain, endless = ([decision for _, decision in played] for played in both)
    assert plain == endless
    assert both[1][-1][0].stop_epoch is None
    assert endless[-1].action == "wait"
    assert any(decision.action == "stop" for decision in endless)


LEVELS = st.integers(-2, 2)


@given(
    levels=st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=40),
    n_dims=st.integers(1, 30),
    seed=st.integers(0, 99),
    selection=st.sampled_from(["random", "kl", "last"]),
)
def test_up_to_the_stop_it_decides_as_the_rule_does(levels, n_dims, seed, selection):
    arguments = {**ARGUMENTS, "selection": selection}
    rule, endless = ALDRule(**arguments), ALDToTheEndRule(**arguments)
    state, other = rule.init(n_dims, seed), endless.init(n_dims, seed)
    stopped, removed = None, []
    for epoch, (silhouette, loss) in enumerate(levels):
        metrics = {"silhouette": silhouette, "reconstruction": loss}
        kl = tuple((7 * i) % 5 for i in range(n_dims))
        if stopped is None:
            seen = Observation(epoch, metrics, state.active, kl)
            state, decision = rule.update(state, seen)
            if decision.action == "stop" and not state.at_floor:
                stopped = epoch, len(state.active)
        seen = Observation(epoch, metrics, other.active, kl)
        other, mine = endless.update(other, seen)
        removed += mine.indices
        if stopped is None:
            assert mine == decision
        assert (mine.action == "stop") == (other.fixed_epoch == epoch)
    noted = None if other.stop_epoch is None else (other.stop_epoch, other.stop_dims)
    assert noted == stopped
    assert len(set(removed)) == len(removed) == n_dims - len(other.active)
    assert len(other.active) >= min(n_dims, endless.min_dims)
    again = endless.state_from_dict(json.loads(json.dumps(other.to_dict())))
    assert again == other


def test_starting_over_forgets_the_stop(play):
    rule = ALDToTheEndRule(**ARGUMENTS)
    state = play(rule, {name: range(8) for name in RISING}, n_dims=10)[-1][0]
    assert state.stop_epoch == 3
    again = rule.restart(state, (1, 2, 3))
    assert (again.stop_epoch, again.active) == (None, (1, 2, 3))
    assert isinstance(again, ALDToTheEndState)


def test_fields_go_round_as_those_of_the_rule():
    rule = ALDToTheEndRule(min_dims=3, selection="kl")
    assert ALDToTheEndRule(**dataclasses.asdict(rule)) == rule
    assert dataclasses.asdict(rule) == dataclasses.asdict(
        ALDRule(min_dims=3, selection="kl")
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stop_epoch": 3}, "`stop_epoch` and `stop_dims`"),
        ({"stop_epoch": -1, "stop_dims": 3}, "`stop_epoch`"),
        ({"stop_epoch": 1, "stop_dims": 0}, "`stop_dims`"),
    ],
)
def test_bad_states(changes, message):
    state = ALDToTheEndRule().init(4, 0)
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(state, **changes)


def test_states_of_the_plain_rule_are_refused():
    rule = ALDToTheEndRule()
    state = ALDRule().init(4, 0)
    metrics = dict.fromkeys(rule.metrics, 0.0)
    seen = Observation(0, metrics, state.active, (0.0,) * 4)
    with pytest.raises(TypeError, match="ALDToTheEndState"):
        rule.update(state, seen)
    with pytest.raises(ValueError, match="stop_epoch"):
        rule.state_from_dict(state.to_dict())
    assert isinstance(rule.update(rule.init(4, 0), seen)[1], Decision)
