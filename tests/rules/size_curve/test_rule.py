"""SizeCurveRule on simulated networks whose smallest sufficient size is known."""

import pytest
from size_curve_world import (
    ArbitraryNetwork,
    EntangledNetwork,
    SimulatedNetwork,
    codes,
    epoch_of,
    play,
)

from ald_keras.rules import BASELINE_NLL, Observation, SizeCurveRule
from ald_keras.rules.size_curve import rule

WORTHS = [3.0, 2.0, 1.5, 1.0]
RULE = SizeCurveRule(tolerance=0.1)


def test_it_settles_measures_and_fixes_the_size():
    network = SimulatedNetwork(WORTHS)
    played = play(RULE, network, 40)
    assert codes(played) == ["settle", "measure", "moving", "fixed"]
    begins, fixed = epoch_of(played, "measure"), epoch_of(played, "fixed")
    # Total KL has grown by at most 5 % over ten epochs only then.
    assert begins == 15
    assert fixed == begins + 1 + RULE.patience
    state, decision = played[fixed]
    assert decision.action == "stop"
    assert state.core == tuple(sorted(network.worth))
    assert (state.size, state.fixed_epoch, state.at_floor) == (4, fixed, False)
    # Two idle ones stay in reserve, the most informative ones.
    assert set(state.reserve) == set(network.places[4:6])
    assert decision.reason == (
        "Size fixed: 4 dimensions, and 2 idle in reserve until training ends. With 4 "
        "dimensions the loss is 0.00 nats above that of all 6, with 3 it is 1.00 "
        "above; 0.10 is allowed."
    )


def test_nothing_but_idle_dimensions_is_removed_before_the_size_is_fixed():
    network = SimulatedNetwork(WORTHS)
    played = play(RULE, network, 40)
    changes = [(d.epoch, d.action, d.indices) for _, d in played if d.action != "wait"]
    idle = tuple(sorted(network.places[6:]))
    assert changes == [(10, "prune", idle), (15, "sample", ()), (22, "stop", ())]
    assert all(state.sampling is None for state, _ in played[:15])
    assert all(state.sampling is not None for state, _ in played[15:])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("size", "worth"), [(4, 0.02), (5, 0.3)])
def test_it_fixes_the_right_size_in_noise(seed, size, worth):
    # What the fifth one is worth is below the tolerance, or above it.
    network = SimulatedNetwork([*WORTHS, worth], standard_error=0.04, seed=seed)
    played = play(RULE, network, 60)
    state, _ = played[-1]
    assert state.size == len(state.core) == size
    assert set(state.core) == set(network.places[:size])
    assert epoch_of(played, "fixed") <= 40


@pytest.mark.parametrize(("standard_error", "size"), [(0.15, 5), (0.25, 4)])
def test_increases_below_one_standard_error_are_not_resolved(standard_error, size):
    # The fifth one is worth more than the tolerance.
    network = SimulatedNetwork([*WORTHS, 0.2], standard_error=standard_error, noise=0.0)
    assert play(RULE, network, 40)[-1][0].size == size


def test_the_tolerance_is_a_share_of_the_gain():
    # 0.5 % of a gain of 100 nats are 0.5 nats, and of 200 nats 1 nat.
    for baseline, size in ((200.0, 5), (300.0, 4)):
        network = SimulatedNetwork([3.0, 2.0, 1.5, 1.2, 0.7, 0.2])
        network.baseline_nll = baseline
        assert play(SizeCurveRule(), network, 60)[-1][0].size == size


def test_without_a_gain_nothing_is_fixed():
    network = SimulatedNetwork(WORTHS)
    network.baseline_nll = 90.0
    played = play(SizeCurveRule(), network, 40, planned=40)
    assert codes(played) == ["settle", "measure", "no_gain"]
    network.baseline_nll = 200.0
    state = played[-1][0]
    assert state.size is None
    later = play(SizeCurveRule(), network, 40, planned=80, state=state, first=40)
    assert later[-1][0].size == 4


def test_without_a_gain_and_without_kl_it_has_collapsed():
    network = SimulatedNetwork([])
    network.baseline_nll = 90.0
    played = play(SizeCurveRule(), network, 40, planned=40)
    assert codes(played)[-1] == "collapsed"
    assert played[-1][0].fixed_epoch is None


