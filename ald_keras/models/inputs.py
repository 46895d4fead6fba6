"""Which inputs of a model are data, which are conditions, and how batches hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras.likelihoods.joint import packed, unpacked
from ald_keras.metrics.arrays import NamedArrays, as_array, to_numpy

DATA, CODE = "x", "z"


class ModelInputs:
    """What a model reads: data alone, or data and conditions by name.

    A condition is a further input of the encoder, of the decoder or, by one name, of
    both: a class label, the batch of a cell, the logarithm of its library size. A
    batch of data alone is a tensor; with conditions it is a mapping from names to
    tensors, in which the data are called `"x"`. Several modalities have the names of
    their likelihoods; inside the model they are one tensor, flat one after another.

    Args:
        encoder: Functional model, the inputs of data first.
        decoder: Sequential or Functional model, the latent input first.
        modalities: Names of the data, in the encoder's order. Defaults to `None`: they
            are one, `"x"`.

    Attributes:
        names: Names of the data, then of the conditions; `("x",)` for data alone.
        shapes: Shape of one sample of each, by name.
        conditions: Names of all conditions.

    Raises:
        ValueError: If a condition has the name of data, or differs in shape between
            encoder and decoder.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        modalities: Sequence[str] | None = None,
    ) -> None:
        self._joint = modalities is not None
        modalities = (DATA,) if modalities is None else tuple(modalities)
        count, self._data = len(modalities), modalities
        self._encoder = [tensor.name for tensor in encoder.inputs[count:]]
        self._decoder = [tensor.name for tensor in decoder.inputs[1:]]
        named = list(zip(modalities, encoder.inputs, strict=False))
        rest = (*encoder.inputs[count:], *decoder.inputs[1:])
        named += [(tensor.name, tensor) for tensor in rest]
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._dtypes: dict[str, str] = {}
        for i, (name, tensor) in enumerate(named):
            shape = tuple(tensor.shape[1:])
            clash = i >= count and name in self._data
            if clash or self.shapes.get(name, shape) != shape:
                raise ValueError(
                    "`decoder` and `encoder` must read a condition in one shape, under "
                    f"a name that no data have. Received: '{name}' of shape {shape}, "
                    f"and {self.shapes[name]}. Rename or reshape the input."
                )
            self.shapes[name] = shape
            self._dtypes[name] = tensor.dtype
        self.names = tuple(self.shapes)
        self.conditions = self.names[count:]
        self._are_named = self._joint or len(self.names) > 1

    @property
    def encoder_names(self) -> tuple[str, ...]:
        """Names of what the encoder reads, in its order."""
        return (*self._data, *self._encoder)

    @property
    def decoder_names(self) -> tuple[str, ...]:
        """Names of what the decoder reads, in its order; `"z"` is the code."""
        return (CODE, *self._decoder)

    def check(self, name: str, data: object) -> None:
        """Raise a `ValueError` naming `name` unless data in memory have these inputs.

        The shape of the only data is checked elsewhere.
        """
        parts = self.by_name(data)
        self._check_names(name, parts)
        if not isinstance(parts, Mapping):
            return
        checked = self.names if self._joint else self.conditions
        for key in checked:
            shape = tuple(parts[key].shape[1:])
            if self.spread(key, parts[key]).shape[1:] != self.shapes[key]:
                raise ValueError(
                    f"`{name}['{key}']` must have shape (samples, "
                    f"{', '.join(map(str, self.shapes[key]))}). Received: shape "
                    f"(samples, {', '.join(map(str, shape))})"
                )
        for key in self.conditions:
            _check_numbers(f"{name}['{key}']", np.asarray(parts[key][:]))

    def _check_names(self, name: str, parts: Any) -> None:
        named = isinstance(parts, Mapping)
        if set(parts) != set(self.names) if named else self._are_named:
            found = sorted(parts) if named else "one array"
            expected = f"arrays by name: {list(self.names)}"
            raise ValueError(
                f"`{name}` must be {expected if self._are_named else 'one array'}, "
                f"as the model's inputs are. Received: {found}"
            )

    def spread(self, name: str, values: Any) -> Any:
        """A condition's values, with an axis for single ones where they lack it."""
        if len(values.shape) == 1 and self.shapes[name] == (1,):
            return values[:, None]
        return values

    def by_name(self, batch: Any) -> Any:
        """Several inputs as a mapping, those of a list in the order of `names`."""
        if isinstance(batch, NamedArrays):
            return batch.parts
        listed = isinstance(batch, (list, tuple)) and len(batch) == len(self.names)
        if not (listed and self._are_named):
            return batch
        return dict(zip(self.names, batch, strict=True))

    def tensors(self, batch: Any) -> Any:
        """A batch as tensors: one, or a mapping from names to tensors."""
        batch = self.by_name(batch)
        self._check_names("x", batch)
        if not isinstance(batch, Mapping):
            return ops.convert_to_tensor(batch, sparse=False)
        return self._converted(batch)

    def _converted(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        return {
            name: self.spread(name, ops.convert_to_tensor(value, sparse=False))
            for name, value in batch.items()
        }

    def data(self, batch: Any) -> Any:
        """The data of a batch, those of several modalities flat one after another."""
        batch = self.by_name(batch)
        if not isinstance(batch, Mapping):
            return batch
        if not self._joint:
            return batch[DATA]
        return packed(self._converted({n: batch[n] for n in self._data}), self._data)

    def data_values(self, x: Any) -> np.ndarray:
        """The data among arrays, shape `(samples, *data_shape)`, float32."""
        values = to_numpy(self.data(x[:]))
        return np.asarray(values).astype("float32", copy=False)

    def conditions_of(self, batch: Any) -> tuple[Tensor, ...]:
        """What the decoder reads of a batch beside the code, in its order."""
        if not self._decoder:
            return ()
        parts = self.by_name(batch)
        self._check_names("x", parts)
        return tuple(self._converted({n: parts[n] for n in self._decoder}).values())

    def for_encoder(self, batch: Any, x: Tensor) -> Any:
        """What the encoder is called on, with `x` as the data."""
        read = [x]
        if self._joint:
            shapes = {name: self.shapes[name] for name in self._data}
            read = list(unpacked(x, shapes).values())
        if self._encoder:
            parts = self.by_name(batch)
            self._check_names("x", parts)
            read += self._converted({n: parts[n] for n in self._encoder}).values()
        return read if len(read) > 1 else read[0]

    def for_decoder(self, z: Tensor, conditions: tuple[Tensor, ...]) -> Any:
        """What the decoder is called on."""
        return [z, *conditions] if self._decoder else z

    def given_conditions(self, condition: Any, count: int) -> tuple[Tensor, ...]:
        """A user's conditions for `count` codes, in the decoder's order.

        Args:
            condition: Values by name, or those of the only condition: one for each
                code, or one for all. `None` without conditions.
            count: Integer >= 1.

        Raises:
            ValueError: If a condition is missing, unknown or of another shape.
        """
        names = self._decoder
        if condition is not None and not names:
            raise ValueError(
                "`condition` must be None, as the decoder reads no conditions. "
                f"Received: {type(condition).__name__}"
            )
        if not isinstance(condition, (Mapping, NamedArrays)) and condition is not None:
            condition = {names[0]: condition} if len(names) == 1 else {"": condition}
        if isinstance(condition, NamedArrays):
            condition = condition.parts
        given = dict(condition or {})
        if set(given) != set(names):
            raise ValueError(
                f"`condition` must give a value for each of {list(names)}, by name. "
                f"Received: {sorted(given) or None}"
            )
        return tuple(self._for_codes(name, given[name], count) for name in names)

    def _for_codes(self, name: str, value: Any, count: int) -> Tensor:
        if hasattr(value, "columns") or hasattr(value, "tocsr"):
            value = as_array("condition", value)[:]
        array = np.asarray(to_numpy(value) if ops.is_tensor(value) else value)
        shape = self.shapes[name]
        if array.shape == shape or (array.shape == () and shape == (1,)):
            array = np.broadcast_to(array, (count, *shape))
        array = self.spread(name, array)
        if array.shape != (count, *shape):
            raise ValueError(
                f"`condition['{name}']` must have shape {shape} for all codes, or "
                f"{(count, *shape)}. Received: shape {array.shape}"
            )
        return ops.convert_to_tensor(array, dtype=self._dtypes[name])

    def random(self, rng: np.random.Generator, samples: int) -> Any:
        """Made-up inputs, to compare models on: numbers in [0, 1), integers 0."""
        parts = {}
        for name, shape in self.shapes.items():
            values = rng.uniform(size=(samples, *shape))
            kind = self._dtypes[name]
            parts[name] = values.astype("float32" if "float" in kind else kind)
        if self._are_named:
            return NamedArrays(parts)
        return parts[self._data[0]].astype("float32")

    def signature(
        self, names: Sequence[str] | None = None, **codes: tuple[int, ...]
    ) -> Any:
        """Specifications of inputs for Keras's exports, batches of any size.

        Args:
            names: Which ones. Defaults to all of the model's.
            **codes: Shapes of further inputs by name, that of the code.

        Returns:
            A mapping from names to specifications, or that of a single input.
        """
        shapes = {**self.shapes, **codes}
        specs = {
            name: keras.InputSpec(
                dtype=_exported(self._dtypes.get(name, "float32")),
                shape=(None, *shapes[name]),
                name=name,
            )
            for name in (self.names if names is None else names)
        }
        return specs if len(specs) > 1 else next(iter(specs.values()))


def _exported(kind: str) -> str:
    return "float32" if "float" in kind else kind


def _check_numbers(name: str, values: np.ndarray) -> None:
    if values.dtype.kind not in "biuf" and "float" not in values.dtype.name:
        raise ValueError(
            f"`{name}` must hold numbers. Received: dtype={values.dtype}. Make texts "
            "numbers, for example with `pandas.get_dummies`."
        )
    if not np.isfinite(values.astype("float32")).all():
        raise ValueError(f"`{name}` must hold finite numbers. Received: others.")
