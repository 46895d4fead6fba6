"""Invariants of whole runs, and agreement with the algorithm written out twice."""

import json
from dataclasses import asdict
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from ald_keras.rules import SELECTIONS, ALDRule, ALDState, Decision, Observation

MAX_DIMS = 24
# Whole numbers make every slope exact, so that the oracle agrees on ties too.
LEVELS = st.integers(-3, 3)


@st.composite
def rules(draw):
    final_step = draw(st.integers(1, 3))
    names = ["silhouette", "reconstruction", "frechet_generation", "low", "high"]
    thresholds = st.dictionaries(
        st.sampled_from(names), st.sampled_from([-2.0, -0.5, 0.0, 0.25]), min_size=1
    )
    return ALDRule(
        initial_step=draw(st.integers(final_step, 5)),
        final_step=final_step,
        patience=draw(st.integers(1, 4)),
        slope_window=draw(st.integers(2, 8)),
        slowdown_window=draw(st.integers(2, 6)),
        min_dims=draw(st.integers(1, 4)),
        selection=draw(st.sampled_from(list(SELECTIONS))),
        thresholds=draw(thresholds),
    )


@st.composite
def runs(draw):
    """A rule, a start, and one row of (metrics, kl) for each epoch."""
    rule = draw(rules())
    row = st.fixed_dictionaries(dict.fromkeys(rule.metrics, LEVELS))
    kl = st.lists(st.integers(0, 3), min_size=MAX_DIMS, max_size=MAX_DIMS)
    rows = draw(st.lists(st.tuples(row, kl), min_size=1, max_size=30))
    return rule, draw(st.integers(1, MAX_DIMS)), draw(st.integers(0, 99)), rows


def play(rule, state, rows, first=0):
    played = []
    for epoch, (metrics, kl) in enumerate(rows, first):
        seen = Observation(
            epoch,
            metrics,
            state.active,
            kl[: state.n_dims],
            {"low": "min", "high": "max"},
        )
        state, decision = rule.update(state, seen)
        played.append((state, decision))
    return played


@given(run=runs())
def test_invariants(run):
    rule, n_dims, seed, rows = run
    played = play(rule, rule.init(n_dims, seed), rows)
    removed, active = [], set(range(n_dims))
    for state, decision in played:
        assert set(decision.indices) <= active
        active -= set(decision.indices)
        removed += decision.indices
        assert set(state.active) == active
        assert decision.active_dims == len(active)
        assert len(decision.indices) <= decision.details["step"]
        assert decision.details["step"] in (rule.initial_step, rule.final_step)
    assert len(set(removed)) == len(removed)
    assert len(active) >= min(rule.min_dims, n_dims)
    actions = [decision.action for _, decision in played]
    assert actions.count("stop") <= 1
    if "stop" in actions:
        stopped = actions.index("stop")
        assert set(actions[stopped + 1 :]) <= {"wait"}
        assert {state.fixed_epoch for state, _ in played[stopped:]} == {stopped}
    else:
        assert played[-1][0].fixed_epoch is None
    steps = [decision.details["step"] for _, decision in played]
    assert steps == sorted(steps, reverse=True)


@given(run=runs())
def test_same_seed_same_run(run):
    rule, n_dims, seed, rows = run
    again = ALDRule(**json.loads(json.dumps(asdict(rule))))
    assert play(rule, rule.init(n_dims, seed), rows) == play(
        again, again.init(n_dims, seed), rows
    )


@given(run=runs(), data=st.data())
def test_json_round_trip_in_mid_run_changes_nothing(run, data):
    rule, n_dims, seed, rows = run
    played = play(rule, rule.init(n_dims, seed), rows)
    cut = data.draw(st.integers(1, len(rows)))
    text = json.dumps(played[cut - 1][0].to_dict())
    restored = ALDState.from_dict(json.loads(text))
    assert restored == played[cut - 1][0]
    assert play(rule, restored, rows[cut:], first=cut) == played[cut:]
    decisions = [decision for _, decision in played]
    text = json.dumps([decision.to_dict() for decision in decisions])
    assert [Decision.from_dict(item) for item in json.loads(text)] == decisions


def exact_slope(values, window):
    used = values[-window:]
    mean_t, mean_y = Fraction(window - 1, 2), Fraction(sum(used), window)
    covariance = sum((t - mean_t) * (y - mean_y) for t, y in enumerate(used))
    return covariance / sum((t - mean_t) ** 2 for t in range(window))


def expected_run(rule, n_dims, rows):
    """The algorithm in exact arithmetic: (action, removed, step) of each epoch."""
    active, step, fixed, answer = n_dims, rule.initial_step, False, []
    for count in range(1, len(rows) + 1):
        past = [metrics for metrics, _ in rows[:count]]
        worse = []
        for name, threshold in rule.thresholds.items():
            sign = -1 if name == "high" else 1
            curve = [sign * metrics[name] for metrics in past]
            full = count >= rule.slope_window
            worse.append(full and exact_slope(curve, rule.slope_window) > threshold)
        if fixed or (active > rule.min_dims and count % rule.patience):
            answer.append(("wait", 0, step))
        elif active <= rule.min_dims or all(worse):
            fixed = True
            answer.append(("stop", 0, step))
        else:
            silhouette = [metrics["silhouette"] for metrics in past]
            if count >= rule.slowdown_window and (
                exact_slope(silhouette, rule.slowdown_window) > 0
            ):
                step = rule.final_step
            removed = min(step, active - rule.min_dims)
            active -= removed
            answer.append(("prune", removed, step))
    return answer


@settings(max_examples=200)
@given(run=runs())
def test_agrees_with_the_algorithm_in_exact_arithmetic(run):
    rule, n_dims, seed, rows = run
    played = play(rule, rule.init(n_dims, seed), rows)
    answers = [(d.action, len(d.indices), d.details["step"]) for _, d in played]
    assert answers == expected_run(rule, n_dims, rows)
