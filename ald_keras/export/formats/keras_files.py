"""Keras's own files: the model as it is, or its two parts as plain models."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras

from ald_keras.export.formats.endpoints import Endpoints, methods

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE


def write_keras(model: LatentVAE, files: list[pathlib.Path]) -> None:
    """Write the model, of its own class."""
    model.save(files[0])


def read_keras(files: list[pathlib.Path]) -> Endpoints:
    """Read what `write_keras` wrote."""
    return methods(keras.saving.load_model(files[0]))


def write_parts(model: LatentVAE, files: list[pathlib.Path]) -> None:
    """Write encoder and decoder, which load without this library."""
    model.encoder_model().save(files[0])
    model.decoder_model().save(files[1])


def read_parts(files: list[pathlib.Path]) -> Endpoints:
    """Read what `write_parts` wrote."""
    encoder, decoder = (keras.saving.load_model(file) for file in files)
    return {"encode": _reading(encoder), "decode": _reading(decoder)}


def _reading(part: keras.Model) -> Callable[[Any], Any]:
    """A model of one input, or of several that come by name in its order."""

    def function(values: Any) -> Any:
        several = isinstance(values, dict)
        return part(list(values.values()) if several else values, training=False)

    return function
