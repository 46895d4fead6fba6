"""A model's functions by name: what goes into files and comes out of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras

from ald_keras._typing import Tensor
from ald_keras.export.formats.float32 import float32
from ald_keras.models.inputs import CODE

if TYPE_CHECKING:
    from ald_keras.models.inputs import ModelInputs
    from ald_keras.models.latent_vae import LatentVAE

# Each takes its one input, or several by name.
Endpoints = dict[str, Callable[[Any], Any]]


def methods(model: LatentVAE) -> Endpoints:
    """The model's own methods."""

    def decode(values: Any) -> Any:
        if not isinstance(values, Mapping):
            return model.decode(values)
        conditions = {name: v for name, v in values.items() if name != CODE}
        return model.decode(values[CODE], conditions)

    return {"encode": model.encode, "decode": decode, "reconstruct": model.reconstruct}


def plain(model: LatentVAE) -> Endpoints:
    """Encoder and decoder as plain Keras models."""
    return endpoints(model.encoder_model(), model.decoder_model(), model.model_inputs)


def plain_float32(model: LatentVAE) -> Endpoints:
    """The same in float32, whatever the model computes in."""
    parts = float32(model.encoder_model()), float32(model.decoder_model())
    return endpoints(*parts, model.model_inputs)


def endpoints(
    encoder: keras.Model, decoder: keras.Model, inputs: ModelInputs
) -> Endpoints:
    """Functions of two models; the codes of a reconstruction are posterior means.

    Args:
        encoder: Model of data and conditions, in the order of `inputs`.
        decoder: Model of codes and conditions, in the order of `inputs`.
        inputs: Their names.
    """

    def encode(values: Any) -> Any:
        return encoder(_listed(values, inputs.encoder_names), training=False)

    def decode(values: Any) -> Any:
        return decoder(_listed(values, inputs.decoder_names), training=False)

    def reconstruct(values: Any) -> Any:
        z_mean, _ = encode(values)
        known = values if isinstance(values, Mapping) else {}
        return decode({**known, CODE: z_mean})

    return {"encode": encode, "decode": decode, "reconstruct": reconstruct}


def _listed(values: Any, names: tuple[str, ...]) -> Any:
    """What a model of inputs in this order is called on."""
    if not isinstance(values, Mapping):
        return values
    # Keras takes no mixture of tensors and arrays.
    read = [keras.ops.convert_to_tensor(values[name]) for name in names]
    return read if len(read) > 1 else read[0]


def unpacked(signatures: dict[str, Callable[[Any], dict[str, Tensor]]]) -> Endpoints:
    """Endpoints of functions that give their results by name."""

    def endpoint(name: str) -> Callable[[Any], Any]:
        function = signatures[name]
        if name == "encode":
            return lambda x: [function(x)[key] for key in ("z_mean", "z_log_var")]

        def data(values: Any) -> Any:
            found = function(values)
            return found["x"] if len(found) == 1 else dict(found)

        return data

    return {name: endpoint(name) for name in signatures}
