"""Finds the size of a VAE's latent space during one `model.fit`."""

try:
    import keras as _keras
except ModuleNotFoundError as error:
    if error.name not in ("tensorflow", "jax", "torch"):
        raise
    raise ImportError(
        f"Keras is to run on {error.name}, which is not installed. Install a backend: "
        "pip install 'ald_keras[tensorflow]', or 'ald_keras[jax]' or "
        "'ald_keras[torch]' and set KERAS_BACKEND=jax or torch"
    ) from None

from ald_keras.callbacks import ALDCallback, GateSearch, KLWarmup, LatentTensorBoard
from ald_keras.layers import GaussianSampling, LatentMask
from ald_keras.metrics import SizeCurve, tau_for
from ald_keras.models import GatedVAE, MaskedVAE
from ald_keras.models.compaction import compact
from ald_keras.rules import ALDRule, ElasticRule, SizeCurveRule

del _keras

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
