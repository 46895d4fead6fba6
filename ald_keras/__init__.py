"""Finds the size of a VAE's latent space during one `model.fit`."""

import importlib
from typing import TYPE_CHECKING, Any

from ald_keras._after_keras import load_after_keras, name_missing_backend

if TYPE_CHECKING:
    from ald_keras import plot as plot
    from ald_keras.callbacks import (
        ALDCallback,
        GateSearch,
        KLWarmup,
        LatentTensorBoard,
        SearchProgress,
    )
    from ald_keras.layers import GaussianSampling, LatentMask
    from ald_keras.metrics import SizeCurve, tau_for
    from ald_keras.models import GatedVAE, MaskedVAE
    from ald_keras.models.compaction import compact
    from ald_keras.rules import ALDRule, ElasticRule, SizeCurveRule

__version__ = "1.0.0rc1"

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
    "SearchProgress",
    "SizeCurve",
    "compact",
    "tau_for",
]

# Where each public name is. Keras takes seconds to load, which a command that only
# reads a config can do without.
_MODULES = {
    "ALDCallback": "callbacks",
    "ALDRule": "rules",
    "ElasticRule": "rules",
    "GateSearch": "callbacks",
    "GatedVAE": "models",
    "GaussianSampling": "layers",
    "KLWarmup": "callbacks",
    "LatentMask": "layers",
    "LatentTensorBoard": "callbacks",
    "MaskedVAE": "models",
    "SearchProgress": "callbacks",
    "SizeCurve": "metrics",
    "SizeCurveRule": "rules",
    "compact": "models.compaction",
    "tau_for": "metrics",
}

# Rooms that are attributes of the package without an import of their own.
_ROOMS = (
    *("callbacks", "datasets", "layers", "likelihoods"),
    *("metrics", "models", "plot", "rules"),
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = globals()[name] = getattr(_load(_MODULES[name]), name)
        return value
    if name in _ROOMS:
        return _load(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _load(module: str) -> Any:
    try:
        return importlib.import_module(f"{__name__}.{module}")
    except ModuleNotFoundError as error:
        raise name_missing_backend(error) from None


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})


load_after_keras(f"{__name__}.{room}" for room in ("models", "callbacks"))
