"""Keras models with a latent space that can be masked."""

from ald_keras.models.gated_vae import GatedVAE
from ald_keras.models.masked_vae import MaskedVAE

__all__ = ["GatedVAE", "MaskedVAE"]
