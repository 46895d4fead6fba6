"""Turns a masked model into one that is physically smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import keras
import numpy as np
from keras import ops
from keras.optimizers import Optimizer

from ald_keras._validation import check_integer
from ald_keras.models import graph

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE

# Largest absolute output difference that is put down to float32 rounding.
TOLERANCE = 1e-5

VAE = TypeVar("VAE", bound="LatentVAE")

_WHOLE_TENSOR_OPTIMIZERS = ("Adafactor", "Lamb", "Muon")


def compact(
    model: VAE,
    keep_optimizer: bool = True,
    size: int | None = None,
    order: Sequence[int] | None = None,
) -> VAE:
    """A model of only the active latent dimensions, with the same outputs.

    Slices the columns of both heads and the rows of every Dense layer that reads
    the latent input; all else is copied. The optimizer's slots are sliced alike, so
    that training continues where it was. The two models are then compared on random
    inputs.

    Args:
        model: `MaskedVAE` or `GatedVAE`, compiled or not. It is left as it is.
        keep_optimizer: Boolean. `False` compiles the result with a fresh optimizer of
            the same configuration. Defaults to `True`.
        size: Integer, keep only the first so many dimensions of the order. The result
            samples no sizes: trained further, it improves at this size alone. Defaults
            to `None`: all active ones.
        order: Active dimensions, the most important one first, at least `size` of them,
            such as `SizeCurve.order`. Defaults to `None`: the order in which a model
            samples sizes (`ALDCallback(elastic=True)`).

    Returns:
        A model of the same class with `latent_dim == size`, or `model.active_dims`.

    Raises:
        TypeError: If the model has no latent mask.
        ValueError: If `size` is no integer from 1 to the number of active dimensions,
            or comes without an order that the model or `order` knows. If the
            optimizer's state cannot be sliced: Adafactor, Lamb and Muon normalise
            whole tensors. Or if layers that the optimizer had trained
            are frozen now, or a layer to slice has LoRA weights or is quantised.
        RuntimeError: If the two models differ by more than 1e-5, relative to the
            largest output where that is above 1.
    """
    if not hasattr(model, "latent_mask"):
        raise TypeError(
            f"`model` must be a model with a `latent_mask`. Received: {model!r}"
        )
    kept = kept_dims(model, size, order)
    with model.latent_mask.only(kept):
        small = _compact(model, kept, keep_optimizer)
    if size is not None and hasattr(small, "size_sampling"):
        small.size_sampling.stop()
    return small


def _compact(model: VAE, kept: np.ndarray, keep_optimizer: bool) -> VAE:
    for layer in (model.z_mean, model.z_log_var, *model.latent_input_layers):
        graph.check_plain(layer)
    if keep_optimizer and not can_slice_optimizer(model):
        raise ValueError(
            "`model`: the state of its optimizer cannot be sliced, as it normalises "
            "whole tensors. Pass `keep_optimizer=False` to go on with a fresh one. "
            f"Received: {_inner(model.optimizer).name}"
        )
    small = _smaller_twin(model, kept)
    _copy(model.encoder.variables, small.encoder.variables, kept)
    _copy(model.decoder.variables, small.decoder.variables, kept)
    _copy(model.extra_state_variables(), small.extra_state_variables(), kept)
    if hasattr(model, "size_sampling"):
        small.size_sampling.take_over(model.size_sampling, kept)
    if model.compiled:
        _compile_alike(model, small, kept, keep_optimizer)
    difference = largest_difference(model, small)
    if np.isnan(difference):
        raise RuntimeError(
            "`model` must give finite outputs to be compared. Received: others; its "
            "training has diverged."
        )
    if not difference <= TOLERANCE:
        raise RuntimeError(
            f"The compact model must agree with the masked one to {TOLERANCE}. "
            f"Received: a difference of {difference:.3g}. A layer that normalises over "
            "the latent dimensions, for example a custom constraint, does this."
        )
    return small


def kept_dims(model: LatentVAE, size: int | None, order: Any = None) -> np.ndarray:
    """The dimensions that `compact` keeps, ascending; see there."""
    active = model.latent_mask.active_indices
    if size is None:
        if order is not None:
            raise ValueError(
                "`order` says which dimensions a `size` keeps. Received: order without "
                "size. Pass both, or neither."
            )
        return active
    if not 1 <= check_integer("size", size) <= len(active):
        raise ValueError(
            f"`size` must be an integer from 1 to the {len(active)} active dimensions. "
            f"Received: size={size}"
        )
    if size == len(active):
        return active
    if order is None:
        sampling = getattr(model, "size_sampling", None)
        if sampling is None or not sampling.is_on:
            raise ValueError(
                "`size` needs an order of the dimensions, which this model does not "
                f"have. Received: size={size}, order=None. Train with "
                "ALDCallback(elastic=True), or `ald train --set elastic=true`; or pass "
                "order=vae.size_curve(x).order in Python."
            )
        order = sampling.order
        order = order[np.isin(order, active)]
    first = np.atleast_1d(np.asarray(order))[:size]
    kept = np.sort(first)
    whole = first.ndim == 1 and first.dtype.kind in "iu"
    if not whole or len(set(kept)) != size or not np.isin(kept, active).all():
        raise ValueError(
            f"`order` must begin with {size} distinct active dimensions. "
            f"Received: order={order!s:.200}"
        )
    return kept


def largest_difference(model: LatentVAE, small: LatentVAE, samples: int = 64) -> float:
    """Largest difference between a masked model's outputs and its compact twin's.

    Args:
        model: The masked model.
        small: What `compact(model)` gave.
        samples: Integer, random inputs and random codes compared. Defaults to 64.

    Returns:
        Float: over means, log variances, decoded codes and reconstructions, absolute
        where values are below 1 and relative to the largest value elsewhere.
    """
    rng = np.random.default_rng(0)
    kept = model.latent_mask.active_indices
    inputs = model.model_inputs
    x = inputs.random(rng, samples)
    conditions = inputs.conditions_of(x)
    z = rng.standard_normal((samples, model.latent_dim)).astype("float32")
    pairs = [
        *(
            (ops.convert_to_numpy(wide)[:, kept], narrow)
            for wide, narrow in zip(model.encode(x), small.encode(x), strict=True)
        ),
        tuple(
            one.decode_values(ops.convert_to_tensor(codes), conditions)
            for one, codes in ((model, z), (small, z[:, kept]))
        ),
        *zip(
            *(keras.tree.flatten(one.reconstruct(x)) for one in (model, small)),
            strict=True,
        ),
    ]
    gaps = [
        relative_difference(*(ops.convert_to_numpy(v) for v in pair)) for pair in pairs
    ]
    return float(np.max(gaps))  # not `max`, which may pass over a NaN


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference; relative to the largest value of `a` where that is above 1.

    Args:
        a: Array.
        b: Array of the same shape.
    """
    scale = max(1.0, float(np.abs(a).max(initial=0.0)))
    return float(np.abs(a - b).max(initial=0.0)) / scale


