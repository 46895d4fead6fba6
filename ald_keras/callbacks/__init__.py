"""Keras callbacks: pruning during `fit`, and warm-up of the KL's weight."""

from ald_keras.callbacks.ald_callback import ALDCallback
from ald_keras.callbacks.kl_warmup import KLWarmup

__all__ = ["ALDCallback", "KLWarmup"]
