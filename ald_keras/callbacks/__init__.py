"""Keras callbacks: pruning and gate search in `fit`, warm-up of `beta`, TensorBoard."""

from ald_keras.callbacks.ald_callback import ALDCallback
from ald_keras.callbacks.gate_search import GateSearch
from ald_keras.callbacks.kl_warmup import KLWarmup
from ald_keras.callbacks.latent_tensorboard import LatentTensorBoard
from ald_keras.callbacks.search_progress import SearchProgress

__all__ = [
    "ALDCallback",
    "GateSearch",
    "KLWarmup",
    "LatentTensorBoard",
    "SearchProgress",
]
