import keras
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import silhouette_score

from ald_keras.metrics import silhouette


def blobs(std=0.05, samples=200, width=6, seed=0):
    centers = 4
    return make_blobs(
        samples, width, centers=centers, cluster_std=std, random_state=seed
    )[0]


@pytest.mark.parametrize("n_clusters", [2, 4, 7])
@pytest.mark.parametrize("std", [0.5, 5.0])
def test_is_scikit_learns_score_of_its_kmeans(std, n_clusters):
    z = blobs(std)
    labels = KMeans(n_clusters, n_init=10, random_state=3).fit(z).labels_
    expected = silhouette_score(z, labels)
    assert silhouette(z, n_clusters, seed=3) == pytest.approx(expected, abs=1e-9)


def test_a_hand_made_score():
    # Of each pair: own neighbour at 1, the other pair at 10 and 11, or 9 and 10.
    outer, inner = 1 - 1 / 10.5, 1 - 1 / 9.5
    score = silhouette([[0.0], [1.0], [10.0], [11.0]], 2, seed=0)
    assert score == pytest.approx((outer + inner) / 2)


def test_ideal_codes_score_near_one_and_noise_near_zero():
    noise = np.random.default_rng(0).standard_normal((500, 64))
    assert silhouette(blobs(0.01), 4, seed=0) > 0.99
    assert -0.05 < silhouette(noise, 10, seed=0) < 0.05


def test_duplicated_codes_score_one():
    z = np.repeat(np.eye(5), 20, axis=0)
    assert silhouette(z, 5, seed=0) == pytest.approx(1.0)


def test_dimensions_without_information_lower_the_score():
    z = blobs(0.5)
    noise = np.random.default_rng(0).standard_normal((len(z), 50)) * 3
    noisy = silhouette(np.hstack([z, noise]), 4, seed=0)
    assert noisy < silhouette(z, 4, seed=0) - 0.2


def test_pruned_dimensions_do_not_matter():
    z = blobs(3.0)
    padded = np.hstack([z, np.zeros((len(z), 20))])
    assert silhouette(padded, 4, seed=0) == pytest.approx(silhouette(z, 4, seed=0))


@pytest.mark.parametrize(("shift", "scale"), [(1e7, 1.0), (0.0, 1e-160), (0.0, 1e160)])
def test_shift_and_scale_do_not_matter(shift, scale):
    z = blobs(3.0)
    moved = silhouette(z * scale + shift, 4, seed=0)
    assert moved == pytest.approx(silhouette(z, 4, seed=0), abs=1e-6)


def test_same_seed_same_score_and_the_input_is_left_alone():
    z = np.random.default_rng(1).standard_normal((300, 16)).astype("float32")
    before = z.copy()
    assert silhouette(z, 10, seed=5) == silhouette(z, 10, seed=5)
    assert len({silhouette(z, 10, seed=seed) for seed in range(5)}) > 1
    np.testing.assert_array_equal(z, before)


def test_tensors_are_accepted():
    z = blobs(1.0).astype("float32")
    tensor = keras.ops.convert_to_tensor(z)
    assert silhouette(tensor, 4, seed=0) == silhouette(z, 4, seed=0)


def test_as_many_clusters_as_the_score_allows():
    z = np.arange(6.0)[:, None] ** 2
    assert -1.0 <= silhouette(z, 5, seed=0) <= 1.0
    with pytest.raises(ValueError, match="6 samples, n_clusters=6"):
        silhouette(z, 6, seed=0)


@pytest.mark.parametrize(
    ("z", "distinct"),
    [
        (np.full((50, 8), 0.1), 1),
        (np.zeros((50, 8)), 1),
        (np.repeat(np.eye(4), 10, axis=0), 4),
        # Three codes, of which scikit-learn cannot tell two apart.
        (np.repeat([[0.0], [1.0], [1e-12]], 10, axis=0), 2),
    ],
)
def test_a_collapsed_code_is_told(z, distinct):
    n_clusters = distinct + 1 if distinct > 1 else 10
    with pytest.raises(ValueError, match=f"collapse.*Received: {distinct} different"):
        silhouette(z, n_clusters, seed=0)


GOOD = np.arange(20.0).reshape(10, 2)


@pytest.mark.parametrize(
    ("z", "n_clusters", "seed", "message"),
    [
        (GOOD, 1, 0, "`n_clusters` must be an integer of at least 2"),
        (GOOD, 2.0, 0, "`n_clusters` must be an integer"),
        (GOOD, True, 0, "`n_clusters` must be an integer"),
        (GOOD, 11, 0, "10 samples, n_clusters=11"),
        (GOOD, 2, -1, "`seed` must be an integer from 0"),
        (GOOD, 2, 2**32, "`seed` must be an integer"),
        (GOOD, 2, None, "`seed` must be an integer"),
        (GOOD * np.nan, 2, 0, "`z` must be finite"),
        (GOOD[:, 0], 2, 0, "`z` must be 2-D"),
        (GOOD[:, :0], 2, 0, "at least one dimension"),
        (GOOD[:0], 2, 0, "at least 1 samples"),
        (GOOD.astype(complex), 2, 0, "`z` must hold real numbers"),
    ],
)
def test_bad_input_is_refused(z, n_clusters, seed, message):
    with pytest.raises(ValueError, match=message):
        silhouette(z, n_clusters, seed)


def test_of_many_codes_a_sample_is_taken():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    z = centres[rng.integers(3, size=6000)] + rng.normal(size=(6000, 2))
    whole, part = (silhouette(z, 3, 0, sample_size=size) for size in (None, 1000))
    assert part != whole
    assert part == pytest.approx(whole, abs=0.03)
    assert silhouette(z[:800], 3, 0, sample_size=1000) == silhouette(z[:800], 3, 0)
    with pytest.raises(ValueError, match="sample_size"):
        silhouette(z, 3, 0, sample_size=3)
