"""The information rule where a removal may cost a share of the gain."""

import numpy as np
import pytest
from information_world import RULE, World, changes, play

from ald_keras.rules import InformationRule


def test_a_percentage_is_of_the_gain_expected_now():
    rule = InformationRule(max_loss_increase="10%")
    world = World([8.0, 30.0, 40.0], fall=50.0, recovery=0.0, null_loss=250.0)
    keep = next(d for d in changes(play(rule, world)) if d.action == "keep")
    allowed = 0.1 * (150.0 - 50.0 / np.cbrt(keep.epoch + 1))
    assert f"and {allowed:.3g} are allowed" in keep.reason


@pytest.mark.parametrize("constant", [-140.0, 1e4])
def test_a_constant_in_the_loss_changes_no_decision(constant):
    """The unit of the data, or the entropy of their noise, is such a constant."""
    rule = InformationRule(max_loss_increase="1%")
    known = {"noise": 0.05, "fall": 40.0, "n_dims": 24}
    costs = [0.2] * 4 + [1.5] * 6
    plain = play(rule, World(costs, null_loss=200.0, **known), epochs=200)
    moved = World(costs, null_loss=200.0 + constant, optimum=100.0 + constant, **known)
    moved = play(rule, moved, epochs=200)
    assert plain[-1][0].fixed_epoch is not None
    told = [[(d.epoch, d.action, d.indices) for _, d in p] for p in (plain, moved)]
    assert told[0] == told[1]


def test_without_a_gain_nothing_is_tried():
    rule = InformationRule(max_loss_increase="1%")
    state, decision = play(rule, World([1.0, 2.0], null_loss=99.0))[-1]
    assert len(state.active) > 2
    assert state.fixed_epoch is None
    assert "without a latent space it would be 99: there is no gain" in decision.reason


def test_a_trial_ends_where_the_gain_is_gone():
    """As in a run that goes on with other validation data."""
    rule, world = InformationRule(), World([-5.0, 9.0, 9.0], n_dims=3)
    state = play(rule, world, epochs=12)[-1][0]
    assert state.trial
    world.null_loss = 90.0
    played = play(rule, world, state=state, first=12)
    assert [d.action for d in changes(played)] == ["open"]
    assert "there is no gain" in played[-1][1].reason


def test_nats_need_no_null_loss():
    assert RULE.metrics == ("loss",)
    assert InformationRule().metrics == ("loss", "null_loss")
    watching = InformationRule(target="silhouette", max_loss_increase=1)
    assert watching.metrics == ("loss", "silhouette")
