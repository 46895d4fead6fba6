"""What stands around the callbacks of a `fit`."""

from __future__ import annotations

from typing import Any

import keras

_SAVERS = (keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint)
_RANDOM = "random"


class FitGuard(keras.callbacks.Callback):
    """Comes before all other callbacks.

    Reads the in-graph count of unusable values at the end of each epoch, notes the
    random states of all layers for whoever saves the model next, and tells those with
    an `on_training_end` when the weights are what training left, before any callback
    restores others.

    Args:
        others: The callbacks of this `fit`, those of the model among them.

    Raises:
        ValueError: If one that saves the model stands before one that notes in the
            model what is to be saved with it, or saves within epochs.
    """

    def __init__(self, others: list[Any]) -> None:
        super().__init__()
        _check_savers(others)
        self._others = others
        self.loads_before = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.loads_before = self.model.memory.loads

    def on_train_end(self, logs: Any = None) -> None:
        for callback in self._others:
            getattr(callback, "on_training_end", lambda: None)()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.check_stream()
        if "loss" not in (logs or {}):
            raise ValueError("`x` must hold at least one batch. Received: none.")
        states = map(keras.ops.convert_to_numpy, _random_states(self.model))
        self.model.memory.write(epoch, _RANDOM, None, states)

    def around(
        self,
        callbacks: Any,
        model: keras.Model,
        own: list[Any],
        epochs: int,
        initial_epoch: int,
    ) -> Any:
        """The callbacks of a `fit`, this one first, so that none decides earlier."""
        last = FitBeginning(self, self._others, initial_epoch)
        first = [self, *own]
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
    the model's `memory`. Where one of these then sets `stop_training`, as the model was
    saved after its last epoch, none is trained.

    Args:
        guard: The callback that came first.
        others: The callbacks of this `fit`.
        initial_epoch: Integer >= 0 as `fit` was given it.
    """

    def __init__(self, guard: FitGuard, others: list[Any], initial_epoch: int) -> None:
        super().__init__()
        self._guard = guard
        self._others, self._initial_epoch = others, initial_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        memory = self.model.memory
        first = self.model._initial_epoch or self._initial_epoch
        # Keras writes the number of the epoch after the weights, and may have been
        # stopped in between: an epoch is not trained twice.
        restored = memory.loads > self._guard.loads_before
        if restored and memory.is_loaded and memory.epoch == first:
            first = self.model._initial_epoch = first + 1
        states = memory.read(_RANDOM) if memory.is_loaded else None
        if states is not None and memory.epoch == first - 1:
            _set_random_states(self.model, states.arrays)
        for callback in self._others:
            if hasattr(callback, "on_fit_begin"):
                callback.on_fit_begin(first)
        if self.model.stop_training:
            self.model._initial_epoch = (self.params or {}).get("epochs")
        memory.clear()


def _random_states(model: keras.Model) -> list[Any]:
    """Variables of all random number generators, in the order of the layers."""
    # Keras counts them among the variables and saves them with no file.
    return [v for v in model.variables if v.path.endswith("seed_generator_state")]


def _set_random_states(model: keras.Model, arrays: Any) -> None:
    states = _random_states(model)
    if [tuple(v.shape) for v in states] != [array.shape for array in arrays]:
        raise ValueError(
            "The random states noted in the model's file must be those of its layers. "
            f"Received: {len(arrays)} for {len(states)}"
        )
    for variable, array in zip(states, arrays, strict=True):
        variable.assign(array)


def as_list(callbacks: Any) -> list[Any]:
    """Callbacks as `fit` takes them, one by one."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return keras.tree.flatten(callbacks) if callbacks else []


def _check_savers(callbacks: list[Any]) -> None:
    saver = None
    for callback in callbacks:
        if isinstance(callback, _SAVERS):
            saver = callback
        elif saver is not None and hasattr(callback, "on_fit_begin"):
            name, other = type(callback).__name__, type(saver).__name__
            raise ValueError(
                f"`callbacks` must hold {name} before {other}, which saves with the "
                f"model what {name} has decided. Received: {other} before {name}"
            )
    deciding = any(hasattr(callback, "on_fit_begin") for callback in callbacks)
    for callback in callbacks:
        if isinstance(callback, _SAVERS) and callback.save_freq != "epoch" and deciding:
            raise ValueError(
                f"`save_freq` of {type(callback).__name__} must be 'epoch': within an "
                "epoch the weights and what was decided belong to different moments. "
                f"Received: save_freq={callback.save_freq!r}"
            )
