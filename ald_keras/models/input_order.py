"""Puts the inputs of networks in order: data or code, then conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras

from ald_keras._typing import Tensor
from ald_keras.models.inputs import CODE, DATA


def ordered_inputs(
    encoder: keras.Model, decoder: keras.Model, modalities: Sequence[str] | None
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder whose first inputs are the data and the code.

    Data are the encoder's only input, or the only one that the decoder does not read
    by the same name, or that called `"x"`; of several modalities, those of their
    names. The code is the decoder's only input, or the only one that the encoder does
    not read, or that of the name `"z"`. Where names do not tell, the order does: both
    networks read the same conditions after data and code, and these are then called
    `"condition"`, or `"condition_1"` and so on.

    Raises:
        ValueError: If it is not clear which input is which.
    """
    if modalities is None:
        encoder, decoder = _named_by_order(encoder, decoder)
    read = {tensor.name for tensor in decoder.inputs}
    others = {tensor.name for tensor in encoder.inputs}
    code = _one(decoder.inputs, others, CODE, "decoder", "code")
    if modalities is None:
        data = [_one(encoder.inputs, read, DATA, "encoder", "data")]
    else:
        known = {tensor.name: tensor for tensor in encoder.inputs}
        if not set(modalities) <= known.keys():
            raise ValueError(
                "`encoder` must have an input of the name of each modality, "
                f"{list(modalities)}. Received: inputs {sorted(known)}"
            )
        data = [known[name] for name in modalities]
    return _with_first(encoder, data), _with_first(decoder, [code])


def _one(
    inputs: list[Tensor], shared: set[str], name: str, model: str, what: str
) -> Tensor:
    if len(inputs) == 1:
        return inputs[0]
    own = [tensor for tensor in inputs if tensor.name not in shared]
    named = [tensor for tensor in inputs if tensor.name == name]
    found = own if len(own) == 1 else named
    if len(found) != 1:
        raise ValueError(
            f"`{model}` must have one input for the {what}. Received: inputs "
            f"{[tensor.name for tensor in inputs]}. Name it '{name}', and give "
            "conditions one name in encoder and decoder: keras.Input(..., name=...)."
        )
    return found[0]


def _with_first(model: keras.Model, first: list[Tensor]) -> keras.Model:
    """A model of the same layers that reads `first` first, one after another."""
    if len(model.inputs) == 1:
        return model
    ordered = [*first, *(t for t in model.inputs if all(t is not f for f in first))]
    same = all(a is b for a, b in zip(ordered, model.inputs, strict=True))
    if same and not isinstance(model.input, Mapping):
        return model
    return keras.Model(ordered, model.output, name=model.name)


def _named_by_order(
    encoder: keras.Model, decoder: keras.Model
) -> tuple[keras.Model, keras.Model]:
    """The models with conditions named alike, where no names tell them."""
    several = encoder.inputs[1:], decoder.inputs[1:]
    shapes = [[tuple(t.shape[1:]) for t in tensors] for tensors in several]
    names = [{t.name for t in model.inputs} for model in (encoder, decoder)]
    known = names[0] & names[1] or DATA in names[0] or CODE in names[1]
    if not all(several) or shapes[0] != shapes[1] or known:
        return encoder, decoder
    if any(isinstance(model.input, Mapping) for model in (encoder, decoder)):
        return encoder, decoder
    count = len(shapes[0])
    new = [f"condition_{i + 1}" if count > 1 else "condition" for i in range(count)]
    return _renamed(encoder, new), _renamed(decoder, new)


def _renamed(model: keras.Model, conditions: Sequence[str]) -> keras.Model:
    """A model of the same layers, its inputs after the first under other names."""
    first, *rest = model.inputs
    inputs = [
        keras.Input(tuple(first.shape[1:]), dtype=first.dtype, name=first.name),
        *(
            keras.Input(tuple(tensor.shape[1:]), dtype=tensor.dtype, name=name)
            for tensor, name in zip(rest, conditions, strict=True)
        ),
    ]
    return keras.models.clone_model(
        model, input_tensors=inputs, clone_function=lambda layer: layer
    )