def test_the_idle_threshold_is_at_most_the_square_root_of_the_tolerance():
    for baseline, idle_kl in ((200.0, 0.1), (100.5, 0.05), (99.0, 0.1)):
        network = SimulatedNetwork(WORTHS)
        network.baseline_nll = baseline
        state, _ = play(SizeCurveRule(), network, 1)[-1]
        assert state.idle_kl == pytest.approx(idle_kl)
    # Without its metrics, as within the first epoch, the threshold stays.
    observation = Observation(1, {}, state.active, network.kl(1, state.active))
    assert SizeCurveRule().update(state, observation)[0].idle_kl == state.idle_kl


def test_a_falling_loss_does_not_postpone_the_decision():
    constant = play(RULE, SimulatedNetwork(WORTHS), 40)
    falling = play(RULE, SimulatedNetwork(WORTHS, fall=2.0), 40)
    assert falling[-1][0].window == constant[-1][0].window
    assert falling[-1][0].fixed_epoch == constant[-1][0].fixed_epoch == 22
    assert falling[-1][0].size == 4


def test_a_falling_increase_below_the_answer_postpones_it():
    played = play(RULE, SimulatedNetwork(WORTHS, fading=0.85), 60)
    assert codes(played) == [
        "settle",
        "measure",
        "moving",
        "falling",
        "moving",
        "fixed",
    ]
    assert played[-1][0].size == 3
    assert epoch_of(played, "falling") == 22
    # One that falls so slowly that it would not be within it soon does not.
    played = play(RULE, SimulatedNetwork(WORTHS, fading=0.99), 60)
    assert (played[-1][0].size, played[-1][0].fixed_epoch) == (4, 22)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        # One dimension less is ruled out by the floor, or by another target.
        ({"min_dims": 4}, 4),
        ({"target": ("loss", "silhouette")}, 6),
    ],
)
def test_nor_does_one_that_cannot_change_the_answer(options, size):
    worths = WORTHS if size == 4 else [*WORTHS, 0.09, 0.08]
    silhouette = {"silhouette": lambda k, epoch: -abs(k - size)}
    network = SimulatedNetwork(worths, fading=0.85, metrics=silhouette)
    played = play(SizeCurveRule(tolerance=0.1, **options), network, 40)
    assert (played[-1][0].size, played[-1][0].fixed_epoch) == (size, 22)


@pytest.mark.parametrize(("wakes", "fixed"), [(False, 17), (True, 20)])
def test_a_dimension_that_becomes_informative_postpones_the_decision(wakes, fixed):
    # The answer needs the fifth one before its KL has crossed the idle threshold.
    kl, later = [2.0] * 4 + [0.09, 0.0, 0.0], [2.0] * 4 + [0.5, 0.0, 0.0]
    worths = [1.0] * 4 + [0.5, 0.0, 0.0]
    phases = [(14, kl, worths), (20, later if wakes else kl, worths)]
    played = play(RULE, ArbitraryNetwork(phases, range(7)), 34)
    assert epoch_of(played, "fixed") == fixed
    assert {state.size for state, _ in played[11 : fixed + 1]} == {5}


def test_a_reserve_that_is_worth_more_than_the_tolerance_raises_the_size():
    network = SimulatedNetwork(WORTHS, wakes={30: 0.5})
    played = play(RULE, network, 60)
    assert codes(played)[3:] == ["fixed", "reserve_awake", "reopened", "fixed"]
    assert epoch_of(played, "reserve_awake") == 30
    reopened = epoch_of(played, "reopened")
    assert reopened == 30 + RULE.patience - 1
    before, (after, decision) = played[reopened - 1][0], played[reopened]
    woken = {d for d, worth in network.worth.items() if worth == 0.5}
    assert (before.size, after.size, after.fixed_epoch) == (4, 5, reopened)
    assert set(after.core) == {*before.core, *woken}
    # The reserve is filled up.
    assert len(after.reserve) == 2
    assert decision.action == "open"


def test_the_size_is_raised_again_and_again():
    network = SimulatedNetwork(WORTHS, wakes={30: 0.5, 50: 0.4, 70: 0.3})
    sizes = [state.size for state, _ in play(RULE, network, 90)]
    assert [sizes[epoch] for epoch in (29, 49, 69, 89)] == [4, 5, 6, 7]


def test_a_reserve_that_is_worth_less_is_closed():
    network = SimulatedNetwork(WORTHS, wakes={30: 0.05})
    played = play(RULE, network, 60)
    assert codes(played)[3:] == ["fixed", "reserve_awake", "reserve_closed", "fixed"]
    closed = epoch_of(played, "reserve_closed")
    assert closed == 30 + RULE.patience - 1
    before, (after, decision) = played[closed - 1][0], played[closed]
    assert (decision.action, decision.indices) == ("prune", before.reserve)
    assert after.active == after.core == before.core
    assert (after.size, after.fixed_epoch) == (4, 22)
    # Nothing is sampled or measured any more.
    assert (after.sampling, after.sizes_to_measure) == (None, ())


