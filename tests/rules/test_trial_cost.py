"""What a trial tells of costs."""

import dataclasses

import pytest
from information_world import RULE, World, play

from ald_keras.rules.trial_cost import weigh


def in_the_second_trial(drop=0.0):
    played = play(RULE, World([0.3, 0.4, 9.0], recovery=0.0))
    state = next(s for s, _ in played if len(s.starts) == 2 and s.trial_records == 5)
    losses = (*state.losses[:-5], *(loss - drop for loss in state.losses[-5:]))
    return dataclasses.replace(state, losses=losses)


def test_costs_are_of_all_removals():
    cost = weigh(RULE, in_the_second_trial())
    assert (cost.before, cost.excess, cost.latest) == pytest.approx((0.3, 0.7, 0.7))
    assert (cost.allowed, cost.anew) == (1.0, False)


@pytest.mark.parametrize("drop", [0.0, 12.0])
def test_what_was_spent_before_is_part_of_them(drop):
    state = in_the_second_trial(drop)
    spent = dataclasses.replace(state, spent=0.25)
    cost, more = (weigh(RULE, known) for known in (state, spent))
    assert cost.before == pytest.approx(0.3)
    assert more.before == pytest.approx(0.55)
    assert cost.anew == more.anew == bool(drop)
    # A fall of the loss is told as it is.
    apart = 0.0 if drop else 0.25
    assert more.excess == pytest.approx(cost.excess + apart)
    assert more.latest == pytest.approx(cost.latest + apart)
