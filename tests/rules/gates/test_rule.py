import dataclasses

import pytest

from ald_keras.rules import GateObservation, GateRule, GateState

TAU = 10.0


class World:
    """Gates of which some are needed; what training would give is made up."""

    def __init__(self, n_dims, needed, probabilities=None, information=None):
        self.n_dims, self.needed = n_dims, set(needed)
        likely = [0.99 if i in self.needed else 0.01 for i in range(n_dims)]
        self.probabilities = likely if probabilities is None else probabilities
        self.information = information or [1.0 + i for i in range(n_dims)]

    def error(self, active, since):
        """Without a needed dimension it stays above; else it comes down in an epoch."""
        if self.needed <= set(active):
            return TAU * (0.95 if since else 1.1)
        return TAU * 1.4

    def run(self, rule, epochs, met_at=3):
        state, decisions = rule.init(self.n_dims), []
        since = 0
        for epoch in range(epochs):
            fixed = state.phase in ("select", "trial", "done")
            p = [float(i in state.active) for i in range(self.n_dims)]
            seen = GateObservation(
                epoch,
                p if fixed else self.probabilities,
                self.information,
                self.error(state.active if fixed else range(self.n_dims), since),
                epoch >= met_at,
                1.0,
            )
            before = state.active
            state, decision = rule.update(state, seen)
            since = since + 1 if state.active == before else 0
            decisions.append(decision)
        return state, decisions


def actions(decisions):
    return [d.action for d in decisions if d.action != "wait"]


def rule(**changes):
    return GateRule(**{"tau": TAU, "patience": 4, "trial": 4, **changes})


def test_gates_that_training_has_decided_are_confirmed():
    state, decisions = World(6, {1, 4}).run(rule(), 60)
    assert (state.phase, state.active) == ("done", (1, 4))
    tries = ["try", "restore"] * 2
    assert actions(decisions) == ["prune", *tries, "stop"]
    # Nothing may close before the bound was met; then the number has to settle.
    first = next(d for d in decisions if d.action == "prune")
    assert (first.epoch, first.indices) == (3 + 5, (0, 2, 3, 5))
    stop = next(d for d in decisions if d.action == "stop")
    assert stop.epoch == state.fixed_epoch
    assert "without any of the 2 tried last it was not" in stop.reason


def test_one_that_hovers_is_tried_first_and_closed():
    p = [0.99, 0.5, 0.99, 0.01]
    state, decisions = World(4, {0, 2}, p, [1.0, 9.0, 2.0, 0.0]).run(rule(), 60)
    assert state.active == (0, 2)
    tried = [d.indices for d in decisions if d.action == "try"]
    assert tried[0] == (1,)
    assert actions(decisions)[:3] == ["prune", "try", "keep"]


def test_one_that_hovers_and_is_needed_comes_back():
    p = [0.99, 0.4, 0.99, 0.01]
    state, decisions = World(4, {0, 1, 2}, p).run(rule(attempts=1), 60)
    assert state.active == (0, 1, 2)
    assert actions(decisions) == ["prune", "try", "restore", "stop"]


def test_training_that_left_too_many_open_is_brought_down():
    p = [0.99] * 12
    information = [float(i % 7) for i in range(12)]
    world = World(12, {3, 5, 6}, p, information)
    state, decisions = world.run(rule(attempts=9), 400)
    assert state.active == (3, 5, 6)
    assert "prune" not in actions(decisions)
    groups = [len(d.indices) for d in decisions if d.action == "try"]
    assert max(groups) > 1  # not one by one all the way down


def test_training_that_shut_too_many_is_made_up_for():
    p = [0.99, 0.01, 0.03, 0.99]
    state, decisions = World(4, {0, 2, 3}, p).run(rule(), 80)
    assert state.active == (0, 2, 3)
    assert actions(decisions)[:2] == ["prune", "open"]
    assert next(d for d in decisions if d.action == "open").indices == (2,)


def test_a_bound_out_of_reach_opens_everything_and_says_so():
    world = World(3, {7}, [0.99, 0.01, 0.02])
    state, decisions = world.run(rule(epochs=100), 120)
    assert (state.phase, state.active) == ("select", (0, 1, 2))
    assert (state.fixed_epoch, "stop" in actions(decisions)) == (None, False)
    told = [d.reason for d in decisions if "with all gates open" in d.reason]
    assert "above the bound of 10 + 2 %" in told[0]
    # In words of its own after half of the epochs, also with gates shut.
    told = [d.epoch for d in decisions if "was not met in" in d.reason]
    assert told == [53]
    assert "the lowest error was 14" in decisions[53].reason


