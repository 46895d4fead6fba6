"""How far an optimizer has come."""

from __future__ import annotations

import keras

from ald_keras.callbacks.model_protocol import OptimizedModel


def steps_taken(model: OptimizedModel) -> int:
    """Training steps of the optimizer so far."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))
