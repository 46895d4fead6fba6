"""The information rule under learning rates that change."""

import dataclasses

import pytest
from information_world import RULE, World, changes


def with_rates(world, rates, rule=RULE, state=None):
    state = rule.init(world.n_dims, 0) if state is None else state
    played = []
    for epoch, rate in enumerate(rates):
        seen = dataclasses.replace(world.observe(epoch, state), learning_rate=rate)
        state, decision = rule.step(state, seen)
        played.append((state, decision))
    return played


def test_a_lower_learning_rate_does_not_pay_for_a_removal():
    costs = [0.5, 0.7, 6.0, 7.0]
    first = changes(with_rates(World(costs), [1e-3] * 40))
    keep = next(d for d in first if d.action == "keep")
    drop = keep.epoch + 3
    played = with_rates(World(costs), [1e-3] * drop + [1e-4] * 60)
    state, back = played[drop]
    assert back.action == "restore"
    assert "from 0.001 to 0.0001" in back.reason
    assert "undecided" in back.reason
    assert state.fixed_epoch is None
    assert not state.losses
    # What was spent stays so: there is no second nat for the next trials.
    assert state.spent == pytest.approx(0.5)
    assert played[-1][0].fixed_epoch is not None
    assert len(played[-1][0].active) == 3


def test_a_higher_learning_rate_starts_over_too():
    played = with_rates(World([5.0] * 3), [1e-3] * 5 + [2e-3] * 60)
    assert played[5][1].reason.startswith("The learning rate went from 0.001 to 0.002")
    assert len(played[-1][0].active) == 3


def test_without_a_trial_another_learning_rate_only_starts_over():
    played = with_rates(World([5.0] * 3), [1e-3] * 5 + [5e-4] * 60)
    state, decision = played[5]
    assert decision.action == "wait"
    assert "the losses recorded before are dropped" in decision.reason
    assert state.losses == ()
    # What the dimensions tell counts on.
    assert state.information == played[4][0].information != ()
    assert len(played[-1][0].active) == 3


def test_a_schedule_that_falls_slowly_changes_nothing():
    falling = [1e-3 * 0.9**epoch for epoch in range(60)]
    unknown, known = (
        with_rates(World([0.1, 5.0, 6.0]), rates) for rates in ([None] * 60, falling)
    )
    assert [d for _, d in unknown] == [d for _, d in known]
    assert known[-1][0].fixed_epoch is not None