def test_a_dimension_that_is_informative_for_a_moment_changes_nothing():
    network = SimulatedNetwork(WORTHS, wakes={30: 0.5})
    state, _ = play(RULE, network, 33)[-1]
    assert state.awake == 3
    network.worth = {d: worth for d, worth in network.worth.items() if worth != 0.5}
    network.wakes = {}
    played = play(RULE, network, 20, state=state, first=33)
    assert {d.code for _, d in played} == {"fixed"}
    assert (played[-1][0].awake, played[-1][0].window) == (0, ())


def test_idle_dimensions_of_a_fixed_size_are_removed():
    network = SimulatedNetwork(WORTHS)
    state, _ = play(RULE, network, 25)[-1]
    lost = network.places[3]
    del network.worth[lost]
    played = play(RULE, network, 20, state=state, first=25)
    # Idle in all of the last eleven evaluations.
    assert epoch_of(played, "idle_removed") == 35
    state, decision = played[10]
    assert (decision.action, decision.indices) == ("prune", (lost,))
    assert (state.size, len(state.core), state.fixed_epoch) == (3, 3, 22)
    assert state.reserve == played[9][0].reserve


def test_an_entangled_network_comes_down_under_pressure():
    network = EntangledNetwork(3)
    played = play(RULE, network, 100)
    sizes = [state.size for state, _ in played if state.size is not None]
    assert (sizes[0], sizes[-1]) == (7, 3)
    assert sizes == sorted(sizes, reverse=True)
    assert played[-1][0].phase == "fixed"
    # Two of the three idle ones stay in reserve, the most informative ones.
    assert set(played[-1][0].reserve) == set(network.places[12:14])
    for state, _ in played:
        if state.phase == "measure" and state.is_entangled:
            assert state.size <= 5
            probabilities = state.sampling.probabilities
            assert sum(probabilities) == pytest.approx(0.9)
            assert probabilities[state.size - 2] == pytest.approx(0.63)
            assert probabilities[state.size - 1] == pytest.approx(0.27)


def test_without_pressure_it_would_not(monkeypatch):
    monkeypatch.setattr(rule, "is_entangled", lambda *arguments: False)
    assert play(RULE, EntangledNetwork(3), 100)[-1][0].size == 5


def test_a_network_that_still_learns_is_not_put_under_pressure():
    # The loss falls by twice the tolerance an evaluation.
    played = play(RULE, EntangledNetwork(3, fall=0.2), 100)
    assert not any(state.is_entangled for state, _ in played)
    assert played[-1][0].size == 5


def test_an_entangled_network_that_needs_its_dimensions_keeps_them():
    played = play(RULE, EntangledNetwork(7), 100)
    assert (played[-1][0].size, played[-1][0].phase) == (7, "fixed")


@pytest.mark.parametrize("planned", [None, 40])
def test_nothing_is_decided_while_all_dimensions_are_idle(planned):
    played = play(RULE, SimulatedNetwork([]), 40, planned=planned)
    assert codes(played) == ["collapsed"]
    assert {decision.action for _, decision in played} == {"wait"}
    state = played[-1][0]
    assert state.active == tuple(range(12))
    assert (state.phase, state.size, state.sampling) == ("settle", None, None)


@pytest.mark.parametrize(
    ("min_dims", "size", "at_floor"), [(1, 1, False), (2, 2, True), (6, 6, True)]
)
def test_the_size_does_not_go_below_the_floor(min_dims, size, at_floor):
    rule = SizeCurveRule(tolerance=0.1, min_dims=min_dims)
    # One needed, two worth less than the tolerance, nine idle.
    played = play(rule, SimulatedNetwork([3.0, 0.02, 0.01]), 60)
    assert all(len(state.active) >= min_dims for state, _ in played)
    state, _ = played[-1]
    assert (state.size, len(state.core), state.at_floor) == (size, size, at_floor)
    # It is filled up with removed ones where idle ones are needed for the size.
    assert len(state.reserve) == 2


def test_a_size_above_the_floor_is_not_at_it():
    rule = SizeCurveRule(tolerance=0.1, min_dims=3)
    state, _ = play(rule, SimulatedNetwork(WORTHS), 60)[-1]
    assert (state.size, state.at_floor) == (4, False)


