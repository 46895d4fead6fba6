"""JAX: steps without side effects, and a batch that is spread over devices."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import keras
import numpy as np

from ald_keras._typing import FitData, Tensor
from ald_keras.backends.batch import Batch
from ald_keras.backends.jax_devices import Devices
from ald_keras.backends.single_process import OneDevice
from ald_keras.backends.step_model import StepModel

Variables = Iterable[keras.Variable]
# Values of variables: trainable, not trainable, of the optimizer, of the metrics.
State = tuple[list[Tensor], ...]


class Steps(StepModel):
    """Training and test steps as `fit` calls them."""

    @property
    def metrics_variables(self) -> list[keras.Variable]:
        # Keras hands on from step to step what is here, and nothing else.
        return [*super().metrics_variables, *self.invalid_values.variables]

    def train_step(self, state: State, data: FitData) -> tuple[Any, State]:
        """One step of gradient descent."""
        trainable, others, slots, metrics = state
        x, sample_weight = self.read_batch(data)
        batch = Batch()
        kept = [*self.non_trainable_variables, *self.metrics_variables]

        def objective(trainable: list[Tensor]) -> tuple[Tensor, Any]:
            scope = _scope(
                (self.trainable_variables, trainable),
                (kept, [*others, *metrics]),
                (self.optimizer.variables, slots),
            )
            with scope:
                loss, measured = self.training_loss(x, sample_weight, batch)
                loss = self.optimizer.scale_loss(loss)
            return loss, (measured, _values(scope, kept))

        gradients, aux = jax.grad(objective, has_aux=True)(trainable)
        measured, values = aux
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        scope = _scope((self.trainable_variables, trainable), (kept, values))
        with scope:
            figures = self.after_step(x, measured, batch)
            logs = batch.results(self.metrics, **figures)
        values = _values(scope, kept)
        count = len(others)
        return logs, (trainable, values[:count], slots, values[count:])

    def test_step(self, state: State, data: FitData) -> tuple[Any, State]:
        """What a batch costs at inference."""
        trainable, others, metrics = state
        x, sample_weight = self.read_batch(data)
        kept = [*self.non_trainable_variables, *self.metrics_variables]
        scope = _scope(
            (self.trainable_variables, trainable), (kept, [*others, *metrics])
        )
        with scope:
            batch = Batch()
            self.measure_batch(x, sample_weight, batch)
            logs = batch.results(self.metrics)
        values = _values(scope, kept)
        count = len(others)
        return logs, (trainable, values[:count], values[count:])


def _scope(*pairs: tuple[Variables, Iterable[Tensor]]) -> keras.StatelessScope:
    """In which variables have other values, and can be assigned to."""
    mapping = [pair for some in pairs for pair in zip(*some, strict=True)]
    return keras.StatelessScope(mapping, collect_losses=True)


def _values(scope: keras.StatelessScope, variables: Variables) -> list[Tensor]:
    return [scope.get_current_value(variable) for variable in variables]


def cond(
    model: keras.Model,
    predicate: Tensor,
    true: Callable[[], Tensor],
    false: Callable[[], Tensor],
) -> Tensor:
    """What one of two functions gives, of which only that one is computed.

    Variables of the model that it assigns to are assigned to here.
    """
    variables = [*model.variables, *model.metrics_variables]

    def branch(function: Callable[[], Tensor]) -> Callable[..., Any]:
        def run(values: list[Tensor]) -> Any:
            scope = _scope((variables, values))
            with scope:
                result = function()
            return result, _values(scope, variables)

        return run

    before = [variable.value for variable in variables]
    result, after = jax.lax.cond(predicate, branch(true), branch(false), before)
    for variable, value in zip(variables, after, strict=True):
        if not variable.trainable:
            variable.assign(value)
    return result


def is_eager() -> bool:
    """Whether steps run as Python calls them, with values that can be read."""
    return False


def compiled(model: keras.Model, function: Callable[..., Tensor]) -> Any:
    """A function of tensors and of a model's weights, to be called many times."""
    if model.compiled and model.run_eagerly:
        return function

    @jax.jit
    def pure(values: list[Tensor], *arguments: Any) -> Tensor:
        with _scope((model.variables, values)):
            return function(*arguments)

    return lambda *arguments: pure([v.value for v in model.variables], *arguments)


def without_gradients() -> contextlib.AbstractContextManager[None]:
    """In which nothing is kept for gradients: there is nothing to do here."""
    return contextlib.nullcontext()


def longest_execution(model: keras.Model) -> int:
    """Steps that one call of the backend takes, where nothing needs each batch."""
    return 1


def shared_random_state() -> list[np.ndarray]:
    """State of random numbers that layers draw and no variable holds: none here."""
    return []


def set_shared_random_state(arrays: Sequence[np.ndarray]) -> None:
    """Go on from what `shared_random_state` gave; nothing to do here."""


def sync(model: keras.Model) -> None:
    """Weights as the last step has left them, while `fit` runs an epoch."""
    model.jax_state_sync()


def open_strategy(name: str) -> Any:
    """The distribution of a config, see `runs/strategies.py`."""
    if name == "none":
        return OneDevice()
    if name == "multi_worker":
        raise ValueError(
            "`strategy` must be 'none' or 'mirrored' with JAX. Received: "
            "'multi_worker', which is TensorFlow's: set KERAS_BACKEND=tensorflow."
        )
    return Devices()
