"""A model's weights and optimizer state at one moment, to go back to."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np


class Snapshot:
    """Copies of a model's weights and of its optimizer's slots, in main memory.

    Left out is what continues whatever happens to the weights: the mask, random states,
    and what the optimizer holds for no weight in particular (its count of steps, the
    learning rate, the scale of the loss), so that schedules do not run twice.

    Args:
        model: Model with `weights`, `latent_mask` and, if it is compiled, an
            `optimizer`.
        arrays: What `arrays` of another snapshot of this model were, as a file has
            kept them. Defaults to `None`: the values of this moment.

    Raises:
        ValueError: If `arrays` do not fit the model.
    """

    def __init__(
        self, model: keras.Model, arrays: Sequence[np.ndarray] | None = None
    ) -> None:
        mask = model.latent_mask.mask
        kept = [weight for weight in model.weights if weight is not mask]
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None:
            scalars = [w for w in model.trainable_weights if not len(w.shape)]
            kept += [
                slot
                for slot in optimizer.variables
                if len(slot.shape) or any(_is_of(slot, w) for w in scalars)
            ]
        if arrays is None:
            arrays = [keras.ops.convert_to_numpy(v).copy() for v in kept]
        shapes = [tuple(variable.shape) for variable in kept]
        if shapes != [array.shape for array in arrays]:
            raise ValueError(
                "`arrays` must hold one array for each weight and slot of the model. "
                f"Received: {len(arrays)} arrays for {len(kept)} variables"
            )
        self._values = list(zip(kept, arrays, strict=True))

    @property
    def arrays(self) -> list[np.ndarray]:
        """The copies, in an order that depends on the model's structure only."""
        return [array for _, array in self._values]

    def restore(self) -> None:
        """Write everything back, bit by bit as it was."""
        for variable, value in self._values:
            variable.assign(value)


def _is_of(slot: keras.Variable, weight: keras.Variable) -> bool:
    """Whether Keras has named a scalar slot after a scalar weight."""
    return slot.name.startswith(weight.path.replace("/", "_") + "_")
