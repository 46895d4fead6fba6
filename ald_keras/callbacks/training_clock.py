"""How far training has come, whichever `fit` it came in."""

from __future__ import annotations

from typing import Any

import keras


class TrainingClock:
    """Counts the epochs that a model has been trained, by the optimizer's steps.

    The number of an epoch tells that only in a model's first `fit`, and there only from
    `initial_epoch=0`.

    Args:
        model: The model, when a `fit` begins.
    """

    def __init__(self, model: Any) -> None:
        self._before = self._at_begin = steps_taken(model)
        self._epochs, self._epochs_before = 0, 0.0

    def to_dict(self) -> dict[str, Any]:
        """What the next epochs need to know, in plain types."""
        return {
            "before": self._before,
            "epochs": self._epochs,
            "epochs_before": self._epochs_before,
        }

    def go_on(self, data: dict[str, Any]) -> None:
        """Take up what `to_dict` returned."""
        self._before, self._epochs = int(data["before"]), int(data["epochs"])
        self._epochs_before = float(data["epochs_before"])

    def begin_epoch(self, model: Any) -> None:
        """Note where an epoch begins."""
        self._at_begin = steps_taken(model)

    def end_epoch(self, model: Any) -> float:
        """Epochs trained, those before this `fit` taken to be as long as its first."""
        taken = steps_taken(model) - self._at_begin
        # None are taken where the gradients of a whole epoch overflow float16.
        if taken and not self._epochs_before:
            self._epochs_before = self._before / taken
        self._epochs += 1
        return self._epochs_before + self._epochs


def learning_rate(model: Any) -> float:
    """The optimizer's learning rate now, also that of a schedule."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def steps_taken(model: Any) -> int:
    """Training steps of the optimizer so far."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))
