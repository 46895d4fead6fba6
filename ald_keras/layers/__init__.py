"""Keras layers: the latent mask and posterior sampling."""

from ald_keras.layers.gaussian_sampling import GaussianSampling
from ald_keras.layers.latent_mask import LatentMask

__all__ = ["GaussianSampling", "LatentMask"]
