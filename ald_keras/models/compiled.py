"""What is compiled beside the training steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras.backends import compiled
from ald_keras.likelihoods import Likelihood

if TYPE_CHECKING:
    from ald_keras.models.checked_model import CheckedModel
    from ald_keras.models.latent_vae import LatentVAE

_NAME = "_compiled_masked_nll"


@dataclasses.dataclass(frozen=True)
class _Compiled:
    """A function with what it was traced with. Keras looks into no such object."""

    decoder: keras.Model
    likelihood: Likelihood
    function: Callable[..., Tensor]


def forget_compiled(model: CheckedModel) -> None:
    """Trace again whatever is compiled here, as after `compile`."""
    setattr(model, _NAME, None)


def masked_nll(
    model: LatentVAE,
) -> Callable[[Tensor, Tensor, Tensor], np.ndarray]:
    """The NLL of data given codes of which masks set dimensions to 0.

    It is traced once a model until this is compiled again or has another decoder or
    likelihood, and not at all for a model that runs eagerly.

    Args:
        model: Model with `nll`, `decoder`, `likelihood` and `run_eagerly`.

    Returns:
        Function of data `(samples, *data_shape)`, codes `(samples, latent_dim)` and
        masks `(masks, latent_dim)` to an array of shape `(masks, samples)`.
    """

    def nll(x: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        # A decoder may end in another precision than that of the codes.
        return ops.cast(model.nll(x, z * mask), mask.dtype)

    cached = getattr(model, _NAME, None)
    if (
        cached is None
        or cached.decoder is not model.decoder
        or cached.likelihood is not model.likelihood
    ):
        function = compiled(model, nll)
        cached = _Compiled(model.decoder, model.likelihood, function)
        setattr(model, _NAME, cached)

    def numpy(x: Any, z: Tensor, masks: Tensor) -> np.ndarray:
        batch, z = model.model_inputs.tensors(x), ops.convert_to_tensor(z)
        # One after another: each is a whole batch for the decoder.
        found = [cached.function(batch, z, ops.convert_to_tensor(m)) for m in masks]
        return np.stack([ops.convert_to_numpy(each) for each in found])

    return numpy
