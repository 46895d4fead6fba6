"""Checks of the arguments that a model with a latent mask is built from."""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras

from ald_keras._typing import Shape
from ald_keras.likelihoods import JointLikelihood, Likelihood
from ald_keras.models import activations, graph


def check_decoder(decoder: keras.Model, likelihood: Likelihood) -> None:
    """Raise an error unless a decoder is built and its layers are known."""
    if not graph.is_graph_model(decoder):
        raise TypeError(
            "`decoder` must be a Sequential or Functional model, so that the layers "
            f"that read the latent input are known. Received: {decoder!r}"
        )
    if not decoder.built:
        raise ValueError(
            "`decoder` must be built: give it an Input. "
            f"Received: the unbuilt model '{decoder.name}'."
        )
    if len(decoder.outputs) > 1 and not isinstance(likelihood, JointLikelihood):
        raise ValueError(
            "`likelihood` must name one for each of several outputs, as "
            "likelihood={'image': 'bernoulli', 'counts': 'poisson'}, with inputs and "
            "outputs of these names, instead of one for all. "
            f"Received: {len(decoder.outputs)} outputs and one likelihood"
        )
    graph.check_unshared("decoder", decoder)
    graph.check_no_lambda("decoder", decoder)


def decoder_of_one_output(
    encoder: keras.Model, decoder: keras.Model, likelihood: Likelihood
) -> tuple[keras.Model, Likelihood]:
    """A decoder of one output, and the likelihood as it reads that.

    Outputs of several modalities are put one after another, flat.

    Raises:
        ValueError: If outputs and likelihood do not fit together.
    """
    if not isinstance(likelihood, JointLikelihood):
        if hasattr(likelihood, "resolve"):
            likelihood = likelihood.resolve(activations.final_activation(decoder))
        return decoder, likelihood
    names = likelihood.names
    if len(decoder.outputs) == 1 and likelihood.is_bound:
        return decoder, likelihood.copy()  # a network that was packed before
    outputs = decoder.output
    if not isinstance(outputs, Mapping) or set(outputs) != set(names):
        found = sorted(outputs) if isinstance(outputs, Mapping) else "others"
        raise ValueError(
            f"`decoder` must give an output by name for each of {list(names)}: "
            "keras.Model(z, {'name': output, ...}). Received: "
            f"{found}"
        )
    read = {tensor.name: tensor for tensor in encoder.inputs}
    bound = likelihood.of_networks(
        {name: activations.final_activation_of(outputs[name]) for name in names},
        {name: tuple(read[name].shape[1:]) for name in names},
        {name: tuple(outputs[name].shape[1:]) for name in names},
    )
    # Names that no layer of a user's has, nor another packed decoder's.
    flat = [
        keras.layers.Flatten(name=f"joint_output_{i}")(outputs[name])
        for i, name in enumerate(names)
    ]
    if len(flat) > 1:
        joint = keras.layers.Concatenate(name="joint_output")(flat)
    else:
        (joint,) = flat
    return keras.Model(decoder.inputs, joint, name=decoder.name), bound


def check_code(decoder: keras.Model, latent_dim: int) -> None:
    """Raise a `ValueError` unless a decoder's first input is a code."""
    if tuple(decoder.inputs[0].shape[1:]) != (latent_dim,):
        raise ValueError(
            f"`decoder` must read codes of shape (batch, {latent_dim}). "
            f"Received: input shape {tuple(decoder.inputs[0].shape)}"
        )


def check_ends(
    encoder: keras.Model, decoder: keras.Model, likelihood: Likelihood
) -> None:
    """Raise a `ValueError` if the parts differ in data shape or share weights."""
    joint = isinstance(likelihood, JointLikelihood)
    count = len(likelihood.names) if isinstance(likelihood, JointLikelihood) else 1
    shapes = [tuple(tensor.shape[1:]) for tensor in encoder.inputs[:count]]
    free = any(None in shape for shape in shapes)
    flat = joint and not free
    data = (sum(map(math.prod, shapes)),) if flat else shapes[0]
    output = tuple(decoder.outputs[0].shape[1:])
    mean = output if data == output else _mean_shape(decoder, likelihood)
    if tuple(data) != tuple(mean) or free:
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
