"""Measures a trained model at every latent size, with one set of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras._validation import check_integer
from ald_keras.metrics.arrays import as_given, is_array
from ald_keras.metrics.baseline import baseline_nll
from ald_keras.metrics.features import Features
from ald_keras.metrics.kl import gaussian_kl
from ald_keras.metrics.quality import (
    FRECHET_METRICS,
    SIZE_METRICS,
    SQUARED_ERROR,
    Posterior,
    QualityMeter,
    encode_in_blocks,
    row_blocks,
    sample_codes,
)
from ald_keras.metrics.size_curve import LOSS, RESERVED_NAMES, TOLERANCE, SizeCurve
from ald_keras.metrics.sizes import paired_increase, sizes_at_edge, spaced_sizes
from ald_keras.models.compaction import compact
from ald_keras.models.compiled import masked_nll

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE
    from ald_keras.models.masked_vae import MaskedVAE

Function = Callable[[Any, Tensor, Tensor], float]
SizeMetric = str | Function | tuple[str, Function]

_QUALITY = SIZE_METRICS[1:]

# Data values that the baseline NLL is measured on, at most.
_BASELINE_VALUES = 1 << 26


class SizeMeter:
    """Measures one model at one size after another, on the same samples and noise.

    Args:
        model: A `MaskedVAE`.
        x: Array, or what gives arrays when it is sliced, shape
            `(samples, *data_shape)`, at least two samples.
        seed: Integer >= 0 of the posterior samples.
        posterior: What `encode_in_blocks` gives for `x`, where it is known already.
            Defaults to `None`.

    Attributes:
        order: The active dimensions, the most important one first: by the model's
            `size_sampling` while it is on, else by mean KL.
    """

    def __init__(
        self,
        model: MaskedVAE,
        x: Tensor,
        seed: int,
        posterior: Posterior | None = None,
    ) -> None:
        self._model, self._x, self._seed = model, x, seed
        self._blocks = row_blocks(len(x), model.data_shape)
        z_mean, z_log_var = posterior or encode_in_blocks(model, x)
        kl = ops.convert_to_numpy(gaussian_kl(z_mean, z_log_var))
        rng = np.random.default_rng(seed)
        self._z = sample_codes(z_mean, z_log_var, rng)
        self.order = order_of(model, kl.mean(axis=0))
        self._kl = np.cumsum(kl[:, self.order], axis=1, dtype="float64")
        self._beta = float(ops.convert_to_numpy(model.beta))
        self._masked_nll = masked_nll(model)
        self._nll: dict[int, np.ndarray] = {}

    def measure(self, sizes: Sequence[int]) -> None:
        """Measure the loss at sizes that are not measured yet."""
        missing = [size for size in sizes if size not in self._nll]
        if not missing:
            return
        masks = np.stack([self._mask(size) for size in missing])
        parts = [self._masked_nll(self._x[r], self._z[r], masks) for r in self._blocks]
        found = np.concatenate(parts, axis=1).astype("float64")
        self._nll.update(zip(missing, found, strict=True))

    def _mask(self, size: int) -> np.ndarray:
        mask = np.zeros(self._z.shape[1], self._z.dtype)
        mask[self.order[:size]] = 1
        return mask

    def losses(self, size: int) -> np.ndarray:
        """Loss of each sample at a measured size, shape `(samples,)`."""
        return self._nll[size] + self._beta * self._kl[:, size - 1]

    def terms(self) -> dict[str, tuple[float, ...]]:
        """Mean loss, reconstruction and KL at each measured size, ascending."""
        sizes = sorted(self._nll)
        return {
            LOSS: tuple(float(self.losses(size).mean()) for size in sizes),
            "reconstruction": tuple(float(self._nll[s].mean()) for s in sizes),
            "kl": tuple(float(self._kl[:, s - 1].mean()) for s in sizes),
        }

    def increases(self) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
        """The measured sizes, the increase of the loss at each, and standard errors."""
        sizes = tuple(sorted(self._nll))
        losses = [self.losses(size) for size in sizes]
        return (sizes, *paired_increase(losses, self.losses(len(self.order))))

    def squared_errors(self, sizes: Sequence[int]) -> tuple[float, ...]:
        """Squared error of sampled codes, summed over a sample's values, at sizes."""
        totals = np.zeros(len(sizes))
        for rows in self._blocks:
            x = self._model.data_values(self._x[rows])
            conditions = self._model.conditions_of(self._x[rows])
            for i, size in enumerate(sizes):
                codes = self._z[rows] * self._mask(size)
                mean = self._model.decode_values(codes, conditions)
                # Of values that are known.
                error = np.where(np.isnan(x), 0.0, x - ops.convert_to_numpy(mean))
                totals[i] += np.square(error, dtype="float64").sum()
        return tuple(float(total) / len(self._x) for total in totals)

    def further(
        self,
        names: Collection[str],
        sizes: Sequence[int],
        y: Tensor,
        meter: QualityMeter,
        functions: Mapping[str, Function],
    ) -> dict[str, tuple[float, ...]]:
        """Metrics other than the loss at some sizes.

        Args:
            names: Their names.
            sizes: Integers, ascending.
            y: Labels of shape `(samples,)` for functions, or `None`.
            meter: Measures silhouette and Frechet distances.
            functions: Functions `(model, x, y) -> float` by the names that are no
                metrics of this library.
        """
        values = {}
        if SQUARED_ERROR in names:
            values[SQUARED_ERROR] = self.squared_errors(sizes)
        if not set(names).isdisjoint(_QUALITY):
            distances = not set(names).isdisjoint(FRECHET_METRICS)
            quality = self._quality(sizes, meter, distances)
            values |= {name: quality[name] for name in _QUALITY if name in names}
        for name in names:
            if name in functions:
                values[name] = self._of_compact_models(functions[name], y, sizes)
        return values

    def _of_compact_models(
        self, function: Function, y: Tensor, sizes: Sequence[int]
    ) -> tuple[float, ...]:
        data, order = as_given(self._x), self.order.tolist()
        models = (compact(self._model, False, size, order) for size in sizes)
        return tuple(float(function(small, data, y)) for small in models)

    def _quality(
        self, sizes: Sequence[int], meter: QualityMeter, distances: bool
    ) -> dict[str, tuple[float, ...]]:
        """Silhouette and, where the meter has features, Frechet distances at sizes."""
        real = meter.features_of([self._x[:]]) if distances else None
        found = [
            # The same clusters' seed and prior samples at each size.
            meter.measure_codes(
                self._z,
                np.sort(self.order[:size]),
                None,
                np.random.default_rng([self._seed, 1]),
                self._x,
                real,
            )
            for size in sizes
        ]
        return {name: tuple(each[name] for each in found) for name in found[0]}


