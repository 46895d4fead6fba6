import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ald_keras.datasets.splits import split_test, split_validation


@pytest.mark.parametrize("split", [split_validation, split_test])
@given(
    n=st.integers(2, 500), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**40)
)
def test_parts_are_disjoint_complete_and_of_the_asked_size(split, n, fraction, seed):
    size = round(n * fraction)
    if not 0 < size < n:
        with pytest.raises(ValueError, match="at least one sample on each side"):
            split(n, fraction, seed)
        return
    kept, held_out = split(n, fraction, seed)
    assert len(held_out) == size
    assert sorted([*kept, *held_out]) == list(range(n))
    again = split(n, fraction, seed)
    np.testing.assert_array_equal(again[0], kept)
    np.testing.assert_array_equal(again[1], held_out)


@pytest.mark.parametrize("split", [split_validation, split_test])
def test_another_seed_gives_another_split(split):
    assert set(split(1000, 0.1, 0)[1]) != set(split(1000, 0.1, 1)[1])


def test_the_two_splits_are_independent():
    overlap = np.intersect1d(
        split_validation(1000, 0.5, 3)[1], split_test(1000, 0.5, 3)[1]
    )
    # Hypergeometric: mean 250, standard deviation 7.9.
    assert 210 < len(overlap) < 290


def test_training_part_beside_a_test_split_is_a_fair_sample_from_the_start():
    labels = np.repeat(np.arange(10), 100)
    kept, _ = split_test(1000, 0.1, 0)
    assert set(labels[kept[:100]]) == set(range(10))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_fraction_outside_the_open_interval(fraction):
    with pytest.raises(
        ValueError, match="`val_fraction` must be a finite number above 0"
    ):
        split_validation(100, fraction, 0)


@pytest.mark.parametrize("fraction", ["0.1", True, None])
def test_fraction_that_is_no_number(fraction):
    with pytest.raises(TypeError, match="`test_fraction` must be a finite number"):
        split_test(100, fraction, 0)
