"""The information rule on idle dimensions."""

import dataclasses

import pytest
from information_world import RULE, World, changes, play


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


def test_collapse_is_reported_and_nothing_removed():
    played = play(RULE, World([]))
    assert not changes(played)
    assert "would leave nothing" in played[-1][1].reason


def test_what_turns_idle_after_trials_have_begun_leaves_their_records():
    # Ten that cost nothing tell something until epoch 14.
    world = World([0.4] * 14 + [0.0] * 10, n_dims=24, recovery=0.0)
    fading = [i for i, cost in world.place.items() if cost == 0.0]
    state, played = RULE.init(24, 0), []
    for epoch in range(120):
        seen = world.observe(epoch, state)
        kl = list(seen.kl)
        for i in fading:
            kl[i] *= 0.01 if epoch >= 14 else 3.0
        played.append(RULE.step(state, dataclasses.replace(seen, kl=tuple(kl))))
        state = played[-1][0]
    actions = [d.action for d in changes(played)]
    assert "prune" in actions[actions.index("keep") :]
    assert sum(world.place[i] for i in set(world.place) - {*state.active}) == 0.8
    assert len(state.active) == 12