def looked(errors, information):
    """Decisions from where all gates are fixed and open."""
    n = len(information)
    state, made = dataclasses.replace(rule().init(n), phase="select"), []
    for epoch, error in enumerate(errors):
        seen = GateObservation(epoch, [1.0] * n, information, error, True, 1.0)
        state, decision = rule().update(state, seen)
        made.append(decision)
    return state, made


def test_an_excess_that_passes_is_no_end():
    _, made = looked([10.5] * 4 + [9.0] * 5, [1.0, 0.5, 2.0])
    assert next(d.indices for d in made if d.action == "try") == (1,)


def test_the_least_informative_goes_first_and_the_last_one_shut_opens_first():
    errors = [9.0] * 6 + [12.0] * 8
    state, made = looked(errors, [5.0, 0.3, 2.0, 0.1, 7.0, 1.0])
    changes = [(d.action, d.indices) for d in made if d.action != "wait"]
    assert changes == [
        ("try", (3,)),
        ("keep", ()),
        ("try", (1,)),
        ("keep", ()),
        ("open", (1,)),
    ]
    # The weights of the last epoch within the bound come back before a gate opens.
    assert [d.code for d in made[-8:]].index("roll_back") == 3
    assert (state.reopened, state.needed, state.shut) == ((1,), (), (3,))
    # It is not closed again at once, nor does it count as tried.
    state, made = looked([9.0], [5.0, 0.3, 2.0])
    state = dataclasses.replace(state, phase="select", active=(0, 1, 2), trial=())
    state = dataclasses.replace(state, reopened=(1,))
    seen = GateObservation(1, [1.0] * 3, [5.0, 0.3, 2.0], 9.0, True, 1.0)
    assert rule().update(state, seen)[1].indices == (2,)


def test_a_bound_that_is_never_met_closes_nothing():
    state, decisions = World(3, {0}).run(rule(), 120, met_at=10**6)
    assert (state.phase, state.active) == ("reach", (0, 1, 2))
    assert actions(decisions) == []
    told = [d.epoch for d in decisions if "not met in" in d.reason]
    assert told == [49, 99]
    assert "the lowest error was 9.5" in decisions[49].reason


def test_without_any_likely_gate_the_likeliest_stays():
    state, _ = World(3, set(), [0.01, 0.03, 0.02]).run(rule(), 40)
    assert state.active == (1,)


def test_narrowing_ends_when_the_epochs_run_out():
    n = 10
    patient = rule(epochs=100, patience=15)
    state = patient.init(n)
    for epoch in range(80):
        # One more gate closes all the time.
        p = [0.99 if i > epoch / 10 else 0.3 for i in range(n)]
        seen = GateObservation(epoch, p, [1.0] * n, 9.0, True, 1.0)
        state, _ = patient.update(state, seen)
        if state.phase != "narrow":
            break
    assert epoch == 59


@pytest.mark.parametrize(
    ("errors", "multipliers", "last"),
    [
        # With a patience of 4: 4 epochs after the first one of narrowing.
        ([9.0] * 20, [1.0] * 20, 5),
        # More than halved in 4 epochs up to epoch 8.
        ([9.0] * 20, [100.0 * 0.8 ** min(e, 8) for e in range(20)], 9),
        # Above the bound on average of 4 epochs up to epoch 7.
        ([12.0] * 6 + [9.9] * 14, [1.0] * 20, 9),
        ([10.4, 9.9] * 10, [1.0] * 20, 5),
    ],
)
def test_gates_have_settled_once_error_and_multiplier_have(errors, multipliers, last):
    state, p = rule().init(2), [0.99, 0.97]
    for epoch, (error, multiplier) in enumerate(zip(errors, multipliers, strict=True)):
        seen = GateObservation(epoch, p, [1.0] * 2, error, True, multiplier)
        state, _ = rule().update(state, seen)
        if state.phase == "select":
            break
    assert epoch == last
    assert (state.multipliers, state.errors) == ((), ())


