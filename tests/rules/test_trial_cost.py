"""What a trial tells of costs."""

import dataclasses

import numpy as np
import pytest
from information_world import RULE, World, play

from ald_keras.rules.information_state import InformationState
from ald_keras.rules.trial_cost import weigh


def in_the_second_trial(drop=0.0):
    played = play(RULE, World([0.3, 0.4, 9.0], recovery=0.0))
    state = next(s for s, _ in played if len(s.starts) == 2 and s.trial_records == 5)
    losses = (*state.losses[:-5], *(loss - drop for loss in state.losses[-5:]))
    return dataclasses.replace(state, losses=losses)


def test_what_is_still_being_made_up_for_is_nothing_better():
    # Of the kind whose end lies far below, by a slow curve through few epochs.
    epochs = [*range(40, 67)]
    losses = [100.0 + (t > 60) * (10.0 / np.cbrt(max(t - 60, 1)) - 4.0) for t in epochs]
    state = InformationState(
        0, 2, (0,), epochs=epochs, losses=losses, trial=(1,), starts=(60,)
    )
    helped = state.course(may_help=True)
    assert helped.removals[-1].at(120) < -1.0
    cost = weigh(RULE, state)
    assert not cost.anew
    assert cost.latest > 1.0


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