def _smaller_twin(model: VAE, kept: np.ndarray) -> VAE:
    heads = {id(model.z_mean), id(model.z_log_var)}

    def copy(layer: keras.Layer) -> keras.Layer:
        if id(layer) not in heads:
            return graph.copy_layer(layer)
        return keras.layers.Dense.from_config(
            {**layer.get_config(), "units": len(kept)}
        )

    config = model.get_config()
    config.update(
        encoder=keras.models.clone_model(model.encoder, clone_function=copy),
        decoder=graph.with_latent_dim(model.decoder, len(kept)),
        latent_dim=len(kept),
        likelihood=model.likelihood,
        dtype=model.dtype_policy,
    )
    return type(model)(**config)


def _copy(
    wide: list[keras.Variable], narrow: list[keras.Variable], kept: np.ndarray
) -> None:
    """Assign each variable of `wide` to its counterpart, sliced where that is smaller.

    Counterparts differ in at most one axis, the latent one.
    """
    for old, new in zip(wide, narrow, strict=True):
        value = ops.convert_to_numpy(old)
        for axis, (before, after) in enumerate(zip(old.shape, new.shape, strict=True)):
            if before != after:
                value = np.take(value, kept, axis=axis)
        new.assign(value)


def can_slice_optimizer(model: LatentVAE) -> bool:
    """Whether `compact` can keep the optimizer's state, or has none to keep."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or not optimizer.built:
        return True
    names = {cls.__name__ for cls in type(_inner(optimizer)).__mro__}
    return not names.intersection(_WHOLE_TENSOR_OPTIMIZERS)


def _inner(optimizer: Optimizer) -> Optimizer:
    return getattr(optimizer, "inner_optimizer", optimizer)


def _compile_alike(model: VAE, small: VAE, kept: np.ndarray, keep: bool) -> None:
    old = model.optimizer
    new = type(old).from_config(old.get_config())
    _exclude_alike(model, small, _inner(old), _inner(new))
    settings = keras.saving.deserialize_keras_object(model.get_compile_config())
    small.compile(**{**settings, "optimizer": new})  # which builds it
    if keep and old.built:
        if len(new.variables) != len(old.variables):
            raise ValueError(
                "`model`: its optimizer was built for other variables than are "
                "trainable now, for example before a layer was frozen. Pass "
                "`keep_optimizer=False` to go on with a fresh one."
            )
        _copy(old.variables, new.variables, kept)


def _exclude_alike(model: VAE, small: VAE, old: Optimizer, new: Optimizer) -> None:
    """Exempt the same variables from weight decay, which is in no config."""
    if getattr(old, "weight_decay", None) is None:
        return
    pairs = zip(model.trainable_variables, small.trainable_variables, strict=True)
    exempt = [narrow for wide, narrow in pairs if not old._use_weight_decay(wide)]
    if exempt:
        new.exclude_from_weight_decay(var_list=exempt)
