import numpy as np
import pytest

from ald_keras.datasets import load_dataset
from ald_keras.datasets.clustered_factors import draw_clusters, load_clustered_factors
from ald_keras.datasets.linear_gaussian import count_significant_directions

NAME = "clustered_factors"


def rows(x):
    return {row.tobytes() for row in x}


def test_sizes_and_labels():
    data = load_dataset(NAME)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (4500, 500, 1000)
    assert data.data_shape == (60,)
    assert data.x_train.dtype == np.float32
    assert data.y_train.dtype == np.int64
    assert data.n_classes == 6
    assert data.class_names == ("0", "1", "2", "3", "4", "5")
    small = load_dataset(NAME, n_features=9, samples=20, test_samples=3)
    assert (len(small.x_train), len(small.x_test)) == (18, 3)
    assert small.data_shape == (9,)


def test_clusters_are_about_equally_frequent():
    raw = load_clustered_factors(None, samples=60_000)
    counts = np.bincount(raw.y, minlength=6)
    # Five standard deviations of a binomial count.
    assert (np.abs(counts - 10_000) < 5 * np.sqrt(60_000 * 5 / 36)).all()


def test_a_cluster_without_a_sample_keeps_its_number():
    data = load_dataset(NAME, n_clusters=40, samples=20, test_samples=5)
    assert data.n_classes == 40
    raw = load_clustered_factors(None, n_clusters=40, samples=20, test_samples=5)
    np.testing.assert_array_equal(data.y_test, raw.y_test)


@pytest.mark.parametrize(
    "options",
    [{}, {"n_clusters": 2, "n_factors": 4, "n_features": 12, "separation": 3.0}],
)
def test_centres_and_directions(options):
    centres, directions = draw_clusters(**options, data_seed=1)
    n_clusters, n_factors, n_features = directions.shape
    assert centres.shape == (n_clusters, n_features)
    lengths = np.linalg.norm(centres, axis=1)
    np.testing.assert_allclose(lengths, options.get("separation", 12.0))
    for each in directions:
        np.testing.assert_allclose(each @ each.T, np.eye(n_factors), atol=1e-12)
    others, turned = draw_clusters(**options, data_seed=2)
    assert not np.allclose(centres, others, atol=0.1)
    assert not np.allclose(np.abs(directions), np.abs(turned), atol=0.1)


def test_clusters_stay_as_more_are_added():
    few, many = draw_clusters(2), draw_clusters(5)
    np.testing.assert_allclose(many[0][:2], few[0], atol=1e-12)
    np.testing.assert_allclose(many[1][:2], few[1], atol=1e-12)


def test_each_cluster_has_its_centre_and_covariance():
    raw = load_clustered_factors(
        None, n_clusters=3, n_features=8, samples=120_000, scale=2.0, data_seed=4
    )
    centres, directions = draw_clusters(3, 3, 8, data_seed=4)
    for cluster in range(3):
        x = raw.x[raw.y == cluster].astype(np.float64)
        expected = 4.0 * directions[cluster].T @ directions[cluster] + 0.5 * np.eye(8)
        # Standard error of a sample covariance of Gaussian data (Isserlis).
        diagonal = np.diag(expected)
        error = np.sqrt((expected**2 + np.outer(diagonal, diagonal)) / len(x))
        assert (np.abs(np.cov(x.T) - expected) < 5 * error).all()
        mean_error = np.sqrt(diagonal / len(x))
        assert (np.abs(x.mean(axis=0) - centres[cluster]) < 5 * mean_error).all()


@pytest.mark.parametrize("data_seed", range(3))
def test_linear_directions_of_all_samples_are_more_than_those_of_a_cluster(data_seed):
    raw = load_clustered_factors(None, data_seed=data_seed)
    assert count_significant_directions(raw.x) > 18
    for cluster in range(6):
        assert count_significant_directions(raw.x[raw.y == cluster], 2.0) == 3


def test_without_noise_samples_lie_in_the_planes_of_their_clusters():
    raw = load_clustered_factors(None, noise_variance=0, samples=50, test_samples=5)
    centres, directions = draw_clusters()
    for x, cluster in zip(raw.x, raw.y, strict=True):
        moved = x - centres[cluster]
        plane = directions[cluster]
        np.testing.assert_allclose(moved @ plane.T @ plane, moved, atol=1e-5)


def test_data_seed_decides_the_data_and_seed_only_the_split():
    first, other_split, other_data = (
        load_dataset(NAME, samples=100, **seeds)
        for seeds in ({}, {"seed": 1}, {"data_seed": 1})
    )
    np.testing.assert_array_equal(first.x_test, other_split.x_test)
    np.testing.assert_array_equal(first.y_test, other_split.y_test)
    assert not np.array_equal(first.x_val, other_split.x_val)
    assert rows(other_data.x_test).isdisjoint(rows(first.x_test))


def test_parts_share_neither_clusters_nor_factors_nor_noise():
    raw = load_clustered_factors(None, samples=600, test_samples=600)
    clean = load_clustered_factors(
        None, samples=600, test_samples=600, noise_variance=0
    )
    centres, directions = draw_clusters()

    def factors(x, y):
        return np.einsum("nd,nfd->nf", x - centres[y], directions[y])

    pairs = [
        (raw.y, raw.y_test),
        (factors(clean.x, clean.y), factors(clean.x_test, clean.y_test)),
        (raw.x - clean.x, raw.x_test - clean.x_test),
    ]
    for first, second in pairs:
        correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(first.size)


def test_fewer_samples_are_the_first_of_more_and_leave_the_test_part():
    few, many = (load_dataset(NAME, samples=count, limit=40) for count in (40, 90))
    np.testing.assert_array_equal(few.x_train, many.x_train)
    np.testing.assert_array_equal(few.y_train, many.y_train)
    np.testing.assert_array_equal(few.x_test, many.x_test)
    assert rows(few.x_train).isdisjoint(rows(few.x_test))


def test_noise_and_scale_leave_the_clusters_and_factors():
    first, wide, clean = (
        load_clustered_factors(None, samples=30, test_samples=1, **options)
        for options in ({}, {"scale": 8.0}, {"noise_variance": 0})
    )
    np.testing.assert_array_equal(first.y, wide.y)
    centres, _ = draw_clusters()
    # Twice the moves, the same noise.
    np.testing.assert_allclose(
        wide.x - first.x, clean.x - centres[first.y], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_clusters": 0}, "`n_clusters` must be a positive integer"),
        ({"n_factors": 0}, "`n_factors` must be a positive integer"),
        (
            {"n_factors": 4, "n_features": 3},
            "`n_features` must be an integer of at least 4",
        ),
        ({"separation": -1.0}, r"`separation` must be a finite number of at least 0"),
        ({"scale": 0.0}, r"`scale` must be a finite number above 0"),
        (
            {"noise_variance": -0.1},
            r"`noise_variance` must be a finite number of at least 0",
        ),
        ({"samples": 0}, "`samples` must be a positive integer"),
        ({"test_samples": True}, "`test_samples` must be a positive integer"),
        ({"data_seed": 0.5}, "`data_seed` must be a non-negative integer"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        load_dataset(NAME, **options)
