import numpy as np
import pytest

from ald_keras.datasets import load_dataset
from ald_keras.datasets.linear_gaussian import (
    count_significant_directions,
    draw_directions,
    load_linear_gaussian,
)

NAME = "linear_gaussian"


def all_samples(data):
    return np.concatenate([data.x_train, data.x_val, data.x_test])


def rows(x):
    return {row.tobytes() for row in x}


def test_sizes_and_absent_labels():
    data = load_dataset(NAME)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (4500, 500, 1000)
    assert data.data_shape == (50,)
    assert data.x_train.dtype == np.float32
    assert data.y_train is None
    small = load_dataset(NAME, n_features=9, samples=20, test_samples=3)
    assert (len(small.x_train), len(small.x_test)) == (18, 3)
    assert small.data_shape == (9,)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 7),
        ({"n_factors": 3}, 3),
        ({"n_factors": 1}, 1),
        ({"variances": [9.0, 4.0, 0.1, 6.0]}, 3),
        ({"variances": [0.2, 0.1]}, 0),
        ({"variances": [5.0] * 12, "n_features": 12}, 12),
    ],
)
def test_number_of_directions_is_that_of_the_construction(options, expected):
    for data_seed in range(3):
        data = load_dataset(NAME, data_seed=data_seed, **options)
        for x in (data.x_train, data.x_val, data.x_test):
            assert count_significant_directions(x) == expected


@pytest.mark.parametrize("n_features", [3, 6])
def test_covariance_is_that_of_the_model(n_features):
    variances = np.array([7.0, 3.0, 2.0])
    data = load_dataset(
        NAME,
        n_features=n_features,
        variances=variances.tolist(),
        noise_variance=0.3,
        samples=200_000,
        test_samples=2,
        data_seed=4,
    )
    x = all_samples(data).astype(np.float64)
    directions = draw_directions(n_features, 3, data_seed=4)
    expected = directions @ np.diag(variances) @ directions.T + 0.3 * np.eye(n_features)
    # Standard error of a sample covariance of Gaussian data (Isserlis).
    diagonal = np.diag(expected)
    error = np.sqrt((expected**2 + np.outer(diagonal, diagonal)) / len(x))
    assert (np.abs(np.cov(x.T) - expected) < 5 * error).all()
    assert (np.abs(x.mean(axis=0)) < 5 * np.sqrt(diagonal / len(x))).all()


def test_default_variances_are_a_geometric_ramp_above_the_noise():
    data = load_dataset(NAME, samples=100_000)
    directions = draw_directions(50, 7)
    found = np.var(all_samples(data) @ directions, axis=0) - 0.5
    np.testing.assert_allclose(found[[0, -1]], [25, 6.5], rtol=0.05)
    np.testing.assert_allclose(found[1:] / found[:-1], (6.5 / 25) ** (1 / 6), rtol=0.05)


def test_directions_are_orthonormal_and_stay_as_more_are_added():
    directions = draw_directions(20, 5, data_seed=1)
    np.testing.assert_allclose(directions.T @ directions, np.eye(5), atol=1e-12)
    more = draw_directions(20, 8, data_seed=1)
    np.testing.assert_allclose(more[:, :5], directions, atol=1e-12)
    other = draw_directions(20, 5, data_seed=2)
    assert not np.allclose(np.abs(other), np.abs(directions), atol=0.1)


def test_without_noise_samples_lie_in_the_plane_of_the_directions():
    data = load_dataset(NAME, noise_variance=0, samples=50, test_samples=5)
    directions = draw_directions(50, 7)
    x = all_samples(data)
    np.testing.assert_allclose(x @ directions @ directions.T, x, atol=1e-5)
    assert np.linalg.matrix_rank(x, tol=1e-4) == 7


def test_data_seed_decides_the_data_and_seed_only_the_split():
    first = load_dataset(NAME, samples=100)
    other_split = load_dataset(NAME, seed=1, samples=100)
    other_data = load_dataset(NAME, samples=100, data_seed=1)

    def training_part(data):
        return np.sort(np.concatenate([data.x_train, data.x_val]), axis=0)

    np.testing.assert_array_equal(training_part(first), training_part(other_split))
    assert not np.array_equal(first.x_val, other_split.x_val)
    np.testing.assert_array_equal(first.x_test, other_split.x_test)
    assert rows(other_data.x_test).isdisjoint(rows(first.x_test))


def test_parts_share_neither_factors_nor_noise():
    raw = load_linear_gaussian(None, samples=500, test_samples=500)
    directions = draw_directions(50, 7)
    factors, factors_test = raw.x @ directions, raw.x_test @ directions
    noise = raw.x - factors @ directions.T
    noise_test = raw.x_test - factors_test @ directions.T
    for first, second in [(factors, factors_test), (noise, noise_test)]:
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


def test_fewer_samples_are_the_first_of_more_and_leave_the_test_part():
    few, many = (load_dataset(NAME, samples=count, limit=40) for count in (40, 90))
    np.testing.assert_array_equal(few.x_train, many.x_train)
    np.testing.assert_array_equal(few.x_test, many.x_test)
    assert rows(few.x_train).isdisjoint(rows(few.x_test))


def test_count_against_singular_values():
    random = np.random.default_rng(0)
    x = random.standard_normal((30, 4, 3)) * random.uniform(0.3, 3, (4, 3))
    x += random.uniform(-100, 100, (4, 3))
    flat = x.reshape(30, 12)
    spread = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False) ** 2 / 30
    for variance in (0.05, 0.5, 1.0, 3.0, 1e6):
        expected = int((spread > variance).sum())
        assert count_significant_directions(x, variance) == expected
    assert 0 < int((spread > 1).sum()) < 12


def test_count_divides_by_the_number_of_samples():
    x = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert count_significant_directions(x, 0.999) == 1
    assert count_significant_directions(x, 1.001) == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_factors": 0}, "`n_factors` must be a positive integer"),
        (
            {"n_factors": 8, "n_features": 7},
            "`n_features` must be an integer of at least 8",
        ),
        ({"variances": []}, "`variances` must hold one number for each"),
        ({"variances": [1.0], "n_factors": 2}, "n_factors=2, 1 variances"),
        ({"variances": 3.0}, r"`variances` must be a list .*variances=3\.0"),
        ({"variances": "abc"}, "`variances` must be a list"),
        ({"variances": [2.0, 0.0]}, r"`variances` must be a finite number above 0"),
        ({"variances": [2.0, "a"]}, "Received: variances='a'"),
        (
            {"noise_variance": -1.0},
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


@pytest.mark.parametrize("x", [[], [1.0, 2.0], [[np.nan, 1.0]], np.zeros((3, 0))])
def test_count_of_something_else(x):
    with pytest.raises(ValueError, match="`x` must be a non-empty array"):
        count_significant_directions(x)


def test_count_with_a_bad_variance():
    with pytest.raises(ValueError, match="`variance` must be a finite number above 0"):
        count_significant_directions(np.eye(3), variance=0)
