"""What a model computes in its steps, whatever the backend."""

from __future__ import annotations

import abc
from typing import Any

import keras

from ald_keras._typing import FitData, Tensor
from ald_keras.backends.batch import Batch


class StepModel(keras.Model):
    """A model whose steps a backend makes of what is written in `keras.ops` here.

    Attributes:
        invalid_values: Count of values in batches that cannot be used. Steps update it
            as they do `metrics`, but it is not logged.
    """

    invalid_values: keras.metrics.Metric

    @abc.abstractmethod
    def read_batch(self, data: FitData) -> tuple[Any, Tensor]:
        """What a step needs of a batch that `fit` gives: data and sample weights."""

    @abc.abstractmethod
    def data_of(self, x: Any) -> Tensor:
        """The data of a batch without conditions, shape `(samples, *data_shape)`."""

    @abc.abstractmethod
    def training_loss(
        self, x: Any, sample_weight: Tensor, batch: Batch
    ) -> tuple[Tensor, Any]:
        """What a training step descends on, a scalar, and what it measured.

        Both are of this replica's part of the batch.
        """

    @abc.abstractmethod
    def after_step(self, x: Any, measured: Any, batch: Batch) -> dict[str, Tensor]:
        """Update what gradients do not, after they were applied.

        Returns:
            Scalars for `logs` beside the metrics, the same on every replica.
        """

    @abc.abstractmethod
    def measure_batch(self, x: Any, sample_weight: Tensor, batch: Batch) -> None:
        """Update the metrics with what a batch costs at inference."""
