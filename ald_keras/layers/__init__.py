"""Keras layers: mask, gates, sizes and sampling of the latent space, attention."""

from ald_keras.layers.axial_attention import (
    AxialAttention,
    AxialAttention3D,
    AxialAttentionBlock,
)
from ald_keras.layers.constraint_multiplier import ConstraintMultiplier
from ald_keras.layers.gaussian_sampling import GaussianSampling
from ald_keras.layers.latent_gates import LatentGates
from ald_keras.layers.latent_mask import LatentMask
from ald_keras.layers.size_sampling import SizeSampling

__all__ = [
    "AxialAttention",
    "AxialAttention3D",
    "AxialAttentionBlock",
    "ConstraintMultiplier",
    "GaussianSampling",
    "LatentGates",
    "LatentMask",
    "SizeSampling",
]
