"""Small models and data that many tests share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.datasets import load_digits

from ald_keras import MaskedVAE

to_numpy = keras.ops.convert_to_numpy

BACKEND = keras.backend.backend()
# Marks of tests that ask what PyTorch does not do: it traces no steps.
traced = pytest.mark.skipif(BACKEND == "torch", reason="PyTorch runs eagerly")
several_steps = pytest.mark.skipif(
    BACKEND == "torch", reason="Keras executes single steps with PyTorch"
)
xla = pytest.mark.skipif(BACKEND == "torch", reason="torch.compile takes minutes")
# And where `JAX_ENABLE_X64` is not set.
double = pytest.mark.skipif(BACKEND == "jax", reason="JAX computes in 32 bits")
# And of one that asks which branch runs, outside of a step.
eager = pytest.mark.skipif(BACKEND == "jax", reason="JAX traces both branches")

# What the config file of a training run of a second holds.
TINY_RUN = {
    "dataset": "digits",
    "architecture": {"name": "mlp", "hidden": [8]},
    "latent_dim": 4,
    "epochs": 2,
    "data": {"limit": 200},
    "report": False,
    "probe": {"size": 20, "n_clusters": 3, "features": "identity"},
}


def digits(samples: int | None = None) -> np.ndarray:
    """scikit-learn's digits, shape `(samples, 8, 8, 1)`, in [0, 1]."""
    images = load_digits().images[:samples] / 16.0
    return images.astype("float32")[..., None]


def small_encoder(width: int = 24, shape: tuple[int, ...] = (8, 8, 1)) -> keras.Model:
    return keras.Sequential(
        [keras.Input(shape), layers.Flatten(), layers.Dense(width, activation="relu")]
    )


def small_decoder(
    latent_dim: int,
    width: int = 24,
    shape: tuple[int, ...] = (8, 8, 1),
    activation: str | None = None,
) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(width, activation="relu"),
            layers.Dense(int(np.prod(shape)), activation=activation),
            layers.Reshape(shape),
        ]
    )


def small_vae(
    latent_dim: int = 8, activation: str | None = None, **options
) -> MaskedVAE:
    """A MaskedVAE on digits; `options` as its constructor takes them."""
    keras.utils.set_random_seed(0)
    options = {"seed": 0, **options}
    return MaskedVAE(
        small_encoder(),
        small_decoder(latent_dim, activation=activation),
        latent_dim,
        **options,
    )


def traced_vae(latent_dim: int = 8) -> MaskedVAE:
    """A `small_vae`, compiled with Adam, by `as_new`."""
    return as_new(_compiled_vae, latent_dim)


def _compiled_vae(latent_dim: int) -> MaskedVAE:
    vae = small_vae(latent_dim)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae


def as_new(make: Callable[..., Any], *arguments: Any) -> Any:
    """The compiled model that `make(*arguments)` gives, as if it were a new one.

    It is made once a process, for what takes time is to trace its steps; all that
    training changes is put back. Not for a test that compiles it or replaces a part.
    """
    model, variables, start = _made_once(make, *arguments)
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    model.saved_state.clear()
    keras.utils.set_random_seed(0)
    return model


@functools.cache
def _made_once(make: Callable[..., Any], *arguments: Any) -> tuple[Any, list, list]:
    model = make(*arguments)
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    return model, variables, [to_numpy(v).copy() for v in variables]


def weights_of(model) -> list[np.ndarray]:
    return [to_numpy(weight) for weight in model.weights]


def largest_gap(first, second) -> float:
    """Largest absolute difference over two lists of arrays of equal shapes."""
    gaps = []
    for a, b in zip(first, second, strict=True):
        a, b = (to_numpy(value) for value in (a, b))
        assert a.shape == b.shape
        gaps.append(float(np.abs(a - b).max(initial=0.0)))
    return max(gaps)


def be_deterministic() -> None:
    """Have this process compute the same bits each time, which TensorFlow may not."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def gradients_of(
    function: Callable[[], Any], variables: list[keras.Variable]
) -> list[np.ndarray]:
    """Gradients of a scalar that a function without arguments computes.

    Args:
        function: What it assigns to variables is lost with JAX.
        variables: What it depends on, or does not: then the gradient is 0.
    """
    gradients = _GRADIENTS[BACKEND](function, variables)
    return [
        np.zeros(variable.shape, "float32") if gradient is None else to_numpy(gradient)
        for gradient, variable in zip(gradients, variables, strict=True)
    ]


def _tensorflow_gradients(function, variables):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = function()
    return tape.gradient(loss, [variable.value for variable in variables])


def _jax_gradients(function, variables):
    import jax

    def loss(values):
        with keras.StatelessScope(zip(variables, values, strict=True)):
            return function()

    return jax.grad(loss)([variable.value for variable in variables])


def _torch_gradients(function, variables):
    import torch

    values = [variable.value for variable in variables]
    return torch.autograd.grad(function(), values, allow_unused=True)


_GRADIENTS = {
    "tensorflow": _tensorflow_gradients,
    "jax": _jax_gradients,
    "torch": _torch_gradients,
}


def stream_of(data: Any, batch_size: int, endless: bool = False) -> Any:
    """Batches of arrays: `tf.data` with TensorFlow, else a `PyDataset`.

    Args:
        data: Array, or arrays in tuples and dicts.
        batch_size: Integer; the last batch may be smaller.
        endless: Whether it starts again and again.
    """
    if BACKEND != "tensorflow":
        return Stream(data, batch_size, endless)
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices(data).batch(batch_size)
    return stream.repeat() if endless else stream


def batches_of(batches: Any) -> list[tuple[np.ndarray, ...]]:
    """One pass over `EpochShuffledBatches`, in NumPy."""
    dataset = batches.dataset
    passes = (
        dataset
        if hasattr(dataset, "element_spec")
        else map(dataset.__getitem__, range(len(dataset)))
    )
    return [tuple(map(to_numpy, batch)) for batch in passes]


class Stream(keras.utils.PyDataset):
    """What `stream_of` gives where there is no `tf.data`."""

    def __init__(self, data: Any, batch_size: int, endless: bool) -> None:
        super().__init__()
        self.data, self.batch_size, self.endless = data, batch_size, endless
        samples = len(keras.tree.flatten(data)[0])
        self.count = -(-samples // batch_size)

    @property
    def num_batches(self) -> int | None:
        return None if self.endless else self.count

    def __getitem__(self, index: int) -> Any:
        first = index % self.count * self.batch_size
        part = slice(first, first + self.batch_size)
        batch = keras.tree.map_structure(lambda array: array[part], self.data)
        return batch if isinstance(batch, tuple) else (batch,)
