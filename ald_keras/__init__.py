"""Finds the size of a VAE's latent space during one `model.fit`."""

from ald_keras.callbacks import ALDCallback, GateSearch, KLWarmup, LatentTensorBoard
from ald_keras.layers import GaussianSampling, LatentMask
from ald_keras.metrics import SizeCurve, tau_for
from ald_keras.models import GatedVAE, MaskedVAE
from ald_keras.models.compaction import compact
from ald_keras.rules import ALDRule, ElasticRule, SizeCurveRule

__version__ = "0.1.0"

__all__ = [
    "ALDCallback",
    "ALDRule",
    "ElasticRule",
    "GateSearch",
    "GatedVAE",
    "GaussianSampling",
    "SizeCurveRule",
    "KLWarmup",
    "LatentMask",
    "LatentTensorBoard",
    "MaskedVAE",
    "SizeCurve",
    "compact",
    "tau_for",
]
