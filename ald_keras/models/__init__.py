"""Keras models with a latent space that can be masked."""

from ald_keras.models.masked_vae import MaskedVAE

__all__ = ["MaskedVAE"]
