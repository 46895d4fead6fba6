"""SizeCurveRule where several things happen at once, and at its lower limit."""

from size_curve_world import ArbitraryNetwork, SimulatedNetwork, play

from ald_keras.rules import Observation, SizeCurveRule, SizeCurveState, SizeMeasurement
from ald_keras.rules.size_curve.sampling import sampling_of

WORTHS = [3.0, 2.0, 1.5, 1.0]
RULE = SizeCurveRule(tolerance=0.1)


def observed(epoch, state, kl, sizes=None):
    metrics = {"reconstruction": 90.0}
    return Observation(epoch, metrics, state.active, kl, sizes=sizes)


def test_the_floor_keeps_the_most_informative_idle_dimensions():
    rule = SizeCurveRule(tolerance=0.1, min_dims=6)
    network = SimulatedNetwork([3.0, 2.0], n_dims=10, places=range(10))
    state, decision = play(rule, network, 11)[-1]
    assert decision.action == "prune"
    # 0 and 1 are informative; idle KLs descend from 2 to 9.
    assert state.active == (0, 1, 2, 3, 4, 5)


def test_the_size_is_the_number_of_dimensions_kept():
    scores = [0.0] * 9 + [1.0]
    network = ArbitraryNetwork(
        [(20, [2.0] * 4 + [0.01] * 6, [1.0] * 4 + [0.0] * 6)],
        range(10),
        {"silhouette": lambda size, epoch: scores[size - 1]},
    )
    rule = SizeCurveRule(tolerance=0.1, patience=4, target=("loss", "silhouette"))
    state = rule.init(10, 0)
    for epoch in range(11):
        # Measuring begins early because 30 % of the run is over.
        seen = network.observe(epoch, state, 19)
        state, decision = rule.update(state, seen)
    assert decision.code == "fixed"
    assert state.size == len(state.core)


def test_idle_dimensions_removed_down_to_the_floor():
    rule = SizeCurveRule(tolerance=0.1, min_dims=3)
    network = SimulatedNetwork(WORTHS)
    state, _ = play(rule, network, 25)[-1]
    for d in network.places[2:4]:
        del network.worth[d]  # two of four become idle, one can be removed
    state, _ = play(rule, network, 20, state=state, first=25)[-1]
    assert state.size == 3
    assert state.at_floor


def test_finish_with_an_informative_reserve_is_not_at_the_floor():
    rule = SizeCurveRule(tolerance=0.1, min_dims=4)
    state, _ = play(rule, SimulatedNetwork(WORTHS, wakes={38: 0.5}), 40)[-1]
    assert state.at_floor
    after, _ = rule.finish(state)
    assert after.size == 5
    assert not after.at_floor


def test_no_dimension_is_lost_when_the_size_is_raised():
    # A reserve of 5 from a core of 20, of which 16 have become idle since.
    kl = tuple([2.0] * 4 + [1.0] + [0.01] * 4 + [0.0] * 16)
    state = SizeCurveState(
        active=range(9),
        removed=range(9, 25),
        reserve=range(4, 9),
        phase="fixed",
        spectra=(kl,) * 11,
        size=4,
        idle_kl=0.1,
        fixed_epoch=0,
    )
    state = state.changed(sampling=sampling_of(state, 0.5, 1))
    for epoch in range(RULE.patience):
        sizes = SizeMeasurement((4, 9), (0.5, 0.0), (0.0, 0.0), 100.0)
        state, decision = RULE.update(state, observed(epoch, state, kl, sizes))
    assert decision.code == "reopened"
    assert {*state.active} | {*state.removed} == set(range(25))


def test_dimensions_pruned_before_a_restart_stay_out_of_the_reserve():
    network = SimulatedNetwork(WORTHS)
    state = RULE.restart(RULE.init(12, 0), range(6))
    played = play(RULE, network, 60, state=state)
    assert played[-1][0].fixed_epoch is not None
    for state, _ in played:
        assert {*state.active} | {*state.removed} == set(range(6))


def test_a_collapse_while_measuring_is_no_answer():
    network = SimulatedNetwork(WORTHS)
    state, _ = play(RULE, network, 17)[-1]
    network.worth = {}
    played = play(RULE, network, 30, state=state, first=17)
    assert played[-1][0].fixed_epoch is None
    assert "collapsed" in {d.code for _, d in played}