def test_many_likely_gates_that_are_undecided_do_not_go_one_by_one():
    p = [0.94] * 16
    state, decisions = World(16, {3, 5}, p).run(rule(attempts=9), 400)
    assert state.active == (3, 5)
    groups = [len(d.indices) for d in decisions if d.action == "try"]
    assert groups[:3] == [1, 2, 3]


def test_a_single_good_epoch_is_not_enough():
    errors = iter([12.0, 9.0, 12.4, 12.6])
    state = dataclasses.replace(
        rule().init(3), phase="trial", active=(0, 1), trial=(2,)
    )
    seen = [
        GateObservation(e, [1.0, 1.0, 0.0], [1.0] * 3, next(errors), True, 1.0)
        for e in range(4)
    ]
    made = []
    for observation in seen:
        state, decision = rule().update(state, observation)
        made.append(decision.action)
    assert made == ["wait", "wait", "wait", "restore"]


def test_an_error_that_is_about_to_get_there_has_twice_the_time():
    state = dataclasses.replace(
        rule().init(3), phase="trial", active=(0, 1), trial=(2,)
    )
    made = []
    for epoch in range(8):
        error = 13.0 - 0.45 * epoch  # at most 10.2 in the eighth epoch
        seen = GateObservation(epoch, [1.0, 1.0, 0.0], [1.0] * 3, error, True, 1.0)
        state, decision = rule().update(state, seen)
        made.append(decision.action)
    assert made[:7] == ["wait"] * 7
    assert state.phase == "select"


def test_a_trial_that_was_ended_from_outside():
    state = dataclasses.replace(
        rule().init(3), phase="trial", active=(0, 1), trial=(2,), errors=(12.0,)
    )
    state = rule().restart(state, (0, 1, 2))
    assert (state.phase, state.active, state.trial) == ("select", (0, 1, 2), ())


def test_what_was_shut_may_be_open_again_when_weights_are_restored():
    state = dataclasses.replace(
        rule().init(4), phase="select", active=(0,), shut=(3, 1, 2)
    )
    state = rule().restart(state, (0, 1))
    assert (state.active, state.shut) == ((0, 1), (3, 2))


def test_nothing_is_changed_in_place():
    before = rule().init(4)
    copy = dataclasses.replace(before)
    rule().update(before, GateObservation(0, [0.9] * 4, [1.0] * 4, 11.0, False, 1.0))
    assert before == copy
    with pytest.raises(AttributeError):
        before.phase = "done"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"tau": 0.0}, "tau"),
        ({"tau": float("inf")}, "tau"),
        ({"tolerance": -0.1}, "tolerance"),
        ({"closed": 1.0}, "closed"),
        ({"patience": 0}, "patience"),
        ({"trial": 1}, "trial"),
        ({"attempts": True}, "attempts"),
        ({"epochs": 0}, "epochs"),
    ],
)
def test_wrong_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: "):
        GateRule(**{"tau": TAU, **arguments})


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"probabilities": (0.5,)}, "probabilities"),
        ({"information": (0.5,)}, "information"),
    ],
)
def test_an_observation_of_another_number_of_gates(arguments, name):
    seen = {"probabilities": (0.5,) * 3, "information": (0.1,) * 3, **arguments}
    seen |= {"error": 1.0, "satisfied": True, "multiplier": 1.0}
    with pytest.raises(ValueError, match=f"`{name}` must hold a value for each of 3"):
        rule().update(rule().init(3), GateObservation(0, **seen))


def test_wrong_observations_and_states():
    with pytest.raises(ValueError, match=r"`probabilities` must lie in \[0, 1\]"):
        GateObservation(0, (1.5,), (0.0,), 1.0, True, 1.0)
    with pytest.raises(ValueError, match="`error` must be a finite number"):
        GateObservation(0, (0.5,), (0.0,), float("nan"), True, 1.0)
    with pytest.raises(ValueError, match="`phase` must be one of"):
        GateState(3, (0,), phase="end")
    with pytest.raises(ValueError, match="`active` must name at least one"):
        GateState(3, (0, 1), trial=(1,))


def test_the_margin_follows_validation_and_is_bounded():
    margin = 0.0
    for gap, expected in ((1.0, 0.55), (1.0, 0.825), (-3.0, 0.4125), (900.0, 3.95625)):
        margin = GateRule(10.0).margin(margin, gap)
        assert margin == pytest.approx(expected)
