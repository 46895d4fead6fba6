from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from ald_keras.metrics import clustering_accuracy, find_clusters, silhouette


def test_clusters_are_those_of_scikit_learn():
    z, _ = make_blobs(200, 6, centers=4, cluster_std=3.0, random_state=0)
    expected = KMeans(4, n_init=10, random_state=3).fit(z).labels_
    assert clustering_accuracy(expected, find_clusters(z, 4, seed=3)) == 1.0


def test_known_clusters_give_the_same_silhouette():
    z, _ = make_blobs(100, 3, centers=3, cluster_std=2.0, random_state=0)
    clusters = find_clusters(z, 3, seed=0)
    assert silhouette(z, 3, 0, clusters) == silhouette(z, 3, 0)


def test_clear_classes_are_found():
    z, labels = make_blobs(300, 5, centers=4, cluster_std=0.01, random_state=0)
    assert clustering_accuracy(labels, find_clusters(z, 4, seed=0)) == 1.0


def by_enumeration(labels, clusters):
    """Best agreement over every way to name the clusters."""
    names = range(max(len(set(labels)), len(set(clusters))))
    classes = {label: i for i, label in enumerate(sorted(set(labels)))}
    groups = {cluster: i for i, cluster in enumerate(sorted(set(clusters)))}
    return max(
        np.mean(
            [
                classes[a] == order[groups[b]]
                for a, b in zip(labels, clusters, strict=True)
            ]
        )
        for order in permutations(names)
    )


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=30)
)
def test_accuracy_against_every_assignment(pairs):
    labels, clusters = zip(*pairs, strict=True)
    expected = by_enumeration(labels, clusters)
    assert clustering_accuracy(labels, clusters) == pytest.approx(expected)


def test_one_cluster_for_all_gives_the_largest_class():
    assert clustering_accuracy([0, 0, 0, 1, 2], [7] * 5) == 0.6


@pytest.mark.parametrize(
    ("labels", "clusters"), [([], []), ([0, 1], [0]), ([[0]], [[0]])]
)
def test_bad_input_is_an_error(labels, clusters):
    with pytest.raises(ValueError, match="one shape"):
        clustering_accuracy(labels, clusters)