@pytest.mark.parametrize(
    ("planned", "growth", "begins"),
    [
        # Nothing is idle, so that training never settles.
        (20, 1.0, 5),
        (60, 1.0, 17),
        (100, 1.0, 29),
        # While the total KL grows, half of the run may pass.
        (60, 1.02, 29),
        (100, 1.02, 49),
        # Whether it grows is known after eleven evaluations.
        (20, 1.02, 5),
    ],
)
def test_measuring_begins_at_a_share_of_the_run_at_the_latest(planned, growth, begins):
    network = SimulatedNetwork(WORTHS, n_dims=4, growth=growth)
    played = play(RULE, network, planned, planned=planned)
    assert epoch_of(played, "measure") == begins
    assert {state.phase for state, _ in played[:begins]} == {"settle"}
    assert played[-1][0].size == 4


def test_where_the_progress_is_unknown_training_must_settle():
    played = play(RULE, SimulatedNetwork(WORTHS, growth=1.02), 60)
    assert codes(played) == ["settle"]
    assert epoch_of(play(RULE, SimulatedNetwork(WORTHS), 40), "measure") == 15


def test_a_start_where_all_dimensions_are_informative():
    network = SimulatedNetwork([*WORTHS, 0.02], n_dims=5)
    assert codes(play(RULE, network, 40)) == ["settle"]
    played = play(RULE, network, 60, planned=60)
    assert epoch_of(played, "measure") == 17
    fixed = epoch_of(played, "fixed")
    assert fixed == 18 + RULE.patience
    state, decision = played[fixed]
    assert (decision.action, decision.indices) == ("stop", (network.places[4],))
    assert (state.size, state.reserve, state.sampling) == (4, (), None)


def test_dimensions_beyond_the_answer_make_room_for_a_reserve():
    # What is informative but not needed goes for good; what was removed as idle opens.
    network = SimulatedNetwork([*WORTHS, 0.02], n_dims=12)
    state, _ = play(RULE, network, 40)[-1]
    assert network.places[4] not in {*state.active, *state.removed}
    assert set(state.reserve) <= set(network.places[5:])
    assert len(state.reserve) == 2


def test_finish_removes_an_idle_reserve():
    state, _ = play(RULE, SimulatedNetwork(WORTHS), 40)[-1]
    after, decision = RULE.finish(state)
    assert (decision.code, decision.action) == ("reserve_closed", "prune")
    assert decision.indices == state.reserve
    assert after.active == after.core == state.core
    assert set(after.removed) == {*state.removed, *state.reserve}
    assert (after.size, after.fixed_epoch) == (4, state.fixed_epoch)
    assert (decision.active_dims, decision.epoch) == (4, 39)
    assert RULE.finish(after) == (after, None)


def test_finish_keeps_an_informative_reserve_and_the_size_is_not_fixed():
    network = SimulatedNetwork(WORTHS, wakes={38: 0.5})
    state, _ = play(RULE, network, 40)[-1]
    after, decision = RULE.finish(state)
    woken = {d for d, worth in network.worth.items() if worth == 0.5}
    assert after.active == tuple(sorted({*state.core, *woken}))
    assert (after.size, after.fixed_epoch, after.reserve) == (5, None, ())
    assert set(decision.indices) == {*state.reserve} - woken


def test_finish_leaves_a_size_that_is_not_fixed():
    state, _ = play(RULE, SimulatedNetwork(WORTHS), 20)[-1]
    assert state.phase == "measure"
    assert RULE.finish(state) == (state, None)


@pytest.mark.parametrize("places", [range(14), reversed(range(14))])
def test_a_reserve_does_not_depend_on_where_dimensions_lie(places):
    # Two dimensions wake after the size is fixed, each worth more than the tolerance.
    network = SimulatedNetwork(
        [*WORTHS[:4], 0.02, 0.01], 14, [*places], wakes=[(40, 0.5), (60, 0.5)]
    )
    state, _ = play(RULE, network, 90)[-1]
    assert (state.size, state.phase) == (6, "fixed")


def test_a_small_beta_does_not_make_every_dimension_informative():
    observation = Observation(
        0,
        {BASELINE_NLL: 200.0, "reconstruction": 60.0},
        tuple(range(8)),
        (*[50.0] * 4, *[0.01] * 4),
        beta=0.01,
    )
    rule = SizeCurveRule()
    state, _ = rule.update(rule.init(8, 0), observation)
    assert state.idle_kl == rule.idle_kl


def test_a_restart_below_the_floor_is_an_error():
    rule = SizeCurveRule(min_dims=6)
    with pytest.raises(ValueError, match="`min_dims` must not exceed the 5 active"):
        rule.restart(rule.init(8, 0), range(5))
