"""Keras callbacks: pruning during `fit`, warm-up of the KL's weight, TensorBoard."""

from ald_keras.callbacks.ald_callback import ALDCallback
from ald_keras.callbacks.kl_warmup import KLWarmup
from ald_keras.callbacks.latent_tensorboard import LatentTensorBoard

__all__ = ["ALDCallback", "KLWarmup", "LatentTensorBoard"]
