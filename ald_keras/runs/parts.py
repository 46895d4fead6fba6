"""What a training run needs beside its model."""

from __future__ import annotations

import dataclasses

import numpy as np

from ald_keras.datasets import Dataset, data_of, load_dataset
from ald_keras.metrics import FeatureExtractor, build_extractor
from ald_keras.runs.config import Config

# Training samples that the features are tried on before training.
_CHECKED = 256


@dataclasses.dataclass(frozen=True, eq=False)
class RunParts:
    """A run's data, and what its latent space is measured with.

    Args:
        data: The data set, split.
        extractor: What the Frechet distances are taken on; `None` where values of the
            data are missing.
        n_clusters: Integer >= 2, clusters of the silhouette.
    """

    data: Dataset
    extractor: FeatureExtractor | None
    n_clusters: int


def load_parts(config: Config) -> RunParts:
    """Load a run's data, and check before training what its final metrics need.

    Args:
        config: The run's config.

    Raises:
        ValueError: If the config does not fit the data.
        OSError: If data are missing.
    """
    options = dict(config.data)
    data = load_dataset(
        config.dataset, options.pop("dir", None), seed=config.seed, **options
    )
    extractor = None
    if config.data.get("missing") is None:
        extractor = build_extractor(
            config.probe.features, data.data_shape, weights=config.probe.weights
        )
        extractor.check_data(np.asarray(data_of(data.x_train[:_CHECKED])))
    clusters = config.probe.n_clusters or data.n_classes or 10
    if clusters >= len(data.x_test):
        raise ValueError(
            "`probe.n_clusters` must be below the number of test samples. Received: "
            f"{clusters} clusters and {len(data.x_test)} samples"
        )
    return RunParts(data, extractor, clusters)
