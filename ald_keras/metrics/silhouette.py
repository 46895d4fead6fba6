"""Silhouette of the clusters found in a set of latent codes."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import silhouette_score

from ald_keras._validation import check_integer
from ald_keras.metrics._checks import as_matrix
from ald_keras.metrics._threads import limit_threads
from ald_keras.metrics.clustering import centred, find_clusters


def silhouette(
    z: ArrayLike,
    n_clusters: int,
    seed: int,
    clusters: ArrayLike | None = None,
    sample_size: int | None = None,
) -> float:
    """Mean silhouette of the clusters that k-means finds in latent codes.

    The labels are those of scikit-learn's `KMeans` (best of 10 starts), as in ALD
    (arXiv 2312.06280), where `n_clusters` is the number of classes and `z` holds
    sampled codes. Shifting or scaling all codes does not change the score.

    Args:
        z: Codes, shape `(n, d)`, `d >= 1`.
        n_clusters: Integer >= 2 and < `n`.
        seed: Integer from 0 to 2**32 - 1; the same seed and codes give the same score.
        clusters: What `find_clusters(z, n_clusters, seed)` gave, where it is known
            already. Defaults to `None`.
        sample_size: Integer > `n_clusters`, codes that the score is taken of, chosen
            with the seed, where there are more: its cost grows with their square.
            Clusters are those of all codes. Defaults to `None`: all.

    Returns:
        Float between -1 and 1; higher means tighter, better separated clusters.

    Raises:
        ValueError: If `z` is not 2-D, real and finite, if `n_clusters` or `seed` are
            out of range, or if fewer than `n_clusters` codes differ, as happens when
            the posterior has collapsed.

    References:
        Rousseeuw, 1987, "Silhouettes: a graphical aid to the interpretation and
        validation of cluster analysis".
    """
    if clusters is None:
        clusters = find_clusters(z, n_clusters, seed)
    codes, clusters = centred(as_matrix(z, "z", min_rows=2)), np.asarray(clusters)
    if sample_size is not None:
        sample_size = check_integer("sample_size", sample_size, n_clusters + 1)
        if len(codes) > sample_size:
            rng = np.random.default_rng(seed)
            rows = rng.choice(len(codes), sample_size, replace=False)
            codes, clusters = codes[rows], clusters[rows]
    with limit_threads(len(codes) ** 2):
        return float(silhouette_score(codes, clusters))
