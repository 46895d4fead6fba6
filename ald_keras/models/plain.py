"""Plain Functional copies of a model's parts, which load without this library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ald_keras.likelihoods import JointLikelihood, Likelihood
from ald_keras.models import graph

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE


def plain_encoder(model: LatentVAE) -> keras.Model:
    """Copy of the encoder, data to `(z_mean, z_log_var)`; pruned columns are zero.

    It reads missing values as the model does.
    """
    for head in (model.z_mean, model.z_log_var):
        graph.check_plain(head)
    copy = keras.models.clone_model(model.encoder)
    pruned = _pruned(model)
    zeroed = {
        id(weight)
        for head in (model.z_mean, model.z_log_var)
        for weight in head.weights
    }
    for weight, new in zip(model.encoder.variables, copy.variables, strict=True):
        value = keras.ops.convert_to_numpy(weight).copy()
        if id(weight) in zeroed:
            value[..., pruned] = 0.0
        new.assign(value)
    return _filling(copy, model.likelihood)


def _filling(encoder: keras.Model, likelihood: Likelihood) -> keras.Model:
    """The encoder, with 0 in the place of missing values where they are allowed."""
    parts: dict[str, Any] = {encoder.inputs[0].name: likelihood}
    if isinstance(likelihood, JointLikelihood):
        parts = likelihood.likelihoods
    fills = {name: one.fill for name, one in parts.items() if hasattr(one, "fill")}
    if not fills:
        return encoder
    inputs = [
        keras.Input(t.shape[1:], dtype=t.dtype, name=t.name) for t in encoder.inputs
    ]
    read = [fills[t.name](t) if t.name in fills else t for t in inputs]
    outputs = encoder(read if len(read) > 1 else read[0])
    inputs = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(inputs, outputs, name=encoder.name)


def plain_decoder(model: LatentVAE) -> keras.Model:
    """Copy of the decoder, codes to data space; pruned rows are zero."""
    for layer in model.latent_input_layers:
        graph.check_plain(layer)
    copy = graph.with_latent_dim(model.decoder, model.latent_dim)
    pruned = _pruned(model)
    zeroed = {id(layer.kernel) for layer in model.latent_input_layers}
    for weight, new in zip(model.decoder.variables, copy.variables, strict=True):
        value = keras.ops.convert_to_numpy(weight).copy()
        if id(weight) in zeroed:
            value[pruned] = 0.0
        new.assign(value)
    inputs, output = copy.inputs, copy.outputs[0]
    if isinstance(model.likelihood, JointLikelihood):
        # What is computed of its output may be named as layers of a loaded model are.
        inputs = _inputs_like(copy)
        output = copy(inputs if len(inputs) > 1 else inputs[0])
    try:
        data = model.likelihood.mean(output)
    except Exception as error:  # whatever a backend's own functions raise
        raise ValueError(
            "`likelihood.mean` must be written with `keras.ops` to become part of a "
            f"plain decoder. Received: {type(model.likelihood).__name__}, which fails: "
            f"{str(error)[:200]}"
        ) from error
    read = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(read, model.unpacked(data), name=model.decoder.name)


def _inputs_like(model: keras.Model) -> list[keras.KerasTensor]:
    return [keras.Input(t.shape[1:], dtype=t.dtype, name=t.name) for t in model.inputs]


def _pruned(model: LatentVAE) -> np.ndarray:
    return np.setdiff1d(np.arange(model.latent_dim), model.latent_mask.active_indices)
