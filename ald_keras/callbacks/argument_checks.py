"""Checks of what `ALDCallback` is constructed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ald_keras._validation import check_flag, check_frequency, check_integer
from ald_keras.metrics.arrays import is_array
from ald_keras.metrics.quality import FRECHET_METRICS, SIZE_METRICS
from ald_keras.rules import (
    BASELINE_NLL,
    BUILT_IN_METRICS,
    OBJECTIVE,
    ElasticRule,
    PruningRule,
    SizeCurveRule,
)
from ald_keras.rules.interval import check_interval
from ald_keras.rules.rule import samples_sizes

if TYPE_CHECKING:
    from ald_keras.callbacks.ald_callback import ALDCallback

# Clustering accuracy is logged where there are labels; no rule can count on it.
_MEASURED = (*BUILT_IN_METRICS, OBJECTIVE, BASELINE_NLL, "clustering_accuracy")


def choose_rule(rule: PruningRule[Any] | None, elastic: object) -> PruningRule[Any]:
    """The rule of a callback.

    Raises:
        ValueError: If `elastic` is no boolean, or comes with a rule that prunes.
    """
    check_flag("elastic", elastic)
    if not elastic:
        return SizeCurveRule() if rule is None else rule
    if rule is not None and not isinstance(rule, ElasticRule):
        raise ValueError(
            "`elastic=True` keeps every size, so no rule can prune. Received: "
            f"rule={rule!r}. Leave `rule` out, or pass an ElasticRule."
        )
    return rule or ElasticRule()


def check_model(model: object) -> None:
    """Raise a `TypeError` unless a callback can prune a model."""
    if not hasattr(model, "latent_mask"):
        raise TypeError(
            "`ALDCallback` needs a model with a `latent_mask`, such as MaskedVAE. "
            f"Received: {type(model).__name__}"
        )
    if hasattr(model, "gates"):
        raise TypeError(
            "`ALDCallback` prunes a MaskedVAE. Received: a GatedVAE, whose gates would "
            "write over the mask. Pass `GateSearch()` instead."
        )


def check_arguments(callback: ALDCallback) -> None:
    """Raise a `TypeError` or `ValueError` that names an invalid argument."""
    if not isinstance(callback.rule, PruningRule):
        raise TypeError(
            f"`rule` must be a rule such as ALDRule(). Received: rule={callback.rule!r}"
        )
    check_interval(callback.interval, samples_sizes(callback.rule))
    check_frequency("metrics_freq", callback.metrics_freq)
    check_integer("probe_size", callback.probe_size, 3)
    check_integer("seed", callback.seed, 0)
    if callback.n_clusters is not None:
        check_integer("n_clusters", callback.n_clusters, 2)
    probe = callback.probe
    first = probe[0] if isinstance(probe, tuple) else probe
    if probe is not None and not is_array(first):
        raise TypeError(
            "`probe` must be an array or a tuple (x, y) of arrays. "
            f"Received: {type(first).__name__}"
        )
    for name, entry in callback.metrics.items():
        pair = isinstance(entry, tuple) and len(entry) == 2 and callable(entry[0])
        if name in _MEASURED or not pair or entry[1] not in ("min", "max"):
            raise ValueError(
                "`metrics` must map new names to (function, 'min' or 'max'). "
                f"Received: {name!r}: {entry!r}"
            )
    known = {*BUILT_IN_METRICS, OBJECTIVE, BASELINE_NLL, *callback.metrics}
    if callback.features is None:
        known -= set(FRECHET_METRICS)
    missing = [name for name in callback.rule.metrics if name not in known]
    if isinstance(callback.rule, SizeCurveRule):
        at_sizes = {*SIZE_METRICS, *callback.metrics}
        if callback.features is None:
            at_sizes -= set(FRECHET_METRICS)
        missing += [name for name in callback.rule.size_metrics if name not in at_sizes]
    if missing:
        raise ValueError(
            f"`rule` needs metrics that are not measured: {missing}. Name them in "
            "`metrics`, give `features`, or leave them out of the rule."
        )
