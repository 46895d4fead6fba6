"""Linear warm-up of the weight of the KL."""

from __future__ import annotations

import keras

from ald_keras._typing import Logs
from ald_keras._validation import check_integer
from ald_keras._warn import warn


class KLWarmup(keras.callbacks.Callback):
    """Raises the model's `beta` linearly from 0 to the value of its construction.

    Epoch `e` of `fit` is trained with `beta * min(1, e / epochs)`, so that `beta` is
    constant from epoch `epochs` on (Sonderby et al. 2016, arXiv 1602.02282). It goes
    by the epoch's number: a further `fit` from epoch 0 warms up again. The loss rises
    with `beta`; `fit` warns when it ends before `beta` is reached.

    Args:
        epochs: Integer >= 1, epochs until `beta` is reached.

    Raises:
        ValueError: If `epochs` is no positive integer.
        TypeError: At `fit`, if the model has no `beta` to move.
    """

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = check_integer("epochs", epochs, 1)
        self._epoch = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not hasattr(self.model, "final_beta"):
            raise TypeError(
                "`KLWarmup` needs a model with `beta` and `final_beta`, such as "
                f"MaskedVAE. Received: {type(self.model).__name__}"
            )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        progress = min(1.0, epoch / self.epochs)
        self.model.beta.assign(self.model.final_beta * progress)
        self._epoch = epoch

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._epoch < self.epochs:
            warn(
                f"KLWarmup: training ended in epoch {self._epoch + 1}, before `beta` "
                f"reached {float(self.model.final_beta):g} in epoch {self.epochs + 1}. "
                "Train for more epochs or warm up in fewer; where `EarlyStopping` "
                "ended it, the loss rose because `beta` did: pass it "
                f"`start_from_epoch={self.epochs}`."
            )
