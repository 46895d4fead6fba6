"""Quality of a latent space: functions of arrays that know no model."""

from ald_keras.metrics.clustering import clustering_accuracy, find_clusters
from ald_keras.metrics.features import FeatureExtractor, build_extractor
from ald_keras.metrics.frechet import frechet_distance
from ald_keras.metrics.kl import active_units, gaussian_kl
from ald_keras.metrics.reconstruction import reconstruction_nll
from ald_keras.metrics.silhouette import silhouette
from ald_keras.metrics.size_curve import SizeCurve
from ald_keras.metrics.variance import tau_for

__all__ = [
    "FeatureExtractor",
    "SizeCurve",
    "active_units",
    "build_extractor",
    "clustering_accuracy",
    "find_clusters",
    "frechet_distance",
    "gaussian_kl",
    "reconstruction_nll",
    "silhouette",
    "tau_for",
]
