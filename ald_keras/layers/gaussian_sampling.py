"""Draws a latent code from a diagonal Gaussian posterior."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import ops

from ald_keras._typing import Shape, Store, Tensor


@keras.saving.register_keras_serializable("ald_keras")
class GaussianSampling(keras.layers.Layer):
    """`z = z_mean + exp(z_log_var / 2) * noise` (Kingma & Welling 2014, Eq. 10).

    Args:
        seed: Integer seed of the noise, or `None` for a random one. Defaults to
            `None`.

    Call arguments:
        z_mean: Tensor of shape `(batch, latent_dim)`.
        z_log_var: Tensor of the same shape, logarithm of the variance.
        rows: First row and number of rows of the larger batch that these are part of:
            they get the noise that they would get there. Defaults to `None`: they are
            all.

    Attributes:
        noise: Callable `(shape, dtype) -> tensor` that gives the noise, standard
            normal unless replaced. Replace it before the first training step, since
            later ones are compiled.
    """

    def __init__(self, seed: int | None = None, **kwargs: object):
        super().__init__(autocast=False, **kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.noise: Callable[[Shape, str], Tensor] = self._standard_normal
        self.built = True

    def call(self, z_mean: Tensor, z_log_var: Tensor, rows: Tensor = None) -> Tensor:
        dtype = keras.backend.standardize_dtype(z_mean.dtype)
        samples, units = ops.shape(z_mean)
        first, total = (0, samples) if rows is None else rows
        noise = self.noise((total, units), dtype)
        if rows is not None:
            noise = noise[first : first + samples]
        return z_mean + ops.exp(0.5 * z_log_var) * noise

    def _standard_normal(self, shape: Shape, dtype: str) -> Tensor:
        return keras.random.normal(shape, dtype=dtype, seed=self.seed_generator)

    def compute_output_shape(
        self, z_mean_shape: Shape, z_log_var_shape: Shape
    ) -> Shape:
        return z_mean_shape

    # Keras saves no seed generator; a reloaded model is to continue its noise.
    def save_own_variables(self, store: Store) -> None:
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store: Store) -> None:
        self.seed_generator.state.assign(store["seed_state"])

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "seed": self.seed}
