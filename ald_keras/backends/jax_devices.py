"""JAX: batches spread over the devices of a machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras.src.backend.jax import distribution_lib

from ald_keras._typing import Tensor


class Devices(keras.distribution.DataParallel):
    """Data parallelism over all devices, for batches of any size.

    JAX spreads what all devices get the same number of samples of. A batch that leaves
    a rest, such as the last one of an epoch, each device computes as a whole.
    """

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """In which a model is made, trained and measured."""
        spread = distribution_lib.distribute_data_input

        def distribute(batch: Tensor, layout: Any, *rest: Any, **options: Any) -> Any:
            if batch.shape[0] % self.device_mesh.devices.size:
                axes = [None] * len(batch.shape)
                layout = keras.distribution.TensorLayout(axes, self.device_mesh)
            return spread(batch, layout, *rest, **options)

        # Keras takes the layout of the first batch for all of a pass.
        distribution_lib.distribute_data_input = distribute
        try:
            with super().scope():
                yield
        finally:
            distribution_lib.distribute_data_input = spread
