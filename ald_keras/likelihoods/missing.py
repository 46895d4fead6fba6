"""A likelihood of data of which values are missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from ald_keras._typing import JSON, Shape, Tensor
from ald_keras.likelihoods.density import DensityBase, GaussianOptimalSigma


@keras.saving.register_keras_serializable("ald_keras")
class MissingValues(DensityBase):
    """Leaves values that are NaN out of another likelihood.

    The encoder reads 0 in their place, so the data should be centred. What is decoded
    there is the model's guess.

    Args:
        likelihood: A likelihood of this package, or an object that also has
            `nll_values(x, output)`, the NLL of each value.

    Raises:
        TypeError: If the likelihood has no `nll_values`.
        ValueError: If it reads a variance off the whole batch.
    """

    def __init__(self, likelihood: Any):
        if not hasattr(likelihood, "nll_values"):
            raise TypeError(
                "`likelihood` must have `nll_values(x, output)`, the NLL of each "
                f"value, to leave some out. Received: {type(likelihood).__name__}"
            )
        if isinstance(likelihood, GaussianOptimalSigma):
            raise ValueError(
                "`likelihood` must give the NLL of each value on its own, to leave "
                "some out. Received: GaussianOptimalSigma. Use 'gaussian' or "
                "'gaussian_learned_variance'."
            )
        self.likelihood = likelihood
        self.has_unit_scale = getattr(likelihood, "has_unit_scale", False)

    allows_missing = True

    @property
    def support(self) -> str:
        return f"{getattr(self.likelihood, 'support', 'finite numbers')}, or NaN"

    @property
    def advice(self) -> str:
        return getattr(self.likelihood, "advice", "")

    @property
    def reads_means(self) -> bool:
        return getattr(self.likelihood, "reads_means", False)

    def fill(self, x: Tensor) -> Tensor:
        """Data with 0 in the place of NaN."""
        return ops.where(ops.isnan(x), ops.zeros_like(x), x)

    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        values = self.likelihood.nll_values(self.fill(x), output)
        return ops.where(ops.isnan(x), ops.zeros_like(values), values)

    def mean(self, output: Tensor) -> Tensor:
        return self.likelihood.mean(output)

    def best_constant(self, x: Tensor) -> Tensor:
        missing = ops.isnan(x)
        count = ops.sum(ops.cast(ops.logical_not(missing), x.dtype), axis=0)
        mean = ops.sum(self.fill(x), axis=0) / ops.maximum(count, 1.0)
        return self.likelihood.best_constant(ops.where(missing, mean, x))

    def in_support(self, x: Tensor) -> Tensor:
        return self.likelihood.in_support(self.fill(x))

    def resolve(self, activation: str | None) -> MissingValues:
        resolve = getattr(self.likelihood, "resolve", None)
        inner = self.likelihood if resolve is None else resolve(activation)
        return MissingValues(inner)

    def add_weights(self, add_weight: Callable[..., Tensor], shape: Shape) -> None:
        if hasattr(self.likelihood, "add_weights"):
            self.likelihood.add_weights(add_weight, shape)

    def get_config(self) -> dict[str, object]:
        return {"likelihood": keras.saving.serialize_keras_object(self.likelihood)}

    @classmethod
    def from_config(cls, config: JSON) -> MissingValues:
        return cls(keras.saving.deserialize_keras_object(config["likelihood"]))
