import numpy as np
import pytest

from ald_keras.datasets import load_dataset
from ald_keras.datasets.linear_gaussian import count_significant_directions
from ald_keras.datasets.rare_factors import draw_rare_directions, load_rare_factors

NAME = "rare_factors"


def rows(x):
    return {row.tobytes() for row in x}


def moved_by_rare_factors(x):
    """Which samples without noise have a part along the rare directions."""
    _, rare, _ = draw_rare_directions()
    return np.linalg.norm(x @ rare, axis=1) > 1e-4


def test_sizes_and_absent_labels():
    data = load_dataset(NAME)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (4500, 500, 1000)
    assert data.data_shape == (60,)
    assert data.x_train.dtype == np.float32
    assert data.y_train is None
    small = load_dataset(NAME, n_features=6, samples=20, test_samples=3)
    assert (len(small.x_train), len(small.x_test)) == (18, 3)
    assert small.data_shape == (6,)


def test_directions_are_orthonormal():
    common, rare, apart = draw_rare_directions(4, 2, 7, data_seed=1)
    assert (common.shape, rare.shape, apart.shape) == ((7, 4), (7, 2), (7,))
    axes = np.column_stack([common, rare, apart])
    np.testing.assert_allclose(axes.T @ axes, np.eye(7), atol=1e-12)
    other, _, _ = draw_rare_directions(4, 2, 7, data_seed=2)
    assert not np.allclose(np.abs(other), np.abs(common), atol=0.1)


def test_directions_stay_as_rare_ones_are_added():
    few, many = draw_rare_directions(3, 2), draw_rare_directions(3, 4)
    np.testing.assert_allclose(many[0], few[0], atol=1e-12)
    np.testing.assert_allclose(many[1][:, :2], few[1], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, 5), ({"n_common": 1, "n_rare": 3}, 4), ({"shift": 6.0}, 6)],
)
def test_number_of_linear_directions(options, expected):
    for data_seed in range(3):
        raw = load_rare_factors(None, data_seed=data_seed, **options)
        assert count_significant_directions(raw.x) == expected
        assert count_significant_directions(raw.x_test) == expected


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_covariance_is_that_of_the_model(shift):
    raw = load_rare_factors(
        None, n_features=7, samples=200_000, rare_share=0.3, scale=2.0, shift=shift
    )
    common, rare, apart = draw_rare_directions(n_features=7)
    expected = 4 * common @ common.T + 0.3 * 4 * rare @ rare.T + 0.5 * np.eye(7)
    expected += 0.3 * 0.7 * shift**2 * np.outer(apart, apart)
    np.testing.assert_allclose(np.cov(raw.x.T), expected, atol=0.1)
    np.testing.assert_allclose(raw.x.mean(axis=0), 0.3 * shift * apart, atol=0.05)


@pytest.mark.parametrize("rare_share", [0.15, 0.6])
def test_rare_factors_move_their_share_of_the_samples(rare_share):
    raw = load_rare_factors(
        None, rare_share=rare_share, noise_variance=0, samples=20_000, shift=6.0
    )
    common, rare, apart = draw_rare_directions()
    on = moved_by_rare_factors(raw.x)
    error = np.sqrt(rare_share * (1 - rare_share) / len(on))
    assert abs(on.mean() - rare_share) < 5 * error
    # Both along a direction of its own, and by the factors.
    np.testing.assert_allclose(raw.x @ apart, 6.0 * on, atol=1e-4)
    np.testing.assert_allclose(np.std(raw.x[on] @ rare, axis=0), 4, rtol=0.06)
    for samples in (raw.x[on], raw.x[~on]):
        np.testing.assert_allclose(np.std(samples @ common, axis=0), 4, rtol=0.06)
    axes = np.column_stack([common, rare, apart])
    np.testing.assert_allclose(raw.x @ axes @ axes.T, raw.x, atol=1e-4)


