"""Carries a rule's decisions out on a model with `latent_mask` and `size_sampling`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from ald_keras.callbacks.model_protocol import PrunableModel
from ald_keras.rules import ElasticRule, SampledSizes


def write_mask(model: PrunableModel, active: Sequence[int]) -> None:
    """Write the mask; weights stay as they are.

    Args:
        model: The model.
        active: The dimensions that are to be active.
    """
    mask = model.latent_mask
    before = {*mask.active_indices.tolist()}
    mask.activate(sorted({*active} - before))
    mask.deactivate(sorted(before - {*active}))


def sample_sizes(model: PrunableModel, sampling: SampledSizes | None) -> None:
    """Train at these sizes from the next step on; at the full one for `None`."""
    layer = model.size_sampling
    if sampling is None:
        layer.stop()
    else:
        layer.start(sampling.order, sampling.probabilities)


def continue_sampling(model: Any, rule: object, state: Any) -> Any:
    """The state of an `ElasticRule` whose model samples sizes already."""
    layer = model.size_sampling
    if not isinstance(rule, ElasticRule) or not layer.is_on:
        return state
    probabilities = keras.ops.convert_to_numpy(layer.probabilities)
    sampling = SampledSizes(layer.order, probabilities)
    return dataclasses.replace(state, sampling=sampling)
