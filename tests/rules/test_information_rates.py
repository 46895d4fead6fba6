"""The information rule under learning rates that change."""

import dataclasses

import numpy as np
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
    start = next(d for d in first if d.action == "try").epoch + 1
    drop = keep.epoch + 3
    played = with_rates(World(costs), [1e-3] * drop + [1e-4] * 60)
    state, back = played[drop]
    assert back.action == "restore"
    assert "from 0.001 to 0.0001" in back.reason
    assert "undecided" in back.reason
    assert state.fixed_epoch is None
    assert not state.losses
    # What was spent stays so: there is no second nat for the next trials.
    # For good, and what is left of 0.1 after as many epochs again as before it.
    assert state.spent == pytest.approx(0.5 + 0.1 / np.cbrt(start))
    assert played[-1][0].fixed_epoch is not None
    assert len(played[-1][0].active) == 3


def test_a_trial_that_ends_undecided_leaves_no_epoch_behind():
    first = changes(with_rates(World([5.0] * 3), [1e-3] * 40))
    begun = next(d for d in first if d.action == "try").epoch
    state, back = with_rates(World([5.0] * 3), [1e-3] * (begun + 3) + [1e-4])[-1]
    assert back.action == "restore"
    # Two epochs that were recorded, and the one with the other rate.
    assert state.undone == back.epoch - begun == 3


def test_what_was_spent_at_another_rate_counts_in_a_close_trial():
    costs = [0.5, 0.45, 6.0, 7.0]
    first = changes(with_rates(World(costs, recovery=0.6), [1e-3] * 60))
    keep = next(d for d in first if d.action == "keep")
    rates = [1e-3] * (keep.epoch + 1) + [1e-4] * 80
    played = with_rates(World(costs, recovery=0.6), rates)
    spent = played[keep.epoch + 1][0].spent
    assert spent > 0.5
    assert len(played[-1][0].active) == 3
    restore = changes(played)[-1]
    told = float(restore.reason.split("way to +")[1].split(" nats")[0])
    assert told > spent + 0.45


def test_what_was_spent_without_a_trend():
    rule = dataclasses.replace(RULE, without=("trend",))
    costs = [0.3, 0.4, 6.0]
    first = changes(with_rates(World(costs, fall=5.0), [1e-3] * 60, rule))
    drop = next(d for d in first if d.action == "keep").epoch + 1
    rates = [1e-3] * drop + [1e-4]
    played = with_rates(World(costs, fall=5.0), rates, rule)
    before, after = played[drop - 1][0], played[drop][0]
    kept = before.without_trial()
    level = kept.course(falls=False).added(2.0 * kept.starts[-1])
    assert after.spent == pytest.approx(level)
    assert level != pytest.approx(kept.course().added(2.0 * kept.starts[-1]))


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


def test_at_another_learning_rate_clusters_must_still_not_get_worse():
    rule = dataclasses.replace(RULE, target="silhouette")
    state = dataclasses.replace(rule.init(16, 0), best_silhouette=0.5)
    played = with_rates(World([5.0] * 3), [1e-3] * 5 + [5e-4], rule, state)
    assert played[5][0].best_silhouette == 0.5


def test_a_schedule_that_falls_slowly_changes_nothing():
    falling = [1e-3 * 0.9**epoch for epoch in range(60)]
    unknown, known = (
        with_rates(World([0.1, 5.0, 6.0]), rates) for rates in ([None] * 60, falling)
    )
    assert [d for _, d in unknown] == [d for _, d in known]
    assert known[-1][0].fixed_epoch is not None
