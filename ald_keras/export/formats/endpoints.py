"""A model's functions by name: what goes into files and comes out of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras

from ald_keras._typing import Tensor
from ald_keras.export.formats.float32 import float32

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE

Endpoints = dict[str, Callable[[Tensor], Tensor]]


def methods(model: LatentVAE) -> Endpoints:
    """The model's own methods."""
    return {name: getattr(model, name) for name in ("encode", "decode", "reconstruct")}


def plain(model: LatentVAE) -> Endpoints:
    """Encoder and decoder as plain Keras models."""
    return endpoints(model.encoder_model(), model.decoder_model())


def plain_float32(model: LatentVAE) -> Endpoints:
    """The same in float32, whatever the model computes in."""
    return endpoints(float32(model.encoder_model()), float32(model.decoder_model()))


def endpoints(encoder: keras.Model, decoder: keras.Model) -> Endpoints:
    """Functions of two models; the codes of a reconstruction are posterior means."""
    return {
        "encode": lambda x: encoder(x, training=False),
        "decode": lambda z: decoder(z, training=False),
        "reconstruct": lambda x: decoder(encoder(x, training=False)[0], training=False),
    }


def unpacked(signatures: dict[str, Callable[[Tensor], dict[str, Tensor]]]) -> Endpoints:
    """Endpoints of functions that give their results by name."""

    def endpoint(name: str) -> Callable[[Tensor], Tensor]:
        function = signatures[name]
        if name == "encode":
            return lambda x: [function(x)[key] for key in ("z_mean", "z_log_var")]
        return lambda values: function(values)["x"]

    return {name: endpoint(name) for name in signatures}
