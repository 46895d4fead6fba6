"""Trials in which the network finds something better by itself."""

import dataclasses

import numpy as np
import pytest
from information_world import RULE, World, changes, play


# A removal that helps by more than is allowed cannot be told from a find of the
# network, and counts as if it had cost that much.
@pytest.mark.parametrize(("helped", "left"), [(0.5, 3), (5.0, 4)])
def test_a_removal_that_helps_is_the_new_level(helped, left):
    # Without the first the loss is lower, and that is no budget.
    state = play(RULE, World([-helped, 1.2, 9.0, 9.0]))[-1][0]
    assert len(state.active) == 3
    state = play(RULE, World([-helped, 0.6, 0.6, 9.0, 9.0]))[-1][0]
    assert len(state.active) == left


def play_with_falls(costs, tau=1.0, falls=1):
    """12 nats, which no trend foretells, from each of the first trials on."""
    world, state, begun, played = World(costs, recovery=0.0), RULE.init(16, 0), [], []
    for epoch in range(200):
        seen = world.observe(epoch, state)
        if state.trial and state.trial_records == 0 and len(begun) < falls:
            begun.append(epoch)
        by = sum(12.0 * (1.0 - np.exp(-(epoch - at + 1) / tau)) for at in begun)
        metrics = {**seen.metrics, "loss": seen.metrics["loss"] - by}
        played.append(RULE.step(state, dataclasses.replace(seen, metrics=metrics)))
        state = played[-1][0]
    return played, begun


@pytest.mark.parametrize("tau", [1.0, 3.0, 12.0])
def test_where_something_better_is_found_meanwhile_the_loss_has_to_settle(tau):
    played, (better,) = play_with_falls([0.0, 0.0, 6.0, 6.0], tau)
    opened = next(d for d in changes(played) if d.action == "open")
    state = played[opened.epoch][0]
    assert set(opened.indices) <= set(state.active)
    assert opened.indices == state.reopened
    assert (state.losses, state.information, state.starts) == ((), (), ())
    assert state.undone == 0
    assert "must have found something better" in opened.reason
    tried = [d for d in changes(played) if d.action == "try"]
    assert tried[1].epoch >= better + 12
    assert len(played[-1][0].active) == 2


@pytest.mark.parametrize("tau", [1.0, 2.0, 4.0, 8.0, 16.0])
def test_a_removal_is_not_kept_for_what_came_meanwhile(tau):
    played, _ = play_with_falls([3.0] * 4, tau)
    assert len(played[-1][0].active) == 4


@pytest.mark.parametrize("falls", [2, 3])
def test_what_a_second_find_hides_counts_as_all_that_is_allowed(falls):
    played, begun = play_with_falls([0.0, 0.6, 3.0, 3.0], falls=falls)
    assert len(begun) == falls
    made = [d for d in changes(played) if d.epoch >= begun[0] - 1]
    assert [d.action for d in made[:4]] == ["try", "open", "try", "keep"]
    assert made[0].indices == made[2].indices
    assert "a second time" in made[3].reason
    known = played[made[3].epoch][0]
    assert (known.spent, known.step, known.fixed_epoch) == (1.0, 1, None)
    assert (known.losses, known.starts) == ((), ())
    state = played[-1][0]
    assert state.fixed_epoch is not None
    assert len(state.active) == 3


@pytest.mark.parametrize(("centre", "width"), [(20, 3), (40, 6), (60, 6)])
@pytest.mark.parametrize("depth", [6.0, 20.0])
def test_the_tail_of_a_find_is_no_cost(centre, width, depth):
    world = World([0.02] * 10 + [6.0] * 6, fall=20.0)
    state = RULE.init(16, 0)
    for epoch in range(250):
        seen = world.observe(epoch, state)
        by = depth / (1.0 + np.exp((centre - world.age) / width))
        metrics = {**seen.metrics, "loss": seen.metrics["loss"] - by}
        state, _ = RULE.step(state, dataclasses.replace(seen, metrics=metrics))
    assert state.fixed_epoch is not None
    assert 6 <= len(state.active) <= 8


def test_what_was_spent_before_something_better_was_found_counts():
    world, state = World([0.6, 0.6, 9.0, 9.0], recovery=0.0), RULE.init(16, 0)
    fallen, played = False, []
    for epoch in range(150):
        seen = world.observe(epoch, state)
        # At once, in the second trial.
        fallen = fallen or bool(state.trial and len(state.starts) == 2)
        metrics = {**seen.metrics, "loss": seen.metrics["loss"] - 12.0 * fallen}
        played.append(RULE.step(state, dataclasses.replace(seen, metrics=metrics)))
        state = played[-1][0]
    (opened,) = (d for d in changes(played) if d.action == "open")
    assert played[opened.epoch][0].spent == pytest.approx(0.6)
    assert len(state.active) == 3


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_taken_for_something_better(seed):
    world = World([0.0] * 10 + [3.0] * 3, noise=0.2, fall=20.0, seed=seed)
    starts = [state.starts for state, _ in play(RULE, world, epochs=300)]
    begun = next(i for i, found in enumerate(starts) if found)
    assert all(starts[begun:])
