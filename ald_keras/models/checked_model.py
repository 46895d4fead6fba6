"""A Keras model that checks its data and shows callbacks its validation data."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras

from ald_keras._typing import FitData, Store, T, Tensor
from ald_keras.backends import from_chief, strategy_of, sync
from ald_keras.likelihoods import Likelihood
from ald_keras.metrics.arrays import for_keras, is_array
from ald_keras.models import data_checks, keras_internals
from ald_keras.models.compiled_model import CompiledModel
from ald_keras.models.fit_batches import shuffled_batches
from ald_keras.models.fit_guard import (
    Callbacks,
    FitGuard,
    FitValidation,
    as_list,
    restore_backup,
    surround,
)
from ald_keras.models.saved_state import SavedState, without_saved_state
from ald_keras.models.scale_check import warn_of_scale


class CheckedModel(CompiledModel):
    """Training as Keras does it, with checks of what comes in.

    A subclass has `likelihood` and `check_data` and, for batches of streams, counts
    values that it cannot use in `invalid_values`, inside its steps.

    Attributes:
        validation_data: `FitValidation` while `fit` runs, else `None`.
        saved_state: `SavedState` of callbacks, for files that are written while `fit`
            runs; after loading such a file, what `fit` resumes.
        first_epoch: Epoch that the `fit` that runs began with, else 0.
    """

    likelihood: Likelihood
    seed: int | None

    def __init__(self, **kwargs: object):
        super().__init__(**kwargs)
        self.invalid_values = keras.metrics.Sum(name="invalid_values")
        self.saved_state = SavedState()
        self.validation_data: FitValidation | None = None
        self.first_epoch = 0
        self._training_data: FitData = None
        self._fit_guard: FitGuard | None = None
        self._after_fit = contextlib.ExitStack()

    def fit(
        self,
        x: Tensor = None,
        y: Tensor = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: FitData = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Tensor = None,
        initial_epoch: int = 0,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train as `keras.Model.fit` does, and check the data.

        Labels are not used by the loss; they serve callbacks. Validation data are in
        `validation_data` while this runs. The order of callbacks that log or save
        does not matter: `CSVLogger`, `RemoteMonitor` and `TensorBoard` come after all
        others, `ModelCheckpoint` and `BackupAndRestore` after these. With an
        `ALDCallback` or a `GateSearch`, `verbose=1` shows `SearchProgress` in place of
        Keras's progress bar.

        Raises:
            ValueError: If arrays hold values outside the likelihood's support,
                before the first step; if a stream does, at the end of the epoch; if
                `class_weight` comes without labels.
        """
        given = x, y, validation_data
        x, y, validation_data = data_checks.as_arrays(*given, self.named)
        sample_weight = data_checks.as_weights(sample_weight)
        data_checks.check_class_weight(class_weight, x, y)
        if validation_split and validation_data is None:
            whole = x, y, sample_weight
            parts = data_checks.split_arrays(whole, validation_split)
            (x, y, sample_weight), validation_data = parts
        sample_weight = for_keras(sample_weight)
        self.check_data("x", x)
        if is_array(x) and getattr(self.likelihood, "has_unit_scale", False):
            warn_of_scale(self.data_of(x))
        self.check_data("validation_data", validation_data)
        name, steps = "validation_steps", kwargs.get("validation_steps")
        data_checks.check_end("validation_data", validation_data, name, steps)
        name, count = "steps_per_epoch", kwargs.get("steps_per_epoch")
        data_checks.check_end("x", x, name, count)
        frequency = kwargs.get("validation_freq", 1)
        validation = FitValidation(validation_data, frequency, steps)
        size = batch_size
        kwargs.setdefault("validation_batch_size", batch_size)
        with self._guarded(x, validation, as_list(callbacks), initial_epoch) as guard:
            if shuffle and count is None:
                guard.batches = shuffled_batches(x, y, sample_weight, size, self.seed)
            if guard.batches is None:
                y = data_checks.keep_weights(x, y, sample_weight)
                x, shuffle = for_keras(x), shuffle and not data_checks.is_stream(x)
            else:
                x, shuffle, size = guard.batches.dataset, False, None
                y = sample_weight = None
            self.prepare_steps(x, as_list(callbacks), guard.batches is None)
            return super().fit(
                x=x,
                y=y,
                batch_size=size,
                epochs=epochs,
                verbose=verbose,
                callbacks=surround(callbacks, self, epochs, guard, verbose),
                validation_data=data_checks.keep_validation_weights(validation_data),
                shuffle=shuffle,
                class_weight=class_weight,
                sample_weight=sample_weight,
                initial_epoch=self.first_epoch,
                **kwargs,
            )

    def training_samples(self, count: int) -> Any:
        """Some of the samples that the `fit` that runs trains on.

        Args:
            count: Integer >= 1, how many at most.

        Returns:
            Array of shape `(samples, *data_shape)`, `NamedArrays` where there are
            conditions, or `None` where no `fit` runs or its data can be read only once.
        """
        if self._training_data is None:
            return None
        return data_checks.first_samples(self._training_data, count, self.named)

    def from_chief(self, function: Callable[[], T]) -> T:
        """What a function gives, called once where several workers train together.

        Args:
            function: Gives plain types, as JSON holds them exactly.

        Raises:
            Exception: What the function raises; a `RuntimeError` with its message in
                the workers that have not called it.
        """
        return from_chief(strategy_of(self), function)

    def call_after_fit(self, function: Callable[[bool], None]) -> None:
        """Have a function called when the `fit` that runs has ended.

        For what comes after every `on_train_end`, of which one may restore other
        weights, and for what is due where `fit` fails: Keras has no hook for either.

        Args:
            function: Gets whether `fit` has ended without an error.
        """
        self._after_fit.push(lambda error, *_: function(error is None))

    def check_savers(self) -> None:
        """Raise a `ValueError` if a callback of this `fit` saves within epochs.

        A callback calls it whose state is saved with the model after each epoch.
        """
        if self._fit_guard is not None:
            self._fit_guard.check_savers()

    def is_monitored(self, names: Iterable[str]) -> bool:
        """Whether a callback of this `fit` decides by one of some entries of `logs`."""
        guard = self._fit_guard
        return guard is not None and guard.is_monitored(names)

    def weights_were_restored(self) -> bool:
        """Whether, since training ended, a callback has restored other weights.

        For functions that `call_after_fit` was given.
        """
        guard = self._fit_guard
        return guard is not None and guard.weights_were_restored()

    def save_own_variables(self, store: Store) -> None:
        super().save_own_variables(store)
        self.saved_state.to_store(store)

    def load_own_variables(self, store: Store) -> None:
        self.saved_state = SavedState()
        self.saved_state = SavedState.from_store(store)
        super().load_own_variables(without_saved_state(store))

    def evaluate(
        self,
        x: Tensor = None,
        y: Tensor = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Tensor = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
        **kwargs: object,
    ) -> Any:
        """Negative ELBO and its terms, as `keras.Model.evaluate` gives them.

        Raises:
            ValueError: If the data hold values outside the likelihood's support.
        """
        options = {
            "batch_size": batch_size,
            "verbose": verbose,
            "sample_weight": sample_weight,
            "steps": steps,
            "callbacks": callbacks,
            "return_dict": return_dict,
            **kwargs,
        }
        if keras_internals.validates_fit(kwargs):  # `fit` has checked, and counts
            return super().evaluate(x, y, **options)
        x, y, _ = data_checks.as_arrays(x, y, None, self.named)
        data_checks.check_end("x", x, "steps", steps)
        self.check_data("x", x)
        # A `fit` that runs and calls this has its own count.
        sync(self)
        count = keras.ops.convert_to_numpy(self.invalid_values.result())
        self.invalid_values.reset_state()
        try:
            y = data_checks.keep_weights(x, y, sample_weight)
            result = super().evaluate(for_keras(x), y, **options)
            self.check_stream()
        finally:
            self.invalid_values.reset_state()
            self.invalid_values.update_state(count)
        return result

    def evaluate_validation(self) -> dict[str, float]:
        """What `evaluate` gives by name for the validation data of a `fit` that runs.

        Raises:
            RuntimeError: If none runs, or it has no validation data.
        """
        if self.validation_data is None:
            raise RuntimeError("There are no validation data to evaluate.")
        data, steps = self.validation_data.data, self.validation_data.steps
        x, _, weight = keras.utils.unpack_x_y_sample_weight(data)
        return self.evaluate(
            x, sample_weight=weight, steps=steps, verbose=0, return_dict=True
        )

    def check_stream(self) -> None:
        """Raise a `ValueError` if a batch since the last check held invalid values."""
        count = int(keras.ops.convert_to_numpy(self.invalid_values.result()))
        self.invalid_values.reset_state()
        if count:
            received = f"{count} other values in this epoch's batches"
            name = "x"
            if self.validation_data is not None:
                # Arrays were checked before; of two streams, either may be meant.
                name = f"{'x` or `' * self.checks_batches}validation_data"
            raise data_checks.outside_support(name, self.likelihood, received)

    def named(self, data: FitData) -> FitData:
        """Several inputs in a list by their names; anything else as it is."""
        return data

    @abc.abstractmethod
    def check_data(self, name: str, data: FitData) -> None:
        """Raise a `ValueError` naming `name` if arrays are not fit to train on.

        Args:
            name: The argument's name, for the message.
            data: Array, or tuple of which the first is checked; streams pass.
        """

    @contextlib.contextmanager
    def _guarded(
        self, x: Tensor, validation: FitValidation, callbacks: list[Any], first: int
    ) -> Iterator[FitGuard]:
        self._training_data = x
        self.validation_data = None if validation.data is None else validation
        self.invalid_values.reset_state()
        self._fit_guard = FitGuard(callbacks)
        try:
            with contextlib.ExitStack() as self._after_fit:
                self.first_epoch = restore_backup(self, callbacks, first)
                yield self._fit_guard
        finally:
            self.saved_state.clear()
            self.first_epoch = 0
            self.validation_data = self._training_data = self._fit_guard = None
            keras_internals.reset_fit(self)
