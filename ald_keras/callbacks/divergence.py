"""Training that has diverged is an error, in the epoch in which it does."""

from __future__ import annotations

import math

import keras

from ald_keras._typing import Logs


def check_finite(epoch: int, name: str, value: float) -> None:
    """Raise a `ValueError` if a figure of an epoch, counted from 0, is not finite."""
    if not math.isfinite(value):
        raise ValueError(
            f"Epoch {epoch + 1}: the metric '{name}' must be finite to decide on. "
            f"Received: {value}. Look at the learning rate and the data."
        )


class FiniteLoss(keras.callbacks.Callback):
    """Ends `fit` with a `ValueError` once the loss of an epoch is not finite."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs and "loss" in logs:
            check_finite(epoch, "loss", float(logs["loss"]))
