import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ald_keras.rules import SELECTIONS, select_dims

KL = (3.0, 0.0, 0.5, 0.0, 2.0, 0.5)


@pytest.mark.parametrize(
    ("active", "count", "expected"),
    [
        ((0, 2, 4, 5), 1, (2,)),
        ((0, 2, 4, 5), 2, (2, 5)),
        ((0, 2, 4, 5), 3, (2, 4, 5)),
        ((0, 1, 2, 3, 4, 5), 1, (1,)),
        ((0, 4), 1, (4,)),
    ],
)
def test_kl_takes_the_smallest_with_ties_by_lowest_index(active, count, expected):
    assert select_dims("kl", active, KL, count, (0,)) == expected


def test_last_takes_the_highest_indices():
    assert select_dims("last", (0, 2, 4, 5), KL, 2, (0,)) == (4, 5)


@given(
    selection=st.sampled_from(list(SELECTIONS)),
    active=st.sets(st.integers(0, 40), min_size=1),
    seed=st.tuples(st.integers(0, 2**70), st.integers(0, 100)),
    data=st.data(),
)
def test_takes_so_many_distinct_active_dimensions(selection, active, seed, data):
    active = tuple(sorted(active))
    count = data.draw(st.integers(1, len(active)))
    kl = data.draw(st.lists(st.floats(0, 9), min_size=41, max_size=41))
    chosen = select_dims(selection, active, kl, count, seed)
    assert len(set(chosen)) == count
    assert set(chosen) <= set(active)
    assert chosen == tuple(sorted(chosen))
    assert chosen == select_dims(selection, active, kl, count, seed)
    assert {type(index) for index in chosen} == {int}


def test_random_draw_is_uniform():
    draws = [
        select_dims("random", range(5), (), 2, (seed, 0))[:] for seed in range(4000)
    ]
    counts = collections.Counter(index for draw in draws for index in draw)
    # Binomial(4000, 2/5) has a standard deviation of 31.
    assert all(abs(counts[index] - 1600) < 155 for index in range(5))


def test_either_part_of_the_seed_changes_the_draw():
    draws = {
        select_dims("random", range(64), (), 5, (seed, removal))
        for seed in range(5)
        for removal in range(5)
    }
    assert len(draws) == 25


@pytest.mark.parametrize("count", [0, -1, 4])
def test_bad_count(count):
    with pytest.raises(ValueError, match="`count`"):
        select_dims("kl", (0, 1, 2), KL, count, (0,))


def test_unknown_selection():
    with pytest.raises(ValueError, match="`selection` must be one of.*'first'"):
        select_dims("first", (0, 1, 2), KL, 1, (0,))
