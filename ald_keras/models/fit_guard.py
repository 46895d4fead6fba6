"""What stands around the callbacks of a `fit`, and their order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

from ald_keras._typing import FitData, Logs
from ald_keras.backends import set_shared_random_state, shared_random_state
from ald_keras.datasets.epoch_shuffled_batches import EpochShuffledBatches
from ald_keras.metrics.divergence import check_finite
from ald_keras.models import keras_internals

# They write what others have put into `logs` and into the model.
_LOGGERS = (
    keras.callbacks.CSVLogger,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
)
_SAVERS = (keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint)
_RANDOM = "random"
# Beside those of layers, where the backend has one that some layers draw from.
_SHARED_RANDOM = "shared random"

# As `fit` takes them.
Callbacks: TypeAlias = (
    keras.callbacks.CallbackList
    | keras.callbacks.Callback
    | list[keras.callbacks.Callback]
    | None
)


@dataclasses.dataclass(frozen=True)
class FitValidation:
    """The validation data of the `fit` that is running.

    Args:
        data: What `fit` was given or split off: a tuple `(x, y, sample_weight)` of
            arrays whose last ones may be `None`, or a stream.
        frequency: `validation_freq` of `fit`, in epochs.
        steps: `validation_steps` of `fit`, batches of a stream that are used, or
            `None` for all.
    """

    data: FitData
    frequency: int | Sequence[int] = 1
    steps: int | None = None


class FitGuard(keras.callbacks.Callback):
    """Comes before all other callbacks.

    It tells `batches` the epoch. At the end of each epoch it checks the stream's values
    and the loss, and saves the random states of all layers in `saved_state`. When
    training ends it records the weights, before any callback restores others.

    Args:
        callbacks: The user's callbacks of this `fit`.

    Attributes:
        batches: What `fit` makes of arrays, or `None`.
    """

    def __init__(self, callbacks: list[keras.callbacks.Callback]) -> None:
        super().__init__()
        self._callbacks = callbacks
        self.batches: EpochShuffledBatches | None = None
        self._weight_sums: list[float] = []
        # Of an epoch, and before this `fit`.
        self._steps: int | None = None
        self._first_step = 0

    def check_savers(self) -> None:
        """Raise a `ValueError` if a callback saves the model within epochs."""
        for callback in self._callbacks:
            if isinstance(callback, _SAVERS) and callback.save_freq != "epoch":
                name = type(callback).__name__
                raise ValueError(
                    f"`save_freq` of {name} must be 'epoch': within an epoch the "
                    "weights and the state of the search belong to different moments. "
                    f"Received: save_freq={callback.save_freq!r}"
                )

    def is_monitored(self, names: Iterable[str]) -> bool:
        """Whether a callback decides by one of some entries of `logs`."""
        return any(getattr(c, "monitor", None) in tuple(names) for c in self._callbacks)

    def weights_were_restored(self) -> bool:
        """Whether weights are no longer those that training left."""
        return bool(self._weight_sums) and self._weight_sums != _sums(self.model)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._steps = (self.params or {}).get("steps")
        self._first_step = _steps_taken(self.model)
        self._set_run_steps()
        begin = getattr(self.model, "begin_run", None)
        if begin is not None:
            begin()

    def _set_run_steps(self) -> None:
        """Say how many steps the run has to a model whose schedules are shares of it.

        They count from epoch 0 and are `None` where they are not known yet.
        """
        setter = getattr(self.model, "set_run_steps", None)
        if setter is not None:
            steps, epochs = self._steps, (self.params or {}).get("epochs")
            trained = bool(self._first_step) and not self.model.first_epoch
            run = None if steps is None or epochs is None else steps * epochs
            setter(run, trained)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.batches is not None:
            self.batches.begin_epoch(epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._steps is None:
            # Those of a stream are known after an epoch.
            self._steps = _steps_taken(self.model) - self._first_step
            self._set_run_steps()
        self.model.check_stream()
        if not logs or "loss" not in logs:
            raise ValueError("`x` must hold at least one batch. Received: none.")
        check_finite(epoch, "loss", float(logs["loss"]))
        states = map(keras.ops.convert_to_numpy, _random_states(self.model))
        self.model.saved_state.write(epoch, _RANDOM, None, states)
        shared = shared_random_state()
        if shared:
            self.model.saved_state.write(epoch, _SHARED_RANDOM, None, shared)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._weight_sums = _sums(self.model)


class FitStart(keras.callbacks.Callback):
    """Comes after all other callbacks, which have loaded their saved state by then.

    Args:
        first: Integer >= 0, the epoch to begin with. Where a callback has set
            `stop_training` none is trained.
    """

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    def on_train_begin(self, logs: Logs | None = None) -> None:
        stops = self.model.stop_training
        first = (self.params or {}).get("epochs") if stops else self._first
        keras_internals.set_first_epoch(self.model, first)
        self.model.saved_state.clear()


def restore_backup(
    model: keras.Model, callbacks: list[keras.callbacks.Callback], initial_epoch: int
) -> int:
    """Restore what `BackupAndRestore` and the file that was loaded have saved.

    Keras restores a backup in the order of the callbacks. It is restored here before
    any of them begins, so that each finds the model, and its saved state, as it is
    trained on.

    Args:
        model: The model, about to be trained.
        callbacks: The callbacks of this `fit`.
        initial_epoch: Integer >= 0 as `fit` was given it.

    Returns:
        The epoch to begin with.

    Raises:
        ValueError: If the saved random states are not those of the model's layers.
    """
    before = model.saved_state
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            callback.set_model(model)
            callback.on_train_begin()
    first = keras_internals.restored_epoch(model) or initial_epoch
    state = model.saved_state
    # Keras writes the number of the epoch after the weights, and may have been stopped
    # in between: an epoch is not trained twice.
    if state is not before and state.epoch == first:
        first += 1
    random = state.read(_RANDOM)
    if random is not None and state.epoch == first - 1:
        _set_random_states(model, random.arrays)
        shared = state.read(_SHARED_RANDOM)
        set_shared_random_state(() if shared is None else shared.arrays)
    return first


def surround(
    callbacks: Callbacks,
    model: keras.Model,
    epochs: int,
    guard: FitGuard,
    verbose: str | int,
) -> Callbacks:
    """The callbacks of a `fit` in their order, between those of the model.

    One that has a method `progress` gives what is shown in place of Keras's progress
    bar, unless another callback takes its place. Loggers come after the callbacks that
    put metrics into `logs`, those that save the model after these; others stay in the
    order given.

    Args:
        callbacks: As `fit` was given them. A `CallbackList` is changed in place.
        model: Model with `first_epoch`.
        epochs: Integer as `fit` was given it.
        guard: The callback that comes first.
        verbose: As `fit` was given it.
    """
    last = FitStart(model.first_epoch)
    own = (FitGuard, FitStart)
    others = [c for c in as_list(callbacks) if not isinstance(c, own)]
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        others += _progress(others) if verbose in ("auto", 1) else []
        return [guard, *sorted(others, key=_place), last]
    ordered = [guard, *sorted(others, key=_place), last]
    for callback in (guard, last):
        callback.set_model(model)
        callback.set_params({"epochs": epochs})
    callbacks.callbacks[:] = ordered
    return callbacks


def _progress(others: list[keras.callbacks.Callback]) -> list[Any]:
    if any(isinstance(other, keras.callbacks.ProgbarLogger) for other in others):
        return []
    return [c.progress() for c in others if hasattr(c, "progress")][:1]


def _place(callback: keras.callbacks.Callback) -> int:
    if isinstance(callback, _SAVERS):
        return 2
    return 1 if isinstance(callback, _LOGGERS) else 0


def _steps_taken(model: keras.Model) -> int:
    # Of a stream the optimizer counts one more an epoch: that which finds its end.
    constraint = getattr(model, "constraint", None)
    return (
        0 if constraint is None else int(keras.ops.convert_to_numpy(constraint.steps))
    )


def _sums(model: keras.Model) -> list[float]:
    arrays = map(keras.ops.convert_to_numpy, model.trainable_variables)
    return [float(array.sum(dtype="float64")) for array in arrays]


def _random_states(model: keras.Model) -> list[keras.Variable]:
    """Variables of all random number generators, in the order of the layers."""
    # Keras counts them among the variables and saves them with no file.
    return [v for v in model.variables if v.path.endswith("seed_generator_state")]


def _set_random_states(model: keras.Model, arrays: Sequence[np.ndarray]) -> None:
    states = _random_states(model)
    if [tuple(v.shape) for v in states] != [array.shape for array in arrays]:
        raise ValueError(
            "The random states saved in the model's file must be those of its layers. "
            f"Received: {len(arrays)} for {len(states)}"
        )
    for variable, array in zip(states, arrays, strict=True):
        variable.assign(array)


def as_list(callbacks: Callbacks) -> list[keras.callbacks.Callback]:
    """Callbacks as `fit` takes them, one by one."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return keras.tree.flatten(callbacks) if callbacks else []
