"""The rule under any figures, and stopped and taken up again anywhere."""

import json
from dataclasses import asdict

from hypothesis import given, settings
from hypothesis import strategies as st
from information_world import World

from ald_keras.rules import Decision, InformationRule, InformationState, Observation

N_DIMS = 6


@st.composite
def figures(draw):
    kl = st.lists(st.sampled_from([0.0, 0.05, 0.5, 2.0]), min_size=6, max_size=6)
    loss = st.floats(-50, 200).map(lambda value: round(value, 2))
    return draw(st.lists(st.tuples(loss, kl), min_size=1, max_size=50))


def play(rule, state, rows, first=0):
    played = []
    for epoch, (loss, kl) in enumerate(rows, first):
        kl = [value * (i in state.active) for i, value in enumerate(kl)]
        spread = [float(value > 0) for value in kl]
        seen = Observation(
            epoch,
            {"loss": loss},
            state.active,
            kl,
            mean_variance=spread,
            epochs_trained=epoch + 1,
        )
        state, decision = rule.step(state, seen)
        played.append((state, decision))
    return played


@settings(max_examples=60)
@given(rows=figures(), patience=st.integers(4, 6), data=st.data())
def test_any_figures(rows, patience, data):
    rule = InformationRule(max_loss_increase=1.0, patience=patience, min_dims=2)
    played = play(rule, rule.init(N_DIMS, 0), rows)
    for state, decision in played:
        assert 2 <= len(state.active) == decision.active_dims
        assert not set(state.active) & set(state.trial)
    cut = data.draw(st.integers(1, len(rows)))
    text = json.dumps(played[cut - 1][0].to_dict())
    state = InformationState.from_dict(json.loads(text))
    again = InformationRule(**json.loads(json.dumps(asdict(rule))))
    assert play(again, state, rows[cut:], first=cut) == played[cut:]
    for _, decision in played:
        text = json.dumps(decision.to_dict())
        assert Decision.from_dict(json.loads(text)) == decision


@settings(max_examples=25)
@given(
    costs=st.lists(st.sampled_from([0.0, 0.2, 3.0]), max_size=6),
    seed=st.integers(0, 99),
)
def test_what_costs_too_much_stays(costs, seed):
    """Whatever comes before: dimensions that each cost more than is allowed."""
    from information_world import play as play_world

    rule = InformationRule(max_loss_increase=1.0)
    world = World(costs, n_dims=8, seed=seed)
    state, _ = play_world(rule, world, epochs=150)[-1]
    dear = {i for i, cost in world.place.items() if cost > 1.0}
    assert dear <= {*state.active, *state.trial}
