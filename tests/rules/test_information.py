"""The information rule, played in worlds whose right answer is known."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ald_keras.rules import Decision, InformationRule, InformationState, Observation
from ald_keras.rules.trend import Trend

RULE = InformationRule(max_loss_increase=1.0)


class World:
    """A network whose loss is that of an optimum plus what absent dimensions cost.

    Args:
        costs: Cost of each informative dimension in nats; its KL is 1 and a bit more
            the more it costs. All other dimensions are idle.
        n_dims: Dimensions at the start.
        noise: Standard deviation of an epoch's loss.
        fall: What training brings, in nats from the first epoch on.
        recovery: Nats that a removed dimension costs in the first epoch, beside its
            lasting cost.
        trained: Epochs that the network was trained before.
    """

    def __init__(
        self, costs, n_dims=16, noise=0.0, fall=0.0, recovery=0.1, seed=0, trained=0
    ):
        self.costs, self.n_dims, self.fall = costs, n_dims, fall
        self.noise, self.recovery = noise, recovery
        self.rng = np.random.default_rng(seed)
        order = self.rng.permutation(n_dims)
        self.place = {int(order[i]): cost for i, cost in enumerate(costs)}
        self.shocks, self.last = [], set(range(n_dims))
        self.age = self.trained = trained

    def kl(self, active):
        return [
            (1.0 + 0.1 * self.place[i] if i in self.place else 0.01) * (i in active)
            for i in range(self.n_dims)
        ]

    def loss(self, active):
        self.age += 1
        if active > self.last:  # brought back: the trial's epochs are undone
            self.age = self.shocks.pop()[1] + 1
        elif active < self.last:
            size = sum(i in self.place for i in self.last - active)
            self.shocks.append((size, self.age - 1))
        self.last = set(active)
        shock = sum(size / np.cbrt(self.age - at) for size, at in self.shocks)
        missing = sum(c for i, c in self.place.items() if i not in active)
        noise = self.noise * self.rng.standard_normal()
        trained = self.fall / np.cbrt(self.age)
        return 100.0 + trained + missing + self.recovery * shock + noise

    def observe(self, epoch, state):
        active = set(state.active)
        kl = self.kl(active)
        metrics = {
            "loss": self.loss(active),
            "silhouette": -0.01 * abs(len(active) - 3),
        }
        spread = [float(value > 0) for value in kl]
        return Observation(
            epoch,
            metrics,
            state.active,
            kl,
            mean_variance=spread,
            epochs_trained=self.trained + epoch + 1,
        )


def play(rule, world, epochs=150, state=None, first=0):
    state = rule.init(world.n_dims, 0) if state is None else state
    played = []
    for epoch in range(first, first + epochs):
        state, decision = rule.step(state, world.observe(epoch, state))
        played.append((state, decision))
    return played


def changes(played):
    return [d for _, d in played if d.action != "wait"]


def test_idle_dimensions_go_at_once_and_no_others():
    world = World([5.0] * 6)
    first, second = changes(play(RULE, world))[:2]
    idle = set(range(16)) - set(world.place)
    assert first.action == second.action == "prune"
    assert first.epoch == RULE.patience + RULE.window - 1
    # One and one in five informative ones stay in reserve until the trials begin.
    assert len(first.indices) == 10 - 2
    assert {*first.indices, *second.indices} == idle
    assert second.epoch == first.epoch + RULE.patience + RULE.window


def test_the_reserve_is_there_for_what_the_network_finds_late():
    world = World([5.0] * 6)
    late = min(world.place)
    state = RULE.init(16, 0)
    for epoch in range(80):
        seen = world.observe(epoch, state)
        kl = list(seen.kl)
        # The most informative of the idle ones until epoch 14, then on its way up.
        grown = 0.02 if epoch < 14 else min(0.03 * (epoch - 13), 1.0)
        kl[late] = grown * (late in seen.active)
        state, decision = RULE.step(state, dataclasses.replace(seen, kl=tuple(kl)))
        assert decision.action != "prune" or late not in decision.indices
    assert {*state.active, *state.trial} == set(world.place)


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


def test_what_has_come_back_is_not_idle():
    # Two weak dimensions come back among many; in their trial they told nothing.
    world = World([6.0] * 2 + [9.0] * 58, n_dims=60, recovery=0.0)
    weak = {i for i, cost in world.place.items() if cost == 6.0}
    state = dataclasses.replace(RULE.init(60, 0), step=2)
    restored = []
    for epoch in range(60):
        seen = world.observe(epoch, state)
        kl = [
            0.2 * (i in seen.active) if i in weak else v for i, v in enumerate(seen.kl)
        ]
        state, decision = RULE.step(state, dataclasses.replace(seen, kl=tuple(kl)))
        assert decision.action != "prune"
        if decision.action == "restore":
            restored.append(len(decision.indices))
    # Two at a time, then one, which fixes the size.
    assert restored == [2, 1]
    assert state.active == tuple(range(60))


def test_a_dimension_on_the_rise_is_not_idle():
    world = World([5.0] * 3, n_dims=5)
    late = next(i for i in range(5) if i not in world.place)
    state, pruned = RULE.init(5, 0), []
    for epoch in range(40):
        seen = world.observe(epoch, state)
        kl = list(seen.kl)
        kl[late] = min(0.012 * epoch, 1.5)
        seen = dataclasses.replace(seen, kl=tuple(kl), mean_variance=(1.0,) * 5)
        state, decision = RULE.step(state, seen)
        pruned += decision.indices if decision.action == "prune" else ()
    assert late not in pruned
    assert len(pruned) == 1


def test_means_that_do_not_vary_are_idle_whatever_the_kl():
    # Free bits put a floor under the KL.
    world = World([5.0] * 3, n_dims=6)
    state = RULE.init(6, 0)
    for epoch in range(30):
        seen = world.observe(epoch, state)
        spread = [1.0 if i in world.place else 0.001 for i in range(6)]
        active = set(state.active)
        kl = [0.7 * (i in active) for i in range(6)]
        spread = [s * (i in active) for i, s in enumerate(spread)]
        seen = dataclasses.replace(seen, kl=tuple(kl), mean_variance=tuple(spread))
        state, _ = RULE.step(state, seen)
    assert {*state.active, *state.trial} == set(world.place)


def test_what_was_seen_in_a_trial_that_is_undone_does_not_count():
    # Without two others the weak ones tell nothing, until the two come back.
    world = World([9.0] * 40, n_dims=40, recovery=0.0)
    state = dataclasses.replace(RULE.init(40, 0), step=2)
    restored = False
    for epoch in range(60):
        seen = world.observe(epoch, state)
        kl = [0.0 if state.trial and i >= 30 else v for i, v in enumerate(seen.kl)]
        before = state.information
        state, decision = RULE.step(state, dataclasses.replace(seen, kl=tuple(kl)))
        assert decision.action != "prune"
        if decision.action == "restore" and not restored:
            restored = True
            assert len(decision.indices) == 2
            assert state.information == before
            assert state.trial_information == ()
    assert restored
    assert state.active == tuple(range(40))


def test_the_state_stays_small():
    world = World([0.01] * 60 + [9.0] * 4, n_dims=64, fall=100.0)
    sizes = []
    for state, _ in play(RULE, world, epochs=400):
        assert len(state.losses) <= 2 * RULE.patience
        assert len(state.information) <= RULE.patience + RULE.window
        assert len(state.trial_information) <= RULE.patience + RULE.window
        sizes.append(len(json.dumps(state.to_dict())))
    assert max(sizes[40:]) < 2 * sizes[40]


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
    assert state.spent == played[drop - 1][0].spent == pytest.approx(0.5)
    assert played[-1][0].fixed_epoch is not None
    assert len(played[-1][0].active) == 3


def test_a_higher_learning_rate_starts_over_too():
    played = with_rates(World([5.0] * 3), [1e-3] * 5 + [2e-3] * 60)
    assert played[5][1].reason.startswith("The learning rate went from 0.001 to 0.002")
    assert len(played[-1][0].active) == 3


def test_the_budget_is_new_where_the_dimensions_are_others():
    state = dataclasses.replace(RULE.init(6, 0), spent=0.5, undone=6)
    assert RULE.restart(state, range(6)).spent == 0.5
    other = RULE.restart(state, range(5))
    assert (other.spent, other.undone) == (0.0, 6)


def quiet_state(gap):
    """Ten records without a change, `gap` nats above the trend."""
    return InformationState(
        0,
        4,
        range(4),
        epochs=range(11, 21),
        losses=[100.0 + gap] * 10,
        information=[(1.0, 2.0, 3.0, 4.0)] * 10,
        trend=Trend(100.0, 0.0),
        last_epoch=19,
    )


@pytest.mark.parametrize(("gap", "level"), [(-0.5, 99.5), (0.5, 100.0)])
def test_a_quiet_time_lowers_the_trend_but_never_raises_it(gap, level):
    seen = Observation(20, {"loss": 100.0 + gap}, range(4), (1.0, 2.0, 3.0, 4.0), {})
    seen = dataclasses.replace(seen, mean_variance=(1.0,) * 4)
    state, decision = RULE.step(quiet_state(gap), seen)
    assert decision.action == "try"
    assert state.trend.at(20) == pytest.approx(level)


def test_a_removal_that_helps_is_the_new_level():
    # Without the first the loss is half a nat lower, and that is no budget.
    state = play(RULE, World([-0.5, 1.2, 9.0, 9.0]))[-1][0]
    assert len(state.active) == 3


def test_a_percentage_is_of_the_loss_expected_now():
    rule = InformationRule(max_loss_increase="10%")
    world = World([8.0, 30.0, 40.0], fall=50.0, recovery=0.0)
    keep = next(d for d in changes(play(rule, world)) if d.action == "keep")
    allowed = 0.1 * (100.0 + 50.0 / np.cbrt(keep.epoch + 1))
    assert f"and {allowed:.3g} are allowed" in keep.reason


def test_epochs_that_are_undone_do_not_count():
    world = World([6.0] * 20, n_dims=20, recovery=0.0)
    state = dataclasses.replace(RULE.init(20, 0), step=2)
    played = play(RULE, world, state=state)
    at = next(i for i, (_, d) in enumerate(played) if d.action == "restore")
    restored, decision = played[at]
    assert len(decision.indices) == 2
    assert restored.undone == RULE.patience
    assert played[at + 1][1].action == "try"
    assert played[at + 2][0].epochs == (at + 3 - RULE.patience,)


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


def flickering(count, epochs=20):
    """Decisions where `count` of 44 informative dimensions change sides."""
    world = World([5.0] * 44, n_dims=64)
    weak = sorted(world.place)[:count]
    state, decisions = RULE.init(64, 0), []
    for epoch in range(epochs):
        seen = world.observe(epoch, state)
        kl = list(seen.kl)
        for i in weak:
            kl[i] = 0.3 if epoch % 12 < 6 else 0.05
        state, decision = RULE.step(state, dataclasses.replace(seen, kl=tuple(kl)))
        decisions.append(decision)
    return decisions


def test_one_in_twenty_may_change_sides():
    calm, uneasy = flickering(2), flickering(3)
    assert next(d.epoch for d in calm if d.action == "prune") == 9
    assert all(d.action == "wait" for d in uneasy[:11])
    assert "3 dimensions changed sides" in uneasy[9].reason
    # Those that told something six epochs before are not taken for idle.
    assert len(next(d for d in calm if d.action == "prune").indices) == 20 - 9


def test_idle_dimensions_may_stir():
    world = World([5.0] * 3, n_dims=6)
    state, pruned = RULE.init(6, 0), []
    for epoch in range(40):
        seen = world.observe(epoch, state)
        kl = [v if v > 0.1 or not v else 0.001 * (epoch + 1) for v in seen.kl]
        state, decision = RULE.step(state, dataclasses.replace(seen, kl=tuple(kl)))
        pruned += decision.indices if decision.action == "prune" else ()
    assert set(pruned) == set(range(6)) - set(world.place)


@pytest.mark.parametrize(("variance", "idle"), [(0.009, True), (0.011, False)])
def test_units_are_active_from_a_variance_of_a_hundredth(variance, idle):
    world = World([5.0] * 3, n_dims=4)
    free = next(i for i in range(4) if i not in world.place)
    seen = world.observe(0, RULE.init(4, 0))
    kl = tuple(1.0 for _ in range(4))
    spread = tuple(variance if i == free else 1.0 for i in range(4))
    seen = dataclasses.replace(seen, kl=kl, mean_variance=spread)
    state, _ = RULE.step(RULE.init(4, 0), seen)
    assert (state.information[0][free] == 0.0) == idle


def test_a_cost_that_grows_does_not_count_as_its_mean():
    world = World([0.0, 9.0, 9.0], recovery=0.0)
    state, kept = RULE.init(16, 0), []
    for epoch in range(60):
        seen = world.observe(epoch, state)
        since = state.trial_records + 1 if state.trial else 0
        metrics = {**seen.metrics, "loss": seen.metrics["loss"] + 0.3 * since}
        state, decision = RULE.step(state, dataclasses.replace(seen, metrics=metrics))
        kept.append(decision.action == "keep")
    # 1.05 nats on average, and 1.35 over the last four epochs.
    assert not any(kept)
    assert len(state.active) == 3


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


def leave_out(*parts):
    return dataclasses.replace(RULE, without=parts)


def test_without_a_reserve_all_idle_dimensions_go_at_once():
    first = changes(play(leave_out("reserve"), World([5.0] * 6)))[0]
    assert len(first.indices) == 10


def test_without_trials_only_idle_dimensions_go():
    world = World([0.001, 5.0, 6.0])
    state = play(leave_out("trials"), world)[-1][0]
    assert set(state.active) == set(world.place)
    assert state.fixed_epoch is not None
    assert not state.at_floor
    rule = dataclasses.replace(leave_out("trials"), min_dims=5)
    state = play(rule, World([5.0, 6.0]))[-1][0]
    assert len(state.active) == 5
    assert state.at_floor


def test_without_trials_what_rises_keeps_the_size_open():
    world = World([5.0] * 3, n_dims=4)
    late = next(i for i in range(4) if i not in world.place)
    rule, state = leave_out("trials"), RULE.init(4, 0)
    for epoch in range(30):
        seen = world.observe(epoch, state)
        rise = 0.055 + 0.001 * epoch
        kl = [rise if i == late else v for i, v in enumerate(seen.kl)]
        state, decision = rule.step(state, dataclasses.replace(seen, kl=tuple(kl)))
        assert decision.action == "wait"
    assert "1 dimension may yet become informative" in decision.reason


def test_without_restoring_the_edge_is_passed():
    played = play(leave_out("restoring"), World([5.0, 6.0, 7.0]))
    assert [d.action for d in changes(played)[2:]] == ["try", "keep"]
    assert "Nothing is brought back" in changes(played)[-1].reason
    assert len(played[-1][0].active) == 2
    assert played[-1][0].fixed_epoch is not None


def test_without_a_trend_training_pays_for_removals():
    world = World([0.8] * 4 + [9.0] * 2, fall=80.0)
    assert len(play(leave_out("trend"), world, epochs=300)[-1][0].active) < 5


def test_without_groups_one_is_tried_at_a_time():
    world = World([0.001] * 20 + [9.0] * 4, n_dims=64, recovery=0.0)
    played = changes(play(leave_out("groups"), world, epochs=300))
    assert {len(d.indices) for d in played if d.action == "try"} == {1}
    assert played[-1].active_dims == 4


def test_collapse_is_reported_and_nothing_removed():
    played = play(RULE, World([]))
    assert not changes(played)
    assert "would leave nothing" in played[-1][1].reason


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
        elif decision.action == "restore":
            # Nothing comes back but what was on trial.
            assert decision.indices == on_trial
            active |= set(decision.indices)
        assert tuple(sorted(active)) == state.active
        assert len(active) == decision.active_dims >= min_dims
        if fixed is not None:
            assert active == before
            assert state.fixed_epoch == fixed
        fixed, on_trial = state.fixed_epoch, state.trial


@settings(max_examples=25)
@given(st.integers(0, 70))
def test_a_state_goes_through_json_anywhere(at):
    def world():
        return World([0.3] * 3 + [4.0] * 3, noise=0.1, fall=1.0)

    whole = play(RULE, world(), epochs=90)
    replayed = world()
    state = None
    if at:
        state = play(RULE, replayed, epochs=at)[-1][0]
        state = RULE.state_from_dict(json.loads(json.dumps(state.to_dict())))
    rest = play(RULE, replayed, epochs=90 - at, state=state, first=at)
    assert [d for _, d in rest] == [d for _, d in whole[at:]]
    for decision in changes(rest):
        assert (
            Decision.from_dict(json.loads(json.dumps(decision.to_dict()))) == decision
        )


def test_a_restart_forgets_what_belongs_to_other_weights():
    state = play(RULE, World([5.0] * 3))[-1][0]
    assert state.fixed_epoch is not None
    again = RULE.restart(state, (1, 2, 5))
    assert again.active == (1, 2, 5)
    assert again.fixed_epoch is None
    assert not again.losses
    assert again.removals == state.removals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_loss_increase": "much"}, "`max_loss_increase` must be"),
        ({"max_loss_increase": -1}, "`max_loss_increase` must be above 0"),
        ({"max_loss_increase": 0}, "`max_loss_increase` must be above 0"),
        ({"max_loss_increase": "0%"}, "`max_loss_increase` must be above 0"),
        ({"without": "trend"}, "`without` must be a list"),
        ({"without": ("luck",)}, "`without` must be a list"),
        ({"without": None}, "`without` must be a list"),
        ({"without": [["trend"]]}, "`without` must be a list"),
        ({"max_loss_increase": "9" * 400 + "%"}, "above 0 and finite"),
        ({"idle_kl": -0.1}, "`idle_kl` must not be negative"),
        ({"patience": 2}, "`patience` must be an integer of at least 3"),
        ({"window": 7}, "`window` must not exceed `patience`"),
        ({"window": 0}, "`window` must be a positive integer"),
        ({"min_dims": 0}, "`min_dims` must be a positive integer"),
        ({"target": "fid"}, "`target` must be one of"),
        ({"selection": "best"}, "`selection` must be one of"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        InformationRule(**arguments)


def test_observations_must_follow_and_be_whole():
    world = World([5.0] * 3)
    state = RULE.init(16, 0)
    seen = world.observe(0, state)
    after, _ = RULE.step(state, seen)
    with pytest.raises(ValueError, match="must come after"):
        RULE.step(after, seen)
    with pytest.raises(ValueError, match="`mean_variance` must hold"):
        RULE.step(state, dataclasses.replace(seen, mean_variance=()))
    with pytest.raises(ValueError, match="call `restart`"):
        RULE.step(state, dataclasses.replace(seen, active=(0, 1)))
    with pytest.raises(ValueError, match="must hold 'loss'"):
        RULE.step(state, dataclasses.replace(seen, metrics={"silhouette": 0.0}))
    with pytest.raises(TypeError, match="`observation` must be"):
        RULE.step(state, "loss")
    with pytest.raises(TypeError, match="`state` must be"):
        RULE.step("state", seen)


def test_a_state_of_another_target_is_refused():
    clusters = dataclasses.replace(RULE, target="silhouette")
    state = play(clusters, World([5.0] * 3), epochs=4)[-1][0]
    assert clusters.state_from_dict(state.to_dict()) == state
    with pytest.raises(ValueError, match="same target"):
        RULE.state_from_dict(state.to_dict())
    with pytest.raises(ValueError, match="`trend`=5"):
        RULE.state_from_dict({**RULE.init(3, 0).to_dict(), "trend": 5})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trial": (0,)}, "`trial` must not be active"),
        ({"trial": (5,), "active": (0, 1)}, "`trial` must have a `trend`"),
        ({"epochs": (1, 2)}, "2 `epochs` and 0 `losses`"),
        ({"information": ((1.0,),)}, "`information` must hold 16"),
        ({"at_floor": True}, "`at_floor` while"),
        ({"at_floor": "no"}, "`at_floor`='no'"),
        ({"pruned": 1}, "`pruned`=1"),
        ({"silhouettes": (0.1,)}, "1 `silhouettes`, 0 `losses`"),
        ({"epochs": (2, 1), "losses": (1, 1)}, "`epochs` must be positive and"),
        ({"trial_information": ((0.0,) * 16,)}, "`trial_information` without"),
        ({"tails": ((1.0, 2.0, 3.0),)}, "`tails` must hold pairs"),
        ({"tails": ((-1.0, 2.0),)}, "`tails` must hold pairs"),
        ({"spent": -1.0}, "`spent`=-1.0"),
        ({"learning_rate": -1.0}, "`learning_rate`=-1.0"),
        ({"trend": 5.0}, "`trend`=5.0"),
        ({"best_silhouette": "good"}, "`best_silhouette` must be"),
    ],
)
def test_states_made_by_hand_must_agree(change, message):
    with pytest.raises(ValueError, match=message):
        InformationState(**{"seed": 0, "n_dims": 16, "active": range(16), **change})
