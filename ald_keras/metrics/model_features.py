"""Features that a Keras model predicts."""

from __future__ import annotations

import keras
import numpy as np

_BATCH = 250


class ModelFeatures:
    """Prediction of a Keras model, in batches of one size."""

    def __init__(self, model: keras.Model, batch: int = _BATCH) -> None:
        self._model = model
        self._batch = batch

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        count = len(samples)
        size = min(self._batch, count)
        # Another size of the last batch would be traced as a function of its own.
        missing = -count % size
        samples = np.concatenate([samples, np.repeat(samples[-1:], missing, axis=0)])
        parts = []
        for start in range(0, len(samples), size):
            output = self._model.predict_on_batch(samples[start : start + size])
            if isinstance(output, list | tuple | dict):
                raise ValueError(
                    "`features` must be a model with one output. "
                    f"Received: {len(output)} outputs of `{self._model.name}`"
                )
            parts.append(np.asarray(output))
        return np.concatenate(parts)[:count]