def test_a_share_of_one_moves_every_sample():
    raw = load_rare_factors(None, rare_share=1, noise_variance=0, samples=500)
    assert moved_by_rare_factors(raw.x).all()


def test_shift_and_share_leave_the_rest_of_the_samples():
    plain, shifted, often = (
        load_rare_factors(None, samples=400, noise_variance=0, **options)
        for options in ({}, {"shift": 6.0}, {"rare_share": 0.5})
    )
    on, more = moved_by_rare_factors(plain.x), moved_by_rare_factors(often.x)
    np.testing.assert_array_equal(plain.x[~on], shifted.x[~on])
    _, _, apart = draw_rare_directions()
    np.testing.assert_allclose(
        (shifted.x - plain.x)[on], np.tile(6 * apart, (on.sum(), 1)), atol=1e-5
    )
    assert more[on].all()
    np.testing.assert_array_equal(plain.x[on | ~more], often.x[on | ~more])


def test_noise_has_the_variance_asked_for():
    clean, noisy = (
        load_rare_factors(None, n_features=20, noise_variance=variance).x
        for variance in (0, 0.25)
    )
    noise = noisy - clean
    np.testing.assert_allclose(np.cov(noise.T), 0.25 * np.eye(20), atol=0.03)


def test_data_seed_decides_the_data_and_seed_only_the_split():
    first, other_split, other_data = (
        load_dataset(NAME, samples=100, **seeds)
        for seeds in ({}, {"seed": 1}, {"data_seed": 1})
    )
    np.testing.assert_array_equal(first.x_test, other_split.x_test)
    assert not np.array_equal(first.x_val, other_split.x_val)
    assert rows(other_data.x_test).isdisjoint(rows(first.x_test))


def test_parts_share_neither_factors_nor_noise():
    options = {"samples": 500, "test_samples": 500, "rare_share": 1}
    raw = load_rare_factors(None, **options)
    clean = load_rare_factors(None, noise_variance=0, **options)
    common, rare, _ = draw_rare_directions()
    pairs = [
        (clean.x @ common, clean.x_test @ common),
        (clean.x @ rare, clean.x_test @ rare),
        (raw.x - clean.x, raw.x_test - clean.x_test),
    ]
    for first, second in pairs:
        correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(first.size)


def test_parts_differ_in_which_samples_the_rare_factors_move():
    raw = load_rare_factors(
        None, samples=500, test_samples=500, rare_share=0.5, noise_variance=0
    )
    on, on_test = moved_by_rare_factors(raw.x), moved_by_rare_factors(raw.x_test)
    assert 0.3 < (on == on_test).mean() < 0.7


def test_fewer_samples_are_the_first_of_more_and_leave_the_test_part():
    few, many = (load_dataset(NAME, samples=count, limit=40) for count in (40, 90))
    np.testing.assert_array_equal(few.x_train, many.x_train)
    np.testing.assert_array_equal(few.x_test, many.x_test)
    assert rows(few.x_train).isdisjoint(rows(few.x_test))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_common": 0}, "`n_common` must be a positive integer"),
        ({"n_rare": 0}, "`n_rare` must be a positive integer"),
        ({"n_features": 5}, "`n_features` must be an integer of at least 6"),
        ({"rare_share": 0.0}, "`rare_share` must be a finite number above 0 and of"),
        ({"rare_share": 1.1}, "`rare_share` must be a finite number above 0 and of"),
        ({"shift": -1.0}, r"`shift` must be a finite number of at least 0"),
        ({"scale": 0.0}, r"`scale` must be a finite number above 0"),
        (
            {"noise_variance": -0.1},
            r"`noise_variance` must be a finite number of at least 0",
        ),
        ({"samples": 0}, "`samples` must be a positive integer"),
        ({"test_samples": 2.0}, "`test_samples` must be a positive integer"),
        ({"data_seed": -1}, "`data_seed` must be a non-negative integer"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        load_dataset(NAME, **options)
