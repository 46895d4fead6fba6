"""Invariants of whole searches under any errors and probabilities."""

import json
from dataclasses import asdict, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ald_keras.rules import Decision, GateObservation, GateRule, GateState

TAU = 10.0
# Below, within and above the bound, so that trials hold and fail.
ERRORS = st.sampled_from([5.0, 9.9, 10.1, 10.3, 14.0])


@st.composite
def searches(draw):
    rule = GateRule(
        TAU,
        closed=draw(st.sampled_from([0.05, 0.2])),
        patience=draw(st.integers(1, 4)),
        trial=draw(st.integers(2, 4)),
        attempts=draw(st.integers(1, 3)),
        epochs=draw(st.sampled_from([None, 20, 60])),
    )
    n_dims = draw(st.integers(1, 8))
    shares = st.lists(st.floats(0, 1), min_size=n_dims, max_size=n_dims)
    kl = st.lists(st.floats(0, 9), min_size=n_dims, max_size=n_dims)
    rows = draw(
        st.lists(
            st.tuples(shares, kl, ERRORS, st.booleans(), st.sampled_from([1.0, 9.0])),
            min_size=1,
            max_size=60,
        )
    )
    return rule, n_dims, rows


def play(rule, state, rows, first=0):
    played = []
    for epoch, row in enumerate(rows, first):
        state, decision = rule.update(state, GateObservation(epoch, *row))
        played.append((state, decision))
    return played


@settings(max_examples=80)
@given(search=searches())
def test_invariants(search):
    rule, n_dims, rows = search
    fixed, done, before = {"select", "trial", "done"}, False, rule.init(n_dims)
    for state, decision in play(rule, before, rows):
        places = {*state.active, *state.trial, *state.shut}
        assert state.active
        assert decision.active_dims == len(state.active)
        if state.phase in fixed:
            # Every gate is in one place.
            parts = (state.active, state.trial, state.shut)
            assert sum(map(len, parts)) == len(places) == n_dims
        if decision.action == "restore":
            assert decision.indices == before.trial
        weights = state.weights
        if weights.feasible_epoch is not None:
            assert weights.feasible_error <= rule.bound
        if decision.action == "restore" or decision.code == "roll_back":
            assert weights.epoch == weights.feasible_epoch
            assert weights.was_rolled_back == (decision.code == "roll_back")
        if decision.action == "try":
            assert set(decision.indices) == set(state.trial) <= set(before.active)
        if done:
            assert replace(state, weights=before.weights) == before
            assert decision.action == "wait"
        done = done or decision.action == "stop"
        assert done == (state.fixed_epoch is not None)
        before = state


@settings(max_examples=60)
@given(search=searches(), data=st.data())
def test_a_search_goes_on_from_what_json_holds(search, data):
    rule, n_dims, rows = search
    played = play(rule, rule.init(n_dims), rows)
    again = GateRule(**json.loads(json.dumps(asdict(rule))))
    cut = data.draw(st.integers(1, len(rows)))
    state = GateState.from_dict(json.loads(json.dumps(played[cut - 1][0].to_dict())))
    assert state == played[cut - 1][0]
    assert play(again, state, rows[cut:], first=cut) == played[cut:]
    for _, decision in played:
        text = json.dumps(decision.to_dict())
        assert Decision.from_dict(json.loads(text)) == decision
