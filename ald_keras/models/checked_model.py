"""A Keras model that checks its data and tells callbacks of its validation data."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import keras

from ald_keras.models import compiled, data_checks, replicas
from ald_keras.models.fit_guard import FitGuard, as_list


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

    data: Any
    frequency: Any = 1
    steps: int | None = None


class CheckedModel(keras.Model):
    """Training as Keras does it, with checks of what comes in.

    A subclass has `likelihood`, `data_shape`, `memory` (what callbacks know, for files
    that are written while `fit` runs) and, for batches of streams, counts
    values that it cannot use in `unusable_values`, inside its steps.

    Attributes:
        validation_data: `FitValidation` while `fit` runs, else `None`.
    """

    likelihood: Any
    data_shape: Any
    memory: Any

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.unusable_values = keras.metrics.Sum(name="unusable_values")
        self.validation_data: FitValidation | None = None
        self._training_data: Any = None

    def compile(self, optimizer: Any = "adam", loss: Any = None, **kwargs: Any) -> None:
        """Set the optimizer; the loss is the negative ELBO.

        Args:
            optimizer: Keras optimizer or its name. Defaults to `"adam"`.
            loss: Must be `None`.
            **kwargs: `jit_compile`, `run_eagerly`, `steps_per_execution`,
                `auto_scale_loss`, as in Keras.

        Raises:
            ValueError: If a loss or metrics are given.
        """
        unusable = ("loss_weights", "metrics", "weighted_metrics")
        given = [name for name in unusable if kwargs.get(name)]
        if loss is not None or given:
            raise ValueError(
                "`compile` takes no loss and no metrics: the loss is the negative "
                f"ELBO. "
                f"Received: {', '.join(['loss'] * (loss is not None) + given)}"
            )
        super().compile(optimizer=optimizer, **kwargs)
        compiled.forget_compiled(self)
        if self.optimizer is not None and not self.optimizer.built:
            # So that what is saved or read before the first step is whole.
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train as `keras.Model.fit` does, and check the data.

        Labels are not used by the loss; they serve callbacks. Validation data stand
        in `validation_data` while this runs.

        Raises:
            ValueError: If arrays hold values outside the likelihood's support,
                before the first step; if a stream does, at the end of the epoch; if
                `class_weight` comes without labels; if a callback that saves the
                model stands before one that decides on its size.
        """
        x, validation_data = data_checks.as_arrays(x, validation_data)
        data_checks.check_class_weight(class_weight, x, y)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = data_checks.split_arrays(
                (x, y, sample_weight), validation_split
            )
        self.check_data("x", x)
        self.check_data("validation_data", validation_data)
        steps = kwargs.get("validation_steps")
        each = kwargs.get("steps_per_epoch")
        data_checks.check_end("x", x, "steps_per_epoch", each)
        data_checks.check_end(
            "validation_data", validation_data, "validation_steps", steps
        )
        frequency = kwargs.get("validation_freq", 1)
        own = self.own_callbacks()
        everyone = [*own, *as_list(callbacks)]
        guard = FitGuard(everyone)
        validation = FitValidation(validation_data, frequency, steps)
        with self._guarded(x, validation, everyone):
            history = super().fit(
                x=x,
                y=data_checks.keep_weights(x, y, sample_weight),
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=guard.around(callbacks, self, own, epochs, initial_epoch),
                validation_data=_keep_validation_weights(validation_data),
                shuffle=shuffle and not data_checks.is_stream(x),
                class_weight=class_weight,
                sample_weight=sample_weight,
                initial_epoch=initial_epoch,
                **kwargs,
            )
        return history

    def training_samples(self, count: int) -> Any:
        """Some of the samples that the `fit` that runs trains on.

        Args:
            count: Integer >= 1, how many at most.

        Returns:
            Array of shape `(samples, *data_shape)`, or `None` where no `fit` runs or
            its data can be read only once.
        """
        if self._training_data is None:
            return None
        return data_checks.first_samples(self._training_data, count)

    def from_chief(self, function: Callable[[], Any]) -> Any:
        """What a function gives, called once where several workers train together.

        Args:
            function: Gives plain types, as JSON holds them exactly.

        Raises:
            Exception: What the function raises; a `RuntimeError` with its message in
                the workers that have not called it.
        """
        return replicas.from_chief(self.distribute_strategy, function)

    def _maybe_symbolic_build(self, *_: Any, **__: Any) -> None:
        # All is built when it is made. Keras would take a batch and, with several
        # workers, fail to reduce it (Keras 3.15).
        return

    def own_callbacks(self) -> list[Any]:
        """Callbacks that every `fit` has, before those it is given."""
        return []

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Negative ELBO and its terms, as `keras.Model.evaluate` gives them.

        Raises:
            ValueError: If the data hold values outside the likelihood's support.
        """
        if kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked, and guards
            return super().evaluate(x, y, *args, **kwargs)
        x, _ = data_checks.as_arrays(x, None)
        steps = kwargs.get("steps", args[3] if len(args) > 3 else None)
        data_checks.check_end("x", x, "steps", steps)
        self.check_data("x", x)
        # A `fit` that runs, and calls this from a callback, has its own count.
        count = keras.ops.convert_to_numpy(self.unusable_values.result())
        self.unusable_values.reset_state()
        y = data_checks.keep_weights(x, y, kwargs.get("sample_weight"))
        result = super().evaluate(x, y, *args, **kwargs)
        self.check_stream()
        self.unusable_values.update_state(count)
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
        options = {"steps": steps, "verbose": 0, "return_dict": True}
        return self.evaluate(x, sample_weight=weight, **options)

    def check_stream(self) -> None:
        """Raise a `ValueError` if a batch since the last check held unusable values."""
        count = int(keras.ops.convert_to_numpy(self.unusable_values.result()))
        self.unusable_values.reset_state()
        if count:
            raise ValueError(
                f"The data must be finite and within the support of the "
                f"{type(self.likelihood).__name__} likelihood. "
                f"Received: {count} other values in this epoch's batches."
            )

    def check_data(self, name: str, data: Any) -> None:
        """Raise a `ValueError` naming `name` if arrays are not fit to train on.

        Args:
            name: The argument's name, for the message.
            data: Array, or tuple of which the first is checked; streams pass.
        """
        array = data[0] if isinstance(data, tuple) and data else data
        if data_checks.is_array(array):
            data_checks.check_array(name, array, self.likelihood, self.data_shape)

    @contextlib.contextmanager
    def _guarded(
        self, x: Any, validation: FitValidation, callbacks: list[Any]
    ) -> Iterator[None]:
        self._training_data = x
        self.validation_data = None if validation.data is None else validation
        self.unusable_values.reset_state()
        completed = False
        try:
            yield
            completed = True
        finally:
            self.memory.clear()
            # Keras keeps what `BackupAndRestore` sets, for every `fit` to come.
            self._initial_epoch = None
            # After every `on_train_end`: one may have restored other weights.
            try:
                for callback in callbacks:
                    getattr(callback, "on_fit_end", _do_nothing)(completed)
            finally:
                self.validation_data = self._training_data = None
            # Keras leaves its iterator over the validation data when `fit` fails.
            self._eval_epoch_iterator = None


def _keep_validation_weights(data: Any) -> Any:
    if not isinstance(data, tuple) or len(data) != 3:
        return data
    x, y, sample_weight = data
    return x, data_checks.keep_weights(x, y, sample_weight), sample_weight


def _do_nothing(completed: bool) -> None:
    """What a callback without `on_fit_end` does there."""
