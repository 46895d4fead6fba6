"""The information rule's trials, in worlds whose right answer is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from information_world import RULE, World, changes, play

from ald_keras.rules import InformationRule


def test_a_removal_that_costs_too_much_is_taken_back_and_fixes_the_size():
    played = play(RULE, World([5.0, 6.0, 7.0]))
    _, prune, attempt, restore = changes(played)
    assert (attempt.action, restore.action) == ("try", "restore")
    assert restore.indices == attempt.indices
    assert len(attempt.indices) == 1
    assert restore.epoch == attempt.epoch + RULE.patience
    assert prune.active_dims == restore.active_dims == 3
    state, last = played[-1]
    assert state.fixed_epoch == restore.epoch
    assert not state.at_floor
    assert last.action == "wait"
    assert "fixed at 3 dimensions" in last.reason


def test_the_least_informative_one_is_tried():
    world = World([9.0, 0.1, 7.0])
    attempt = changes(play(RULE, world))[2]
    assert [world.place[i] for i in attempt.indices] == [0.1]


@pytest.mark.parametrize(
    ("costs", "left"),
    [
        ([0.3, 0.3, 0.3, 5.0, 5.0], 2),  # 0.9 of 1 nat is spent
        ([0.4, 0.4, 0.4, 5.0, 5.0], 3),  # the third would make it 1.2
        ([0.05] * 12 + [5.0] * 3, 3),
        ([2.0] * 8, 8),
        ([0.01] * 4 + [0.98] + [0.99], 2),
    ],
)
@pytest.mark.parametrize("fall", [0.0, 50.0])
def test_costs_add_up_over_all_trials(costs, left, fall):
    played = play(RULE, World(costs, fall=fall), epochs=300)
    state = played[-1][0]
    assert len(state.active) == left
    assert state.fixed_epoch is not None


def test_what_training_brings_does_not_pay_for_removals():
    # Each removal costs 0.8 of one nat allowed, and training brings 1 nat meanwhile.
    world = World([0.8] * 4 + [9.0] * 2, fall=80.0)
    assert len(play(RULE, world, epochs=300)[-1][0].active) == 5


@pytest.mark.parametrize("trained", [0, 20, 200])
def test_how_long_it_was_trained_before_does_not_matter(trained):
    world = World([0.8] * 4 + [9.0] * 2, fall=300.0, trained=trained)
    assert len(play(RULE, world, epochs=300)[-1][0].active) == 5


def test_a_removal_that_costs_little_is_kept():
    played = changes(play(RULE, World([0.1, 5.0, 6.0])))
    assert [d.action for d in played[2:]] == ["try", "keep", "try", "restore"]
    attempt, keep = played[2:4]
    assert keep.epoch == attempt.epoch + RULE.patience
    assert keep.active_dims == 2
    # 0.1 for good, and what is left of the shock after as many epochs as before it.
    left = 0.1 + 0.1 / np.cbrt(attempt.epoch + 1)
    assert f"is kept: the loss is on its way to +{left:.3g} nats" in keep.reason


def test_what_the_network_has_still_to_make_up_for_adds_up():
    # Nothing in the end, but 1 nat at first, of which the cube root is left each time.
    world = World([0.0] * 10 + [9.0] * 3, recovery=1.0)
    played = changes(play(RULE, world, epochs=300))
    tries = [d for d in played if d.action == "try"]
    kept = [d for d in played if d.action == "keep"]
    for done, keep in enumerate(kept, start=1):
        before = [d.epoch + 1 for d in tries[:done]]
        expected = sum(1.0 / np.cbrt(2 * before[-1] - at) for at in before)
        assert f"is on its way to {expected:+.3g} nats" in keep.reason
    assert len(kept) == 3
    assert played[-1].active_dims == 10


def test_a_trial_on_the_edge_has_twice_the_time():
    # Goes below the nat that is allowed, but is above it for long.
    played = play(RULE, World([0.8, 5.0, 6.0], recovery=0.5))
    attempt, keep = changes(played)[2:4]
    assert keep.action == "keep"
    assert keep.epoch == attempt.epoch + 2 * RULE.patience
    assert "is on its way to +0.98" in played[keep.epoch - 1][1].reason


@pytest.mark.parametrize(("cost", "left"), [(0.1, 2), (3.0, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_made_up_for_in_a_few_epochs_does_not_count(cost, left, seed):
    # As on rendered shapes: 100 nats in the first epoch, 3 in the sixth.
    world = World([cost, 9.0, 9.0], recovery=0.5, noise=0.1, fall=20.0, seed=seed)
    state = RULE.init(16, 0)
    for epoch in range(120):
        seen = world.observe(epoch, state)
        since = state.trial_records + 1 if state.trial else np.inf
        metrics = {**seen.metrics, "loss": seen.metrics["loss"] + 100.0 / since**2}
        state, _ = RULE.step(state, dataclasses.replace(seen, metrics=metrics))
    assert len(state.active) == left


@pytest.mark.parametrize(
    ("cost", "recovery", "epochs"), [(0.35, 1.3, 10), (0.2, 1.4, 6)]
)
def test_a_close_thing_begins_at_three_quarters_of_what_is_allowed(
    cost, recovery, epochs
):
    # Above it for ten epochs, and on its way to 0.82 or 0.71.
    played = changes(play(RULE, World([cost, 5.0, 6.0], recovery=recovery)))
    attempt, keep = played[2:4]
    assert keep.action == "keep"
    assert keep.epoch == attempt.epoch + epochs


def test_a_trial_that_is_no_close_thing_has_no_more_time():
    # Above the nat that is allowed for as long, but on its way to 0.7.
    played = changes(play(RULE, World([0.1, 5.0, 6.0], recovery=1.6)))
    attempt, keep = played[2:4]
    assert keep.action == "keep"
    assert keep.epoch == attempt.epoch + RULE.patience


def test_many_cheap_dimensions_go_several_at_a_time():
    world = World([0.001] * 60 + [9.0] * 4, n_dims=64, recovery=0.0)
    played = changes(play(RULE, world, epochs=300))
    sizes = [len(d.indices) for d in played if d.action == "try"]
    # Twice as many, but no more than one in eight.
    assert sizes[:4] == [1, 2, 4, 7]
    assert played[-1].active_dims == 4
    assert len(sizes) <= 28


def test_after_too_large_a_step_fewer_are_tried():
    world = World([0.001] * 14 + [0.6] * 3 + [9.0] * 20, n_dims=40, recovery=0.0)
    played = changes(play(RULE, world, epochs=300))
    restored = [d for d in played if d.action == "restore"]
    assert len(restored[0].indices) > 1
    assert restored[-1].active_dims == 22
    assert len(restored[-1].indices) == 1


@pytest.mark.parametrize("seed", range(10))
def test_noise_does_not_move_a_sharp_edge(seed):
    world = World([0.1, 0.1, 3.0, 3.0, 3.0], noise=0.1, fall=20.0, seed=seed)
    assert len(play(RULE, world, epochs=200)[-1][0].active) == 3


@pytest.mark.parametrize("seed", range(8))
def test_noise_does_not_bring_back_what_costs_nothing(seed):
    # On MNIST the noise is a twentieth of what the default allows.
    world = World([0.0] * 10 + [3.0] * 3, noise=0.1, fall=20, seed=seed)
    assert len(play(RULE, world, epochs=300)[-1][0].active) == 3


def test_no_trial_while_the_loss_falls_fast():
    played = play(RULE, World([5.0] * 3, fall=200.0), epochs=60)
    reserve = [d for d in changes(played) if d.action == "prune"][1]
    # The first epoch t, counted from 1, at which it falls by 2 nats in 6 epochs.
    cbrt = np.cbrt
    first = next(t for t in range(1, 99) if 200 * (1 / cbrt(t) - 1 / cbrt(t + 6)) <= 2)
    assert reserve.epoch + 1 == first
    waiting = played[reserve.epoch - 1][1]
    assert "still falls" in waiting.reason


@pytest.mark.parametrize("seed", range(15))
def test_over_many_trials_on_a_falling_loss_no_error_adds_up(seed):
    # From the trend of the epochs before the trials alone a fifth of these failed.
    world = World([0.1] * 5 + [3.0] * 3, n_dims=24, noise=0.2, fall=20.0, seed=seed)
    assert len(play(RULE, world, epochs=300)[-1][0].active) == 3


def test_a_group_that_costs_too_much_is_halved():
    world = World([6.0] * 40, n_dims=40, recovery=0.0)
    state = dataclasses.replace(RULE.init(40, 0), step=4)
    played = changes(play(RULE, world, state=state))
    assert [len(d.indices) for d in played if d.action == "restore"] == [4, 2, 1]


def test_steps_follow_from_what_dimensions_cost():
    # By hand: twice the cost a dimension of the last ones, up to what is left of 1 nat.
    world = World([0.1] * 20 + [9.0] * 12, n_dims=32, recovery=0.0)
    played = changes(play(RULE, world, epochs=300))
    sizes = [len(d.indices) for d in played if d.action == "try"]
    assert sizes[:5] == [1, 2, 3, 2, 1]


def test_a_cost_that_grows_does_not_count_as_its_mean():
    world = World([0.0, 9.0, 9.0], recovery=0.0)
    rule = dataclasses.replace(RULE, window=2)
    state, kept = rule.init(16, 0), []
    for epoch in range(60):
        seen = world.observe(epoch, state)
        since = state.trial_records + 1 if state.trial else 0
        metrics = {**seen.metrics, "loss": seen.metrics["loss"] + 0.2 * since}
        state, decision = rule.step(state, dataclasses.replace(seen, metrics=metrics))
        kept.append(decision.action == "keep")
    # 0.7 nats on average, and 1.1 over the last two epochs.
    assert not any(kept)
    assert len(state.active) == 3


def test_the_floor_is_no_finding():
    rule = dataclasses.replace(RULE, min_dims=4)
    played = play(rule, World([0.01] * 8))
    state, _ = played[-1]
    assert len(state.active) == 4
    assert state.at_floor
    assert changes(played)[-1].action == "stop"
    # Nor does it go on from fewer.
    few = RULE.restart(RULE.init(16, 0), (0, 1))
    state = play(rule, World([5.0] * 3), state=few)[-1][0]
    assert state.active == (0, 1)
    # Idle ones too: the best informed of them stay.
    state = play(rule, World([5.0] * 3))[-1][0]
    assert len(state.active) == 4


def test_silhouette_as_the_target():
    costs = [0.5] * 8
    loss = InformationRule(max_loss_increase=10.0)
    assert len(play(loss, World(costs), epochs=300)[-1][0].active) == 1
    rule = dataclasses.replace(loss, target="silhouette")
    # The world's silhouette is best at 3 dimensions.
    state = play(rule, World(costs), epochs=300)[-1][0]
    assert len(state.active) == 3
    dear = dataclasses.replace(rule, max_loss_increase=1.2)
    assert len(play(dear, World(costs), epochs=300)[-1][0].active) == 6
    assert rule.metrics == ("loss", "silhouette")
    assert loss.metrics == ("loss",)


@settings(max_examples=60)
@given(
    st.lists(st.floats(0.0, 4.0), max_size=12),
    st.sampled_from(["kl", "random", "last"]),
    st.integers(1, 5),
    st.integers(0, 3),
)
def test_invariants(costs, selection, min_dims, seed):
    rule = InformationRule(
        max_loss_increase=1.0, selection=selection, min_dims=min_dims
    )
    world = World(costs, n_dims=14, noise=0.2, seed=seed)
    active, fixed, on_trial = set(range(14)), None, ()
    for state, decision in play(rule, world, epochs=120):
        before = set(active)
        if decision.action in ("prune", "try"):
            active -= set(decision.indices)
        elif decision.action in ("restore", "open"):
            # Nothing comes back but what was on trial.
            assert decision.indices == on_trial
            active |= set(decision.indices)
        assert tuple(sorted(active)) == state.active
        assert len(active) == decision.active_dims >= min_dims
        if fixed is not None:
            assert active == before
            assert state.fixed_epoch == fixed
        fixed, on_trial = state.fixed_epoch, state.trial
