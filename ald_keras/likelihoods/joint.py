"""A likelihood of several kinds of data that one code is decoded to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from ald_keras._typing import JSON, Shape, Tensor
from ald_keras.likelihoods.density import DensityBase

Shapes = Mapping[str, Sequence[int]]


@keras.saving.register_keras_serializable("ald_keras")
class JointLikelihood(DensityBase):
    """Modalities, each with a likelihood of its own, independent given the code.

    Data and outputs are those of all modalities, flat, one after another: shape
    `(batch, values)`. A model packs and unpacks them.

    Args:
        likelihoods: The likelihoods by the modalities' names.
        shapes: Shape of one sample of each modality, by name. Defaults to `None`: the
            model says.
        output_shapes: Likewise, of the decoder's outputs. Defaults to `None`.

    Attributes:
        activations: Last activation of the decoder for each modality whose likelihood
            reads means, as far as the model has said.

    Raises:
        TypeError: If a likelihood has no `nll_values` or no `best_constant`.
    """

    def __init__(
        self,
        likelihoods: Mapping[str, Any],
        shapes: Shapes | None = None,
        output_shapes: Shapes | None = None,
    ):
        for name, likelihood in likelihoods.items():
            needed = "nll_values", "best_constant"
            if not all(hasattr(likelihood, method) for method in needed):
                raise TypeError(
                    "`likelihood` of a modality must have `nll_values(x, output)` and "
                    f"`best_constant(x)`. Received: {type(likelihood).__name__} for "
                    f"'{name}'"
                )
        self.likelihoods: dict[str, Any] = dict(likelihoods)
        self._shapes, self._output_shapes = shapes, output_shapes
        self.activations: dict[str, str | None] = {}
        self.allows_missing = any(
            getattr(each, "allows_missing", False) for each in likelihoods.values()
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities, in the order in which values are packed."""
        return tuple(self.likelihoods)

    @property
    def is_bound(self) -> bool:
        """Whether the shapes are known."""
        return self._shapes is not None

    @property
    def shapes(self) -> Shapes:
        """Shape of one sample of each modality, by name."""
        return self._known(self._shapes)

    def of_networks(
        self,
        activations: Mapping[str, str | None],
        shapes: Shapes,
        output_shapes: Shapes,
    ) -> JointLikelihood:
        """The likelihood as it reads a model's outputs.

        Args:
            activations: Last activation of the decoder for each modality.
            shapes: As the class takes it.
            output_shapes: As the class takes it.
        """
        found = {}
        for name, likelihood in self.likelihoods.items():
            resolve = getattr(likelihood, "resolve", None)
            found[name] = resolve(activations[name]) if resolve else likelihood
        bound = JointLikelihood(found, shapes, output_shapes)
        means = (n for n, one in found.items() if getattr(one, "reads_means", False))
        bound.activations = {name: activations[name] for name in means}
        return bound

    def copy(self) -> JointLikelihood:
        """The same, for another model: weights are each model's own."""
        return self.of_networks(
            dict.fromkeys(self.names), self.shapes, self._known(self._output_shapes)
        )

    def unpack(self, x: Tensor) -> dict[str, Tensor]:
        """Packed data, shape `(batch, values)`, as each modality's tensor by name."""
        return unpacked(x, self.shapes)

    def fitted_to(self, x: Tensor, output: Tensor) -> JointLikelihood:
        """The likelihoods with variances of these data, whatever the batch."""
        data = self.unpack(x)
        outputs = unpacked(output, self._known(self._output_shapes))
        fitted = {
            name: one.fitted_to(data[name], outputs[name])
            if hasattr(one, "fitted_to")
            else one
            for name, one in self.likelihoods.items()
        }
        return JointLikelihood(fitted, self._shapes, self._output_shapes)

    def nll_values(self, x: Tensor, output: Tensor) -> Tensor:
        return self._of_each(lambda one, x, out: one.nll_values(x, out), x, output)

    def mean(self, output: Tensor) -> Tensor:
        outputs = unpacked(output, self._known(self._output_shapes))
        means = {n: one.mean(outputs[n]) for n, one in self.likelihoods.items()}
        return packed(means, self.names)

    def best_constant(self, x: Tensor) -> Tensor:
        data = self.unpack(x)
        constants = {
            name: ops.expand_dims(one.best_constant(data[name]), 0)
            for name, one in self.likelihoods.items()
        }
        return packed(constants, self.names)[0]

    def in_support(self, x: Tensor) -> Tensor:
        data = self.unpack(x)
        known = {}
        for name, one in self.likelihoods.items():
            support = getattr(one, "in_support", ops.isfinite)
            known[name] = support(data[name])
        return packed(known, self.names)

    def fill(self, x: Tensor) -> Tensor:
        """Data with 0 in the place of missing values, which are NaN."""
        data = self.unpack(x)
        filled = {
            name: one.fill(data[name]) if hasattr(one, "fill") else data[name]
            for name, one in self.likelihoods.items()
        }
        return packed(filled, self.names)

    def irreducible_error(self, x: Any) -> float:
        """Squared error a sample that remains whatever the output, as far as known."""
        data = self.unpack(x)
        known = {
            name: getattr(one, "irreducible_error", None)
            for name, one in self.likelihoods.items()
        }
        return sum(
            error(ops.convert_to_numpy(data[name]))
            for name, error in known.items()
            if error is not None
        )

    @property
    def reads_means(self) -> bool:
        return False

    @property
    def support(self) -> str:
        each = (
            f"{getattr(one, 'support', 'finite numbers')} as '{name}'"
            for name, one in self.likelihoods.items()
        )
        return ", ".join(each)

    def add_weights(self, add_weight: Callable[..., Tensor], shape: Shape) -> None:
        for name, one in self.likelihoods.items():
            if hasattr(one, "add_weights"):
                one.add_weights(add_weight, tuple(self.shapes[name]))

    def get_config(self) -> dict[str, object]:
        likelihoods = {
            name: keras.saving.serialize_keras_object(one)
            for name, one in self.likelihoods.items()
        }
        return {
            "likelihoods": likelihoods,
            "shapes": self._shapes,
            "output_shapes": self._output_shapes,
        }

    @classmethod
    def from_config(cls, config: JSON) -> JointLikelihood:
        likelihoods = {
            name: keras.saving.deserialize_keras_object(one)
            for name, one in config["likelihoods"].items()
        }
        return cls(**{**config, "likelihoods": likelihoods})

    def _of_each(
        self,
        function: Callable[[Any, Tensor, Tensor], Tensor],
        x: Tensor,
        output: Tensor,
    ) -> Tensor:
        data = self.unpack(x)
        outputs = unpacked(output, self._known(self._output_shapes))
        values = {
            name: function(one, data[name], outputs[name])
            for name, one in self.likelihoods.items()
        }
        return packed(values, self.names)

    def _known(self, shapes: Shapes | None) -> Shapes:
        if shapes is None:
            raise ValueError(
                "`JointLikelihood` must know the shapes of its modalities to be used "
                "outside of a model. Received: shapes=None"
            )
        return shapes


def packed(parts: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """Tensors by name, flat one after another, shape `(batch, values)`."""
    flat = [
        ops.reshape(parts[name], (-1, _values(parts[name].shape[1:]))) for name in names
    ]
    return ops.concatenate(flat, axis=-1)


def unpacked(values: Tensor, shapes: Shapes) -> dict[str, Tensor]:
    """What `packed` gave, as tensors of these shapes by name."""
    parts, start = {}, 0
    for name, shape in shapes.items():
        end = start + _values(shape)
        parts[name] = ops.reshape(values[:, start:end], (-1, *shape))
        start = end
    return parts


def _values(shape: Sequence[int]) -> int:
    return math.prod(int(size) for size in shape)
