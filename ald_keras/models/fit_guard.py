"""What stands around the callbacks of a `fit`."""

from __future__ import annotations

from typing import Any

import keras

_SAVERS = (keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint)


class FitGuard(keras.callbacks.Callback):
    """Comes before all other callbacks.

    Reads the in-graph count of unusable values at the end of each epoch, and tells
    those with an `on_training_end` when the weights are what training left, before any
    callback restores others.

    Args:
        others: The callbacks of this `fit`, those of the model among them.

    Raises:
        ValueError: If one that saves the model stands before one that notes in the
            model what is to be saved with it.
    """

    def __init__(self, others: list[Any]) -> None:
        super().__init__()
        _check_order(others)
        self._others = others

    def on_train_end(self, logs: Any = None) -> None:
        for callback in self._others:
            getattr(callback, "on_training_end", lambda: None)()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.check_stream()
        if "loss" not in (logs or {}):
            raise ValueError("`x` must hold at least one batch. Received: none.")

    def around(
        self,
        callbacks: Any,
        model: keras.Model,
        own: list[Any],
        epochs: int,
        initial_epoch: int,
    ) -> Any:
        """The callbacks of a `fit`, this one first, so that none decides earlier."""
        first, last = [self, *own], FitBeginning(self._others, initial_epoch)
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            return [*first, *as_list(callbacks), last]
        for callback in (*first, last):
            callback.set_model(model)
            callback.set_params({"epochs": epochs})
        others = callbacks.callbacks
        replaced = (FitGuard, FitBeginning, *map(type, own))
        kept = [c for c in others if not isinstance(c, replaced)]
        others[:] = [*first, *kept, last]
        return callbacks


class FitBeginning(keras.callbacks.Callback):
    """Comes after all other callbacks, of which one may have restored the model.

    Tells those with an `on_fit_begin` the first epoch, and with it what they find in
    the model's `memory`.

    Args:
        others: The callbacks of this `fit`.
        initial_epoch: Integer >= 0 as `fit` was given it.
    """

    def __init__(self, others: list[Any], initial_epoch: int) -> None:
        super().__init__()
        self._others, self._initial_epoch = others, initial_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        memory = self.model.memory
        first = self.model._initial_epoch or self._initial_epoch
        # Keras writes the number of the epoch after the weights, and may have been
        # stopped in between: an epoch is not trained twice.
        if self._restores() and memory.is_loaded and memory.epoch == first:
            first = self.model._initial_epoch = first + 1
        for callback in self._others:
            if hasattr(callback, "on_fit_begin"):
                callback.on_fit_begin(first)
        memory.clear()

    def _restores(self) -> bool:
        return any(
            isinstance(callback, keras.callbacks.BackupAndRestore)
            for callback in self._others
        )


def as_list(callbacks: Any) -> list[Any]:
    """Callbacks as `fit` takes them, one by one."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return keras.tree.flatten(callbacks) if callbacks else []


def _check_order(callbacks: list[Any]) -> None:
    saver = None
    for callback in callbacks:
        if isinstance(callback, _SAVERS):
            saver = type(callback).__name__
        elif saver is not None and hasattr(callback, "on_fit_begin"):
            name = type(callback).__name__
            raise ValueError(
                f"`callbacks` must hold {name} before {saver}, which saves with the "
                f"model what {name} has decided. Received: {saver} before {name}"
            )
