"""How far an optimizer has come."""

from __future__ import annotations

from typing import Any

import keras


def steps_taken(model: Any) -> int:
    """Training steps of the optimizer so far."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))
