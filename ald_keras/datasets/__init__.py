"""Data sets by name, split as the paper does, and batches in a repeatable order."""

from ald_keras.datasets.dataset import Dataset, RawDataset, data_of
from ald_keras.datasets.epoch_shuffled_batches import EpochShuffledBatches
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.datasets.ordered_batches import OrderedBatches
from ald_keras.datasets.registry import DATASETS, load_dataset

__all__ = [
    "DATASETS",
    "Dataset",
    "EpochShuffledBatches",
    "LazySamples",
    "OrderedBatches",
    "RawDataset",
    "data_of",
    "load_dataset",
]
