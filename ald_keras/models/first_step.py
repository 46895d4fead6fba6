"""What a `GatedVAE` measures on its training data before the first step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from keras import ops

from ald_keras.metrics.variance import tau_for

if TYPE_CHECKING:
    from ald_keras.models.gated_vae import GatedVAE

# Samples looked at, and those of them that the encoder reads at once.
_SAMPLES, _ENCODED = 256, 64

# Root mean square of posterior means above which they are brought down to 1, that of
# the prior. Encoders that have been trained stay below it.
_LARGEST_MEAN = 3.0


class DataErrors(NamedTuple):
    """Squared errors a sample that need no network, `None` where not known.

    Attributes:
        constant: That of the best constant output.
        noise: That which remains whatever the output.
    """

    constant: float | None = None
    noise: float | None = None


def prepare(model: GatedVAE, is_untrained: bool) -> DataErrors:
    """Errors to compare with, and an encoder that begins near the prior.

    An encoder that reads counts or other large values begins with posterior means of 20
    or 100. Adam needs thousands of steps to bring them down and, behind an `exp` in the
    decoder, the error is 1e8 times the bound until then. So the head is scaled, from
    data, as in Mishkin & Matas 2016 (arXiv 1511.06422).

    Args:
        model: The model, whose `fit` has begun.
        is_untrained: Whether it has taken no step, so that the head may be scaled.
    """
    x = model.training_samples(_SAMPLES)
    if is_untrained:
        # The same on all workers, whatever part of the data each has.
        size = model.from_chief(lambda: _size_of_means(model, x))
        if size > _LARGEST_MEAN:
            for weight in model.z_mean.weights:
                weight.assign(weight / size)
    data = None if x is None or not len(x) else model.data_values(x)
    if data is None or not np.isfinite(data).all():
        return DataErrors()
    noise = getattr(model.likelihood, "irreducible_error", None)
    constant = tau_for(data, 0.0) if np.ptp(data, axis=0).any() else None
    return DataErrors(constant, None if noise is None else noise(data))


def _size_of_means(model: GatedVAE, x: Any) -> float:
    """Root mean square of posterior means, 0 where it is not known."""
    if x is None or not len(x):
        return 0.0
    # Spread over what may be sorted.
    step = max(1, len(x) // _ENCODED)
    batch = model.model_inputs.tensors(x[::step])
    means = ops.convert_to_numpy(model.heads(batch, training=False)[0])
    size = float(np.sqrt(np.mean(np.square(means, dtype="float64"))))
    return size if np.isfinite(size) else 0.0