def order_of(model: MaskedVAE, kl: np.ndarray) -> np.ndarray:
    """The active dimensions, the most important one first.

    Args:
        model: A `MaskedVAE`.
        kl: Mean KL of each dimension, shape `(latent_dim,)`.
    """
    sampling = model.size_sampling
    order = sampling.order if sampling.is_on else np.argsort(-kl, kind="stable")
    return order[np.isin(order, model.latent_mask.active_indices)]


def measure_size_curve(
    model: MaskedVAE,
    x: Tensor,
    y: Tensor,
    sizes: Sequence[int] | None,
    metrics: Sequence[SizeMetric],
    n_clusters: int,
    features: Features,
    seed: int,
) -> SizeCurve:
    """The size curve of a model; see `MaskedVAE.size_curve`."""
    wanted = _named(metrics)
    full = model.active_dims
    chosen = None if sizes is None else _check_sizes(sizes, full)
    _check_samples(x, y)
    seed = check_integer("seed", seed, 0)
    baseline = _baseline_nll(model, x)
    meter = SizeMeter(model, x, seed)
    meter.measure(chosen or spaced_sizes(full))
    if chosen is None:
        gain = 0.0 if baseline is None else baseline - meter.terms()[LOSS][-1]
        found, increase, _ = meter.increases()
        allowed = TOLERANCE * max(gain, 0.0)
        meter.measure(sizes_at_edge(found, increase.tolist(), allowed))
    found, increase, errors = meter.increases()
    values = meter.terms()
    distances = not wanted.keys().isdisjoint(FRECHET_METRICS)
    quality = QualityMeter(model, n_clusters, features if distances else None, {})
    functions = {name: f for name, f in wanted.items() if f is not None}
    values |= meter.further(wanted, found, y, quality, functions)
    return SizeCurve(
        sizes=found,
        increase=tuple(increase),
        standard_error=tuple(errors),
        metrics=values,
        order=tuple(meter.order),
        samples=len(x),
        baseline_nll=baseline,
    )


def _baseline_nll(model: LatentVAE, x: Tensor) -> float | None:
    """NLL of the best output that is the same for all samples, if it is known."""
    if not hasattr(model.likelihood, "best_constant"):
        return None
    rows = max(1, _BASELINE_VALUES // math.prod(model.data_shape))
    data = model.data_values(x[:rows])
    return baseline_nll(data, model.likelihood, row_blocks(len(data), model.data_shape))


def _named(metrics: Any) -> dict[str, Function | None]:
    """Metrics by name, with the function of those that are the user's own."""
    items = [metrics] if isinstance(metrics, str) or callable(metrics) else [*metrics]
    named: dict[str, Function | None] = {}
    for item in items:
        name, function = item if isinstance(item, tuple) else (item, None)
        if callable(name):
            name, function = getattr(name, "__name__", "<lambda>"), name
        own = callable(function) and isinstance(name, str) and name.isidentifier()
        taken = name in named or (own and name in (*RESERVED_NAMES, *SIZE_METRICS))
        if taken or not (own or (function is None and name in SIZE_METRICS)):
            raise ValueError(
                f"`metrics` must be among {SIZE_METRICS}, or functions (model, x, y) "
                f"-> float with names of their own. Received: {item!r}. Pass a "
                "function without a name as ('name', function)."
            )
        named[name] = function
    return named


def _check_samples(x: Tensor, y: Tensor) -> None:
    if not is_array(x) or len(x) < 2:
        found = f"{len(x)} samples" if is_array(x) else type(x).__name__
        raise ValueError(
            f"`x` must be an array of at least two samples. Received: {found}. Of a "
            "stream, pass the arrays of some batches."
        )
    if y is not None and len(y) != len(x):
        raise ValueError(
            f"`y` must hold a label for each of the {len(x)} samples. "
            f"Received: {len(y)} labels"
        )


def _check_sizes(sizes: Sequence[int], full: int) -> tuple[int, ...]:
    given: list[object] = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    checked = {check_integer("sizes", size) for size in given}
    if not checked or min(checked) < 1 or max(checked) > full:
        raise ValueError(
            f"`sizes` must be integers from 1 to the {full} active dimensions. "
            f"Received: sizes={given}"
        )
    return tuple(sorted(checked | {full}))
