"""How far training has come, whichever `fit` it came in."""

from __future__ import annotations

from typing import Any

import keras


class TrainingClock:
    """Counts epochs by the optimizer's steps.

    The number of an epoch tells how long a model has been trained only in its first
    `fit`, and there only from `initial_epoch=0`.
    """

    def __init__(self) -> None:
        self._at_begin, self._last = 0, 0.0

    def begin_epoch(self, model: Any) -> None:
        """Note where the epoch begins."""
        self._at_begin = _steps(model)

    def end_epoch(self, model: Any) -> float:
        """Epochs that the model has been trained, of the length of this one."""
        steps = _steps(model)
        taken = steps - self._at_begin
        # None is taken where the gradients of a whole epoch overflow float16.
        self._last = steps / taken if taken else self._last + 1.0
        return self._last


def learning_rate(model: Any) -> float:
    """The optimizer's learning rate now, also that of a schedule."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def _steps(model: Any) -> int:
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))
