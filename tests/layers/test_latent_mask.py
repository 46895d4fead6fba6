import keras
import numpy as np
import pytest

from ald_keras import LatentMask


def test_all_dimensions_are_active_at_first():
    mask = LatentMask(5)
    assert mask.active_dims == 5
    np.testing.assert_array_equal(mask.active_indices, np.arange(5))


def test_masks_what_is_inactive_and_brings_it_back():
    mask, z = LatentMask(4), np.arange(8.0, dtype="float32").reshape(2, 4)
    mask.deactivate([1, 3])
    np.testing.assert_array_equal(mask(z), z * [1, 0, 1, 0])
    mask.activate([3])
    np.testing.assert_array_equal(mask(z), z * [1, 0, 1, 1])
    np.testing.assert_array_equal(mask.active_indices, [0, 2, 3])


def test_the_mask_is_one_weight_that_is_not_trained():
    mask = LatentMask(3)
    assert [weight.shape for weight in mask.weights] == [(3,)]
    assert mask.trainable_weights == []


def test_the_mask_stays_exact_in_half_precision():
    mask = LatentMask(3, dtype="mixed_float16")
    mask.deactivate([0])
    assert mask.mask.dtype == "float32"
    out = mask(np.full((1, 3), 7.0, "float16"))
    assert keras.backend.standardize_dtype(out.dtype) == "float16"
    np.testing.assert_array_equal(out, [[0, 7, 7]])
    out = mask(np.full((1, 3), 7.0, "float32"))
    assert keras.backend.standardize_dtype(out.dtype) == "float32"


@pytest.mark.parametrize("indices", [[3], [-1], [0, 0], [0.0], ["a"], [[0]], [True]])
def test_bad_indices_are_errors(indices):
    mask = LatentMask(3)
    with pytest.raises(ValueError, match="`indices`"):
        mask.deactivate(indices)
    assert mask.active_dims == 3


def test_indices_must_be_in_the_other_state():
    mask = LatentMask(3)
    with pytest.raises(ValueError, match="must be inactive now"):
        mask.activate([0])
    mask.deactivate([0])
    with pytest.raises(ValueError, match=r"must be active now.*\[0\]"):
        mask.deactivate([0, 1])


def test_the_last_dimension_cannot_be_removed():
    mask = LatentMask(2)
    with pytest.raises(ValueError, match="at least one"):
        mask.deactivate([0, 1])
    mask.deactivate([0])
    with pytest.raises(ValueError, match="at least one"):
        mask.deactivate([1])


@pytest.mark.parametrize("units", [0, -1, 1.5, "3", True, None])
def test_units_must_be_a_positive_integer(units):
    with pytest.raises(ValueError, match="`units`"):
        LatentMask(units)
