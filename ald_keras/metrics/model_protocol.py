"""What metrics use of a model with a latent mask."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ald_keras._typing import Tensor
from ald_keras.likelihoods import Likelihood


class Mask(Protocol):
    """What metrics use of the layer that masks dimensions."""

    @property
    def active_indices(self) -> np.ndarray:
        """Indices of the active dimensions, ascending."""


class MaskedModel(Protocol):
    """What `MaskedVAE` and `GatedVAE` have in common for who measures them."""

    @property
    def latent_mask(self) -> Mask:
        """The mask over the latent dimensions."""

    @property
    def likelihood(self) -> Likelihood:
        """Likelihood of the data given codes."""

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""

    def encode(self, x: Any) -> tuple[Tensor, Tensor]:
        """Posterior means and log variances."""

    def decode_values(self, z: Tensor, conditions: tuple[Tensor, ...] = ()) -> Tensor:
        """Means of the data given codes, those of several modalities flat."""

    def data_values(self, x: Any) -> np.ndarray:
        """The data without their conditions, those of several modalities flat."""

    def conditions_of(self, x: Any) -> tuple[Tensor, ...]:
        """What the decoder reads of data beside the code."""

    def nll(self, x: Any, z: Tensor) -> Tensor:
        """NLL of data given codes, in nats per sample."""
