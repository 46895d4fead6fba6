"""Small models and data that many tests share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

from ald_keras import MaskedVAE

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
    return model, variables, [np.array(v.numpy()) for v in variables]


def weights_of(model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def largest_gap(first, second) -> float:
    """Largest absolute difference over two lists of arrays of equal shapes."""
    gaps = []
    for a, b in zip(first, second, strict=True):
        a, b = (keras.ops.convert_to_numpy(value) for value in (a, b))
        assert a.shape == b.shape
        gaps.append(float(np.abs(a - b).max(initial=0.0)))
    return max(gaps)
