"""Keras layers: the latent mask, posterior sampling and axial attention."""

from ald_keras.layers.axial_attention import (
    AxialAttention,
    AxialAttention3D,
    AxialAttentionBlock,
)
from ald_keras.layers.gaussian_sampling import GaussianSampling
from ald_keras.layers.latent_mask import LatentMask

__all__ = [
    "AxialAttention",
    "AxialAttention3D",
    "AxialAttentionBlock",
    "GaussianSampling",
    "LatentMask",
]
