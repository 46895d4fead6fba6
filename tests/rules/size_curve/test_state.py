"""SizeCurveRule in any run: its limits, its state in JSON, its arguments."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from size_curve_world import ArbitraryNetwork, SimulatedNetwork, play

from ald_keras.rules import (
    Decision,
    Observation,
    SampledSizes,
    SizeCurveRule,
    SizeCurveState,
    SizeMeasurement,
)

N_DIMS = 7
MEAN_KLS = st.sampled_from([0.0, 0.01, 0.05, 0.5, 2.0])
LOSS_WORTHS = st.sampled_from([-0.2, 0.0, 0.01, 0.3, 2.0])
SCORES = st.lists(st.floats(0.0, 1.0), min_size=N_DIMS, max_size=N_DIMS)


def _each(values):
    return st.lists(values, min_size=N_DIMS, max_size=N_DIMS)


@st.composite
def networks(draw):
    """The arguments of an `ArbitraryNetwork` but for the places, and its epochs."""
    count = draw(st.integers(1, 5))
    phase = st.tuples(st.integers(1, 16), _each(MEAN_KLS), _each(LOSS_WORTHS))
    phases = draw(st.lists(phase, min_size=count, max_size=count))
    scores = draw(SCORES)
    metrics = {
        "silhouette": lambda size, epoch: scores[size - 1],
        "squared_error": lambda size, epoch: scores[size - 1],
    }
    return phases, metrics, sum(epochs for epochs, _, _ in phases)


RULES = st.builds(
    SizeCurveRule,
    tolerance=st.sampled_from([0.1, "0.1%"]),
    patience=st.integers(1, 4),
    share=st.sampled_from([0.3, 0.9]),
    min_dims=st.integers(1, N_DIMS),
    target=st.sampled_from(["loss", "silhouette", ("loss", "silhouette")]),
    max_squared_error=st.sampled_from([None, None, 0.5]),
)
PLACES = st.permutations(range(N_DIMS))


@settings(max_examples=120)
@given(RULES, networks(), PLACES, st.booleans())
def test_limits_that_hold_in_any_run(rule, network, places, known):
    phases, metrics, epochs = network
    played = play(
        rule,
        ArbitraryNetwork(phases, places, metrics),
        epochs,
        planned=epochs if known else None,
    )
    before = rule.init(N_DIMS, 0)
    for state, decision in played:
        active, removed = {*state.active}, {*state.removed}
        assert not active & removed
        if state.phase != "fixed":
            assert active | removed == set(range(N_DIMS))
        assert {*state.reserve} < active
        assert len(active) == decision.active_dims
        assert len(state.core) >= rule.min_dims
        assert state.size is None or state.size >= rule.min_dims
        if decision.action in ("prune", "open"):
            assert {*decision.indices} == {*before.active} ^ active
        if before.phase == "fixed":
            assert state.phase == "fixed"
            rises = (state.size, len(state.core)) > (before.size, len(before.core))
            assert rises == (decision.code == "reopened")
        # A size is fixed in the epoch in which it is said to be.
        if state.fixed_epoch != before.fixed_epoch:
            assert decision.code in ("fixed", "reopened")
            assert state.fixed_epoch == decision.epoch
        assert (state.phase == "fixed") == (state.fixed_epoch is not None)
        before = state


@settings(max_examples=30)
@given(RULES, networks(), PLACES)
def test_a_state_that_went_through_json_continues_alike(rule, network, places):
    phases, metrics, epochs = network
    played = play(rule, ArbitraryNetwork(phases, places, metrics), epochs, epochs)
    again = SizeCurveRule(**json.loads(json.dumps(dataclasses.asdict(rule))))
    assert again == rule
    state, network = again.init(N_DIMS, 0), ArbitraryNetwork(phases, places, metrics)
    for epoch, (expected, decision) in enumerate(played):
        state = again.state_from_dict(json.loads(json.dumps(state.to_dict())))
        state, found = again.update(state, network.observe(epoch, state, epochs))
        assert state == expected
        assert found == decision
        assert Decision.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert again.finish(state) == rule.finish(expected)


@settings(max_examples=60)
@given(RULES, networks(), PLACES)
def test_decisions_do_not_depend_on_the_numbers_of_the_dimensions(
    rule, network, places
):
    """Removed dimensions aside, which all have a KL of 0 and are opened by number.

    Idle dimensions are worth nothing here, so that the answer needs none of them.
    """
    phases, _, epochs = network
    phases = [
        (count, kl, [w if v >= 0.1 else 0.0 for v, w in zip(kl, worths, strict=True)])
        for count, kl, worths in phases
    ]
    rule = dataclasses.replace(rule, min_dims=1, target="loss", max_squared_error=None)
    one, other = (
        play(rule, ArbitraryNetwork(phases, numbers), epochs, epochs)
        for numbers in (list(range(N_DIMS)), places)
    )
    before = rule.init(N_DIMS, 0)
    for (state, decision), (again, same) in zip(one, other, strict=True):
        assert (decision.code, decision.action) == (same.code, same.action)
        assert (state.size, state.steady, state.awake) == (
            again.size,
            again.steady,
            again.awake,
        )
        assert len(state.active) == len(again.active)
        if not {*state.active} <= {*before.active}:
            return  # a removed one was opened
        assert _moved(state.active, places) == again.active
        assert _moved(state.reserve, places) == again.reserve
        assert _moved(decision.indices, places) == same.indices
        if state.sampling is not None:
            assert state.sampling.probabilities == again.sampling.probabilities
            order = [places[d] for d in state.sampling.order]
            count = len(state.active)
            assert order[:count] == list(again.sampling.order[:count])
        before = state


def _moved(dims, places):
    return tuple(sorted(places[d] for d in dims))


def test_every_kind_of_decision_survives_json_in_a_simulated_run():
    rule = SizeCurveRule(tolerance=0.1)
    options = {"wakes": {30: 0.5, 50: 0.01}, "standard_error": 0.01}
    network = SimulatedNetwork([3.0, 2.0, 1.0], **options)
    expected = play(rule, network, 70, planned=70)
    assert {d.code for _, d in expected} == {
        "settle",
        "measure",
        "moving",
        "fixed",
        "reserve_awake",
        "reopened",
        "reserve_closed",
    }
    network = SimulatedNetwork([3.0, 2.0, 1.0], **options)
    state = rule.init(12, 0)
    for epoch, step in enumerate(expected):
        state = rule.state_from_dict(json.loads(json.dumps(state.to_dict())))
        state, decision = rule.update(state, network.observe(epoch, state, 70))
        assert (state, decision) == step


def test_no_step_changes_a_state():
    rule = SizeCurveRule(tolerance=0.1)
    network = SimulatedNetwork([3.0, 2.0, 1.0])
    for state, _ in play(rule, network, 30):
        text = json.dumps(state.to_dict())
        epoch = state.last_epoch + 1
        observation = network.observe(epoch, state, None)
        assert rule.update(state, observation) == rule.update(state, observation)
        assert json.dumps(state.to_dict()) == text


def test_a_restart_begins_again_from_the_dimensions_that_are_active():
    rule = SizeCurveRule(tolerance=0.1, target=("loss", "silhouette"))
    network = SimulatedNetwork([3.0, 2.0, 1.0], metrics={"silhouette": lambda *_: 0.0})
    state, _ = play(rule, network, 40)[-1]
    assert state.phase == "fixed"
    kept = sorted(network.places[:2])
    fresh = SizeCurveState(kept, every_size=True, idle_kl=rule.idle_kl)
    assert rule.restart(state, np.array(kept)) == fresh


SETTLE = SizeCurveState(tuple(range(40)), idle_kl=0.1)


def kl_of(informative):
    return tuple(float(d < informative) for d in range(40))


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({}, ()),
        ({"phase": "fixed"}, ()),
        ({"phase": "fixed", "reserve": (38, 39)}, (38, 40)),
        # All sizes up to 24 at first, and those around what is informative.
        ({"phase": "measure", "spectra": (kl_of(5),)}, (*range(1, 25), 40)),
        (
            {"phase": "measure", "spectra": (kl_of(30),)},
            (*range(1, 25), *range(27, 34), 40),
        ),
        ({"phase": "measure", "size": 5}, (*range(2, 9), 40)),
        ({"phase": "measure", "size": 2}, (*range(1, 6), 40)),
        ({"phase": "measure", "size": 39}, (*range(36, 41),)),
        ({"phase": "measure", "size": 5, "every_size": True}, (*range(1, 25), 40)),
    ],
)
def test_sizes_to_measure(changes, sizes):
    assert SETTLE.changed(**changes).sizes_to_measure == sizes


def test_sizes_that_were_not_measured_are_an_error():
    rule = SizeCurveRule(tolerance=0.1)
    network = SimulatedNetwork([3.0, 2.0, 1.0])
    state, _ = play(rule, network, 20)[-1]
    assert state.phase == "measure"
    with pytest.raises(ValueError, match="`sizes` must hold"):
        rule.update(
            state, Observation(20, {}, state.active, network.kl(20, state.active))
        )


def test_a_kl_that_is_not_finite_is_an_error():
    rule = SizeCurveRule()
    with pytest.raises(ValueError, match="`kl` must be finite"):
        rule.update(rule.init(2, 0), Observation(0, {}, (0, 1), (1.0, np.nan)))


def test_a_baseline_that_is_missing_is_an_error():
    network = SimulatedNetwork([3.0, 2.0, 1.0])
    state, _ = play(SizeCurveRule(), network, 20)[-1]
    observation = network.observe(20, state, None)
    observation = dataclasses.replace(observation, metrics={})
    with pytest.raises(ValueError, match="`baseline_nll` must"):
        SizeCurveRule().update(state, observation)


def test_damaged_states_are_errors():
    rule = SizeCurveRule()
    data = rule.init(3, 0).to_dict()
    with pytest.raises(TypeError, match="must be a mapping"):
        rule.state_from_dict([])
    with pytest.raises(ValueError, match="missing"):
        rule.state_from_dict({})
    with pytest.raises(ValueError, match=r"unknown \['sizes'\]"):
        rule.state_from_dict({**data, "sizes": 1})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("active", []),
        ("active", [1, 0]),
        ("removed", [-1]),
        ("removed", [1]),
        ("size", 0),
        ("steady", -1),
        ("awake", "two"),
        ("first_size", 0),
        ("is_entangled", 1),
        ("at_floor", "no"),
        ("every_size", None),
        ("fixed_epoch", -1),
        ("idle_kl", "none"),
        ("idle_kl", -5.0),
        ("reserve", [0, 1, 2]),
        ("reserve", [7]),
        ("phase", "measured"),
        ("spectra", [[float("nan")]]),
        ("spectra", [[1.0, 1.0, 1.0], [1.0]]),
        ("below", ["low"]),
        ("sampling", {"order": [0, 0], "probabilities": [0.0, 0.0]}),
    ],
)
def test_damaged_fields_are_errors(field, value):
    data = {**SizeCurveRule().init(3, 0).to_dict(), field: value}
    named = "order" if field == "sampling" else field
    with pytest.raises(ValueError, match=f"`{named}` must"):
        SizeCurveRule().state_from_dict(data)


def test_damaged_measurements_are_errors():
    data = SizeMeasurement((1, 3), (0.5, 0.0), (0.1, 0.0), 9.0).to_dict()
    assert SizeMeasurement.from_dict(data).sizes == (1, 3)
    for field, value, named in (
        ("sizes", [3, 1], "`sizes` must be in ascending order"),
        ("sizes", [0, 1], "`sizes` must be a positive integer"),
        ("sizes", [1, 2, 3], "one value for each of the 3 sizes"),
        ("increase", [float("inf"), 0.0], "`increase` must be a finite number"),
        ("loss", None, "`loss` must be a finite number"),
        ("metrics", {"silhouette": [1.0]}, "one value for each of the 2 sizes"),
    ):
        with pytest.raises(ValueError, match=named):
            SizeMeasurement.from_dict({**data, field: value})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"tolerance": 0.0}, "tolerance"),
        ({"tolerance": "much"}, "tolerance"),
        ({"tolerance": "0%"}, "tolerance"),
        ({"tolerance": None}, "tolerance"),
        ({"patience": 0}, "patience"),
        ({"patience": 2.5}, "patience"),
        ({"share": 0.0}, "share"),
        ({"share": 0.91}, "share"),
        ({"share": "half"}, "share"),
        ({"min_dims": 0}, "min_dims"),
        ({"min_dims": True}, "min_dims"),
        ({"target": ""}, "target"),
        ({"target": ()}, "target"),
        ({"target": 3}, "target"),
        ({"target": ("loss", "loss")}, "target"),
        ({"target": ("loss", 3)}, "target"),
        ({"max_squared_error": 0.0}, "max_squared_error"),
        ({"max_squared_error": "low"}, "max_squared_error"),
        ({"idle_kl": -0.1}, "idle_kl"),
        ({"idle_kl": float("nan")}, "idle_kl"),
    ],
)
def test_arguments_out_of_range(arguments, named):
    with pytest.raises(ValueError, match=f"`{named}` must"):
        SizeCurveRule(**arguments)


def test_arguments_at_the_ends_of_their_ranges():
    rule = SizeCurveRule(1e-9, 1, 0.9, 1, ["loss"], 1e-9, 0.0)
    assert (rule.share, rule.target) == (0.9, ("loss",))
    assert isinstance(rule.state_from_dict(SETTLE.to_dict()).active, tuple)


def test_a_floor_above_the_number_of_dimensions():
    rule = SizeCurveRule(min_dims=4)
    assert rule.init(4, 0).active == (0, 1, 2, 3)
    with pytest.raises(ValueError, match="`min_dims` must not exceed the 3"):
        rule.init(3, 0)
    with pytest.raises(ValueError, match="`n_dims` must be a positive integer"):
        rule.init(0, 0)


def test_the_sampled_sizes_of_a_state_are_rebuilt():
    sampling = SampledSizes((1, 0, 2), (0.25, 0.5, 0.0))
    state = SizeCurveState((0, 1, 2), phase="measure", sampling=sampling)
    text = json.dumps(state.to_dict())
    assert SizeCurveRule().state_from_dict(json.loads(text)) == state
