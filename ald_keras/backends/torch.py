"""PyTorch: steps that run eagerly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import torch

from ald_keras._typing import FitData, Tensor
from ald_keras.backends.batch import Batch
from ald_keras.backends.single_process import OneDevice
from ald_keras.backends.step_model import StepModel
from ald_keras.backends.torch_adam import fused_adam


class Steps(StepModel):
    """Training and test steps as `fit` calls them."""

    def train_step(self, data: FitData) -> dict[str, Tensor]:
        """One step of gradient descent."""
        # As TensorFlow and JAX do; numbers below 1e-38 make a step half as fast.
        if not torch.compiler.is_compiling():
            torch.set_flush_denormal(True)
        x, sample_weight = self.read_batch(data)
        batch = Batch()
        loss, measured = self.training_loss(x, sample_weight, batch)
        loss = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        gradients = torch.autograd.grad(
            loss, [variable.value for variable in variables], allow_unused=True
        )
        with torch.no_grad():
            with fused_adam(self.optimizer):
                self.optimizer.apply(gradients, variables)
            return batch.results(self.metrics, **self.after_step(x, measured, batch))

    def test_step(self, data: FitData) -> dict[str, Tensor]:
        """What a batch costs at inference."""
        x, sample_weight = self.read_batch(data)
        batch = Batch()
        self.measure_batch(x, sample_weight, batch)
        return batch.results(self.metrics)


def cond(
    model: keras.Model,
    predicate: Tensor,
    true: Callable[[], Tensor],
    false: Callable[[], Tensor],
) -> Tensor:
    """What one of two functions gives, of which only that one is computed."""
    return true() if bool(predicate) else false()


def is_eager() -> bool:
    """Whether steps run as Python calls them, with values that can be read."""
    return True


def compiled(model: keras.Model, function: Callable[..., Tensor]) -> Any:
    """A function of tensors and of a model's weights, to be called many times."""
    return torch.no_grad()(function)


def without_gradients() -> Any:
    """In which nothing is kept for gradients, so that tensors are plain arrays."""
    return torch.no_grad()


def longest_execution(model: keras.Model) -> int:
    """Steps that one call of the backend takes, where nothing needs each batch."""
    return 1


def shared_random_state() -> list[np.ndarray]:
    """State of random numbers that layers draw and no variable holds.

    Keras's dropout draws from it unless it has a seed.
    """
    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states.append(torch.cuda.get_rng_state())
    return [state.numpy() for state in states]


def set_shared_random_state(arrays: Sequence[np.ndarray]) -> None:
    """Go on from what `shared_random_state` gave, as far as this device has such."""
    setters = [torch.set_rng_state]
    if torch.cuda.is_available():
        setters.append(torch.cuda.set_rng_state)
    for setter, array in zip(setters, arrays, strict=False):
        setter(torch.from_numpy(np.array(array, np.uint8)))


def sync(model: keras.Model) -> None:
    """Weights as the last step has left them: they always are here."""


def open_strategy(name: str) -> Any:
    """The strategy of a config, see `runs/strategies.py`."""
    if name != "none":
        raise ValueError(
            "`strategy` must be 'none' with PyTorch. "
            f"Received: {name!r}. Set KERAS_BACKEND=tensorflow, or jax for 'mirrored'."
        )
    return OneDevice()
