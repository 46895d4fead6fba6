"""Whether weights are still those that training left."""

from __future__ import annotations

from typing import Any

import keras


class WeightWatch:
    """Notices weights that were changed after training, for example restored ones.

    Args:
        model: The model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._sums: list[float] = []

    def note(self) -> None:
        """Note the weights as training left them."""
        self._sums = self._sum_up()

    def were_changed(self) -> bool:
        """Whether the weights are not those that were saved."""
        return bool(self._sums) and self._sums != self._sum_up()

    def _sum_up(self) -> list[float]:
        arrays = map(keras.ops.convert_to_numpy, self._model.trainable_variables)
        return [float(array.sum(dtype="float64")) for array in arrays]
