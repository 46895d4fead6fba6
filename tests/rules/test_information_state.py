"""What the information rule remembers, and refuses."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from information_world import RULE, World, changes, play

from ald_keras.rules import Decision, InformationRule, InformationState


def test_what_was_seen_in_a_trial_that_is_undone_does_not_count():
    # Without two others the weak ones tell nothing, until the two come back.
    world = World([9.0] * 40, n_dims=40, recovery=0.0)
    state = dataclasses.replace(RULE.init(40, 0), step=2)
    restored = False
    for epoch in range(60):
        seen = world.observe(epoch, state)
        kl = [0.0 if state.trial and i >= 30 else v for i, v in enumerate(seen.kl)]
        before = state.information
        state, decision = RULE.step(state, dataclasses.replace(seen, kl=tuple(kl)))
        assert decision.action != "prune"
        if decision.action == "restore" and not restored:
            restored = True
            assert len(decision.indices) == 2
            assert state.information == before
            assert state.trial_information == ()
    assert restored
    assert state.active == tuple(range(40))


def test_epochs_that_are_undone_do_not_count():
    world = World([6.0] * 20, n_dims=20, recovery=0.0)
    state = dataclasses.replace(RULE.init(20, 0), step=2)
    played = play(RULE, world, state=state)
    at = next(i for i, (_, d) in enumerate(played) if d.action == "restore")
    restored, decision = played[at]
    assert len(decision.indices) == 2
    assert restored.undone == RULE.patience
    assert played[at + 1][1].action == "try"
    assert played[at + 2][0].epochs[-2:] == tuple(
        at + i - RULE.patience for i in (2, 3)
    )


def test_the_state_stays_small():
    world = World([0.01] * 60 + [9.0] * 4, n_dims=64, fall=100.0)
    sizes = []
    for state, _ in play(RULE, world, epochs=400):
        if not state.starts:
            assert len(state.losses) <= 2 * RULE.patience
        assert len(state.information) <= RULE.patience + RULE.window
        assert len(state.trial_information) <= RULE.patience + RULE.window
        sizes.append(len(json.dumps(state.to_dict())))
    assert max(sizes[40:]) < 2 * sizes[40]


def test_the_budget_is_new_where_the_dimensions_are_others():
    state = dataclasses.replace(RULE.init(6, 0), spent=0.5, undone=6)
    assert RULE.restart(state, range(6)).spent == 0.5
    other = RULE.restart(state, range(5))
    assert (other.spent, other.undone) == (0.0, 6)


@settings(max_examples=25)
@given(st.integers(0, 70))
def test_a_state_goes_through_json_anywhere(at):
    def world():
        return World([0.3] * 3 + [4.0] * 3, noise=0.1, fall=1.0)

    whole = play(RULE, world(), epochs=90)
    replayed = world()
    state = None
    if at:
        state = play(RULE, replayed, epochs=at)[-1][0]
        state = RULE.state_from_dict(json.loads(json.dumps(state.to_dict())))
    rest = play(RULE, replayed, epochs=90 - at, state=state, first=at)
    assert [d for _, d in rest] == [d for _, d in whole[at:]]
    for decision in changes(rest):
        assert (
            Decision.from_dict(json.loads(json.dumps(decision.to_dict()))) == decision
        )


def test_a_restart_forgets_what_belongs_to_other_weights():
    state = play(RULE, World([5.0] * 3))[-1][0]
    assert state.fixed_epoch is not None
    again = RULE.restart(state, (1, 2, 5))
    assert again.active == (1, 2, 5)
    assert again.fixed_epoch is None
    assert not again.losses
    assert again.removals == state.removals


@pytest.mark.parametrize(("active", "known"), [((1, 2), (2,)), ((1, 3), ())])
def test_what_was_switched_on_again_is_known_while_the_dimensions_are_the_same(
    active, known
):
    state = InformationState(0, 4, (1, 2), reopened=(2,))
    assert RULE.restart(state, active).reopened == known


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_loss_increase": "much"}, "`max_loss_increase` must be"),
        ({"max_loss_increase": -1}, "`max_loss_increase` must be above 0"),
        ({"max_loss_increase": 0}, "`max_loss_increase` must be above 0"),
        ({"max_loss_increase": "0%"}, "`max_loss_increase` must be above 0"),
        ({"without": "trend"}, "`without` must be a list"),
        ({"without": ("luck",)}, "`without` must be a list"),
        ({"without": None}, "`without` must be a list"),
        ({"without": [["trend"]]}, "`without` must be a list"),
        ({"max_loss_increase": "9" * 400 + "%"}, "above 0 and finite"),
        ({"idle_kl": -0.1}, "`idle_kl` must not be negative"),
        ({"patience": 2}, "`patience` must be an integer of at least 3"),
        ({"window": 7}, "`window` must not exceed `patience`"),
        ({"window": 0}, "`window` must be a positive integer"),
        ({"min_dims": 0}, "`min_dims` must be a positive integer"),
        ({"target": "fid"}, "`target` must be one of"),
        ({"selection": "best"}, "`selection` must be one of"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        InformationRule(**arguments)


def test_observations_must_follow_and_be_whole():
    world = World([5.0] * 3)
    state = RULE.init(16, 0)
    seen = world.observe(0, state)
    after, _ = RULE.step(state, seen)
    with pytest.raises(ValueError, match="must come after"):
        RULE.step(after, seen)
    with pytest.raises(ValueError, match="`mean_variance` must hold"):
        RULE.step(state, dataclasses.replace(seen, mean_variance=()))
    with pytest.raises(ValueError, match="call `restart`"):
        RULE.step(state, dataclasses.replace(seen, active=(0, 1)))
    with pytest.raises(ValueError, match="must hold 'loss'"):
        RULE.step(state, dataclasses.replace(seen, metrics={"silhouette": 0.0}))
    with pytest.raises(TypeError, match="`observation` must be"):
        RULE.step(state, "loss")
    with pytest.raises(TypeError, match="`state` must be"):
        RULE.step("state", seen)


def test_a_state_of_another_target_is_refused():
    clusters = dataclasses.replace(RULE, target="silhouette")
    state = play(clusters, World([5.0] * 3), epochs=4)[-1][0]
    assert clusters.state_from_dict(state.to_dict()) == state
    with pytest.raises(ValueError, match="same target"):
        RULE.state_from_dict(state.to_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trial": (0,)}, "`trial` must not be active"),
        ({"trial": (5,), "active": (0, 1)}, "`trial` must have a start"),
        ({"epochs": (1, 2)}, "2 `epochs` and 0 `losses`"),
        ({"information": ((1.0,),)}, "`information` must hold 16"),
        ({"at_floor": True}, "`at_floor` while"),
        ({"at_floor": "no"}, "`at_floor`='no'"),
        ({"pruned": 1}, "`pruned`=1"),
        ({"silhouettes": (0.1,)}, "1 `silhouettes`, 0 `losses`"),
        ({"epochs": (2, 1), "losses": (1, 1)}, "must be positive and ascend"),
        ({"starts": (3, 3)}, "must be positive and ascend"),
        ({"starts": (0,)}, "must be positive and ascend"),
        ({"trial_information": ((0.0,) * 16,)}, "`trial_information` without"),
        ({"starts": ("late",)}, "`starts` must be"),
        ({"spent": -1.0}, "`spent`=-1.0"),
        ({"learning_rate": -1.0}, "`learning_rate`=-1.0"),
        ({"best_silhouette": "good"}, "`best_silhouette` must be"),
    ],
)
def test_states_made_by_hand_must_agree(change, message):
    with pytest.raises(ValueError, match=message):
        InformationState(**{"seed": 0, "n_dims": 16, "active": range(16), **change})
