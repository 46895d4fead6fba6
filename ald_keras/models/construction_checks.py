"""Checks of the arguments that a model with a latent mask is built from."""

from __future__ import annotations

import keras

from ald_keras._typing import Shape
from ald_keras._validation import check_real
from ald_keras.likelihoods import Likelihood
from ald_keras.models import graph


def check_tau(tau: object, gated: bool) -> float:
    """The bound on the error as a float; a `ValueError` if out of range."""
    tau = check_real("tau", tau, at_least=0.0, float32=True)
    if tau == 0 and gated:
        raise ValueError(
            "`tau` must be above 0, since no network has an error of 0 and no gate "
            "would ever close. Received: tau=0. For the lowest error pass gated=False."
        )
    return tau


def check_decoder(
    decoder: keras.Model, latent_dim: int
) -> tuple[keras.Model, list[keras.layers.Dense]]:
    """A decoder that can be masked and sliced, and the layers to slice.

    It is the decoder itself, or stands behind a layer to slice where it has none.
    """
    if not graph.is_graph_model(decoder):
        raise TypeError(
            "`decoder` must be a Sequential or Functional model, so that the layers "
            f"that read the latent input are known. Received: {decoder!r}"
        )
    if not decoder.built or len(decoder.inputs) != 1 or len(decoder.outputs) != 1:
        raise ValueError(
            "`decoder` must be built (give it an Input) and have one input and one "
            f"output. Received: built={decoder.built} for '{decoder.name}'. Conditions "
            "and further modalities are not supported: concatenate them to one array."
        )
    if tuple(decoder.inputs[0].shape[1:]) != (latent_dim,):
        raise ValueError(
            f"`decoder` must read codes of shape (batch, {latent_dim}). "
            f"Received: input shape {tuple(decoder.inputs[0].shape)}"
        )
    graph.check_unshared("decoder", decoder)
    graph.check_no_lambda("decoder", decoder)
    layers = graph.latent_input_layers(decoder)
    if not layers:
        decoder = graph.with_places(decoder, latent_dim)
        layers = graph.latent_input_layers(decoder)
    return decoder, layers


def check_ends(
    encoder: keras.Model, decoder: keras.Model, likelihood: Likelihood
) -> None:
    """Raise a `ValueError` if the parts differ in data shape or share weights."""
    data, output = encoder.inputs[0].shape[1:], decoder.outputs[0].shape[1:]
    mean = output if data == output else _mean_shape(decoder, likelihood)
    if tuple(data) != tuple(mean) or None in data:
        raise ValueError(
            "`decoder` must give data of the shape that `encoder` reads, without "
            f"free axes. Received: encoder input {tuple(data)}, decoder output "
            f"{tuple(output)}. A decoder that gives a variance too needs a likelihood "
            "that reads both, such as 'gaussian_learned_variance'."
        )
    shared = {id(v) for v in encoder.variables} & {id(v) for v in decoder.variables}
    if shared:
        names = [v.path for v in encoder.variables if id(v) in shared]
        raise ValueError(
            "`encoder` and `decoder` must not share weights, which an export could "
            f"not keep shared. Received: {names}"
        )


def _mean_shape(decoder: keras.Model, likelihood: Likelihood) -> Shape:
    """Shape of one sample's mean, where a likelihood reads more than that."""
    try:
        return tuple(likelihood.mean(decoder.outputs[0]).shape[1:])
    except Exception:  # whatever functions raise that are not of `keras.ops`
        return tuple(decoder.outputs[0].shape[1:])
