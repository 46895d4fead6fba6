"""The information rule without its parts."""

import dataclasses

from information_world import RULE, World, changes, play


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
