"""ElasticRule: when sizes are sampled, and at which probabilities."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ald_keras.rules import ElasticRule, ElasticState, Observation, SampledSizes
from ald_keras.rules.size_curve.sampled_sizes import order_by_kl


def seen(epoch, kl, active=None, progress=None):
    active = tuple(range(len(kl))) if active is None else active
    return Observation(epoch, {}, active, tuple(kl), progress=progress)


def follow(rule, spectra, state=None, epochs=1000):
    """States and decisions over epochs with these KL spectra."""
    state = state or rule.init(len(spectra[0]), 0)
    steps = []
    for epoch, kl in enumerate(spectra):
        masked = [v if d in state.active else 0.0 for d, v in enumerate(kl)]
        progress = (epoch + 1) / epochs
        state, decision = rule.update(
            state, seen(epoch, masked, state.active, progress)
        )
        steps.append((state, decision))
    return steps


SETTLED = [2.0, 0.0, 1.0, 3.0, 0.01, 0.5, 0.0, 0.02, 0.03, 0.0]


def test_sampling_begins_when_training_has_settled():
    rule = ElasticRule(patience=3)
    waking = [[2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], SETTLED]
    waking += [[*SETTLED[:7], 1.0, 0.9, 0.8]]
    steps = follow(rule, waking + [SETTLED] * 6)
    actions = [decision.action for _, decision in steps]
    assert actions == ["wait"] * 6 + ["prune"] + ["wait"] * 2
    assert all(state.sampling is None for state, _ in steps[:6])
    assert all(state.sampling is not None for state, _ in steps[6:])
    assert "fewer than the 4 informative dimensions" in steps[6][1].reason


def test_a_kl_that_still_grows_is_waited_for():
    growing = [[kl * 1.04**epoch for kl in SETTLED] for epoch in range(8)]
    rule = ElasticRule(patience=3)
    assert {d.action for _, d in follow(rule, growing)} == {"wait"}
    slowly = [[kl * 1.01**epoch for kl in SETTLED] for epoch in range(8)]
    assert follow(rule, slowly)[3][1].action == "prune"


def test_it_begins_after_a_third_of_the_run_at_the_latest():
    rng = np.random.default_rng(0)
    spectra = rng.uniform(0.0, 0.2, (30, 8))
    steps = follow(ElasticRule(patience=50), spectra, epochs=30)
    assert [state.sampling is not None for state, _ in steps].index(True) == 9


def test_idle_dimensions_go_but_for_a_reserve():
    steps = follow(ElasticRule(patience=2), [SETTLED] * 3)
    state, decision = steps[-1]
    # 0, 2, 3 and 5 are informative; 7 and 8 are the most informative idle ones.
    assert decision.action == "prune"
    assert decision.indices == (1, 4, 6, 9)
    assert state.active == (0, 2, 3, 5, 7, 8)
    assert decision.active_dims == 6


def test_nothing_is_removed_where_nothing_is_idle():
    rule, spectra = ElasticRule(patience=1), [[1.0, 2.0, 3.0]] * 2
    state, decision = follow(rule, spectra, epochs=4)[-1]
    assert decision.action == "sample"
    assert state.active == (0, 1, 2)


def test_nothing_is_removed_while_nothing_is_informative():
    steps = follow(ElasticRule(patience=1), [[0.0] * 5] * 9, epochs=9)
    assert {decision.action for _, decision in steps} == {"wait", "sample"}
    assert steps[-1][0].active == (0, 1, 2, 3, 4)
    assert sum(steps[-1][0].sampling.probabilities) == 0.0


def test_the_reserve_is_filled_when_a_dimension_wakes_up():
    waking = [0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    spectra = [waking] * 4
    for woken in (0, 1, 3):  # the reserve, then what has taken its place
        waking = list(waking)
        waking[woken] = 1.0
        spectra.append(waking)
    steps = follow(ElasticRule(patience=3), spectra)
    changes = [(d.action, d.indices) for _, d in steps[3:]]
    assert changes[0] == ("prune", (3, 4, 5, 6, 7))
    assert changes[1:] == [("open", (3,)), ("open", (4,)), ("open", (5,))]
    state = steps[-1][0]
    assert state.active == (0, 1, 2, 3, 4, 5)
    assert state.removed == (6, 7)
    assert steps[-1][1].active_dims == 6


def test_what_it_has_not_removed_is_not_opened():
    rule = ElasticRule(patience=1)
    state = rule.restart(rule.init(6, 0), [0, 1, 2])
    spectra = [[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]] * 4
    assert follow(rule, spectra, state)[-1][0].active == (0, 1, 2)


def test_probabilities_grow_with_the_size():
    rule = ElasticRule(share=0.3, focus=2.0, patience=1)
    state, _ = follow(rule, [SETTLED] * 2)[-1]
    found = np.array(state.sampling.probabilities)
    np.testing.assert_allclose(found[:3], 0.3 * np.array([1, 4, 9]) / 14)
    assert found[3:].sum() == 0.0


def test_the_order_is_renewed_after_every_epoch():
    later = list(SETTLED)
    later[5] = 9.0
    (first, _), (second, decision) = follow(
        ElasticRule(patience=1), [SETTLED, SETTLED, later]
    )[1:]
    assert first.sampling.order[:4] == (3, 0, 2, 5)
    assert second.sampling.order[:4] == (5, 3, 0, 2)
    # Pruned ones come last.
    assert set(second.sampling.order[6:]) == {1, 4, 6, 9}
    assert decision.action == "wait"


def test_sampling_goes_on_when_the_mask_is_changed_from_outside():
    rule = ElasticRule(patience=1)
    state, _ = follow(rule, [SETTLED] * 2)[-1]
    state = rule.restart(state, [0, 3, 5])
    kl = [2.0, 0, 0, 3.0, 0, 0.5, 0, 0, 0, 0]
    after, _ = rule.update(state, seen(2, kl, (0, 3, 5)))
    assert after.active == (0, 3, 5)
    assert after.sampling.order[:3] == (3, 0, 5)


def test_states_survive_json():
    rule = ElasticRule(patience=2)
    for state, _ in follow(rule, [SETTLED] * 5):
        again = rule.state_from_dict(json.loads(json.dumps(state.to_dict())))
        assert again == state


def test_damaged_states_are_errors():
    data = ElasticRule().init(3, 0).to_dict()
    with pytest.raises(ValueError, match="missing"):
        ElasticRule().state_from_dict({})
    sampling = {"order": [0, 0], "probabilities": [0.0, 0.0]}
    with pytest.raises(ValueError, match="`order` must hold each dimension once"):
        ElasticRule().state_from_dict({**data, "sampling": sampling})


def test_a_kl_that_is_not_finite_is_an_error():
    with pytest.raises(ValueError, match="`kl` must be finite"):
        ElasticRule().update(ElasticState((0, 1)), seen(0, [1.0, np.nan]))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"share": 0.0}, "share"),
        ({"share": 1.0}, "share"),
        ({"focus": -1.0}, "focus"),
        ({"idle_kl": -0.1}, "idle_kl"),
        ({"patience": 0}, "patience"),
        ({"share": "half"}, "share"),
    ],
)
def test_arguments_out_of_range(arguments, named):
    with pytest.raises(ValueError, match=f"`{named}` must"):
        ElasticRule(**arguments)


@pytest.mark.parametrize(
    ("order", "probabilities"),
    [([0, 1], [0.5, 0.5]), ([0, 1], [-0.1, 0.0]), ([0, 1], [0.1]), ([1, 1], [0, 0])],
)
def test_sampled_sizes_out_of_range(order, probabilities):
    with pytest.raises(ValueError, match="must hold"):
        SampledSizes(order, probabilities)


KL = st.lists(st.floats(0.0, 5.0), min_size=6, max_size=6)


@given(st.lists(KL, min_size=1, max_size=12), st.permutations(range(6)))
def test_decisions_do_not_depend_on_the_numbers_of_dimensions(spectra, places):
    """Equal KLs aside, whose order is by number."""
    spectra = [[round(v, 3) + 1e-6 * d for d, v in enumerate(kl)] for kl in spectra]
    moved = [[kl[d] for d in places] for kl in spectra]
    rule = ElasticRule(patience=2)
    one, other = follow(rule, spectra, epochs=12), follow(rule, moved, epochs=12)
    for (state, decision), (again, same) in zip(one, other, strict=True):
        assert decision.action == same.action
        if decision.action == "open":
            return  # which of the removed ones is opened goes by number
        assert state.active == tuple(sorted(places[d] for d in again.active))
        if state.sampling is not None:
            assert state.sampling.probabilities == again.sampling.probabilities
            count = len(state.active)
            found = [places[d] for d in again.sampling.order[:count]]
            assert list(state.sampling.order[:count]) == found


@given(st.lists(st.floats(0.0, 5.0), min_size=1, max_size=9), st.data())
def test_the_order_is_a_permutation_with_active_ones_first(kl, data):
    everything = list(range(len(kl)))
    active = data.draw(st.lists(st.sampled_from(everything), unique=True))
    order = order_by_kl(kl, active)
    assert sorted(order) == everything
    assert set(order[: len(active)]) == set(active)
