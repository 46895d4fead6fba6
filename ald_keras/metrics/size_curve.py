"""The size curve: loss and metrics as a function of the latent size, from one model."""

from __future__ import annotations

import csv
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ald_keras._typing import JSON
from ald_keras._validation import check_integer
from ald_keras.metrics.size_curve_csv import OWN_COLUMNS, read_fields, write_columns
from ald_keras.rules.tolerance import DEFAULT_TOLERANCE, parse_tolerance
from ald_keras.rules.tolerance import TOLERANCE as TOLERANCE

LOSS = "loss"
_TERMS = (LOSS, "reconstruction", "kl")


# What no metric of a user's own may be called.
RESERVED_NAMES = (*OWN_COLUMNS, *_TERMS)


@dataclasses.dataclass(frozen=True)
class SizeCurve:
    """What a model loses at each latent size, measured with one set of weights.

    At size `k` the model keeps the first `k` dimensions of `order`. The increase is a
    paired difference: per sample, the loss at size `k` minus the loss at the full size,
    with the same weights, the same samples and the same noise.

    Args:
        sizes: Integers >= 1, ascending; the last one is the full size.
        increase: Mean paired difference at each size, nats per sample; 0 at the last.
        standard_error: Standard error of each increase, nats per sample.
        metrics: Mapping from names to one value at each size. `"loss"` (NLL plus the
            weighted KL), `"reconstruction"` and `"kl"` are always there, in nats per
            sample.
        order: Indices of the full size's dimensions, the most important one first.
        samples: Integer >= 2, samples measured on.
        baseline_nll: NLL of the best output that is the same for all samples, nats per
            sample, or `None` where the likelihood does not know it. Defaults to `None`.

    Raises:
        ValueError: If sizes are not ascending integers within the order, or a curve is
            of another length.

    Example:
    >>> curve = SizeCurve(
    ...     sizes=(1, 2, 3),
    ...     increase=(40.0, 0.2, 0.0),
    ...     standard_error=(1.0, 0.1, 0.0),
    ...     metrics={"loss": (140.0, 100.2, 100.0)},
    ...     order=(2, 0, 1),
    ...     samples=500,
    ...     baseline_nll=200.0,
    ... )
    >>> curve.smallest_size("0.5%")
    2
    """

    sizes: tuple[int, ...]
    increase: tuple[float, ...]
    standard_error: tuple[float, ...]
    metrics: Mapping[str, tuple[float, ...]]
    order: tuple[int, ...]
    samples: int
    baseline_nll: float | None = None

    def __post_init__(self) -> None:
        sizes, order = _integers(self.sizes), _integers(self.order)
        ascending = bool(sizes) and all(np.diff((0, *sizes)) > 0)
        if not ascending or sizes[-1] != len(order):
            raise ValueError(
                "`sizes` must be ascending integers >= 1 that end with the full size, "
                f"the length of `order`. Received: sizes={sizes}, {len(order)} "
                "dimensions in `order`"
            )
        if len(set(order)) != len(order) or min(order) < 0:
            raise ValueError(
                "`order` must hold distinct indices >= 0. Received: "
                f"order={list(order)}"
            )
        if LOSS not in self.metrics:
            raise ValueError(
                f"`metrics` must hold {LOSS!r}. Received: {sorted(self.metrics)}"
            )
        (samples,) = _integers([self.samples])
        if samples < 2:
            raise ValueError(f"`samples` must be at least 2. Received: {samples}")
        increase, errors = _floats(self.increase), _floats(self.standard_error)
        if not all(map(math.isfinite, (*increase, *errors))):
            raise ValueError(
                "`increase` and `standard_error` must be finite. "
                f"Received: {[*increase, *errors]!s:.200}"
            )
        if self.baseline_nll is not None:
            object.__setattr__(self, "baseline_nll", float(self.baseline_nll))
        metrics = {name: _floats(values) for name, values in self.metrics.items()}
        curves = {**metrics, "increase": increase, "standard_error": errors}
        lengths = {n: len(v) for n, v in curves.items() if len(v) != len(sizes)}
        if lengths:
            raise ValueError(
                f"Each curve must hold one value for each of the {len(sizes)} sizes. "
                f"Received: {lengths}"
            )
        for name, value in (
            ("sizes", sizes),
            ("order", order),
            ("samples", samples),
            ("increase", increase),
            ("standard_error", errors),
            ("metrics", metrics),
        ):
            object.__setattr__(self, name, value)

    @property
    def gain(self) -> float | None:
        """Baseline NLL minus the loss at the full size, nats per sample; or `None`."""
        if self.baseline_nll is None:
            return None
        return self.baseline_nll - self.metrics[LOSS][-1]

    def smallest_size(self, tolerance: float | str = DEFAULT_TOLERANCE) -> int:
        """Smallest measured size from which on no size exceeds a tolerance.

        Args:
            tolerance: Increase of the loss that a smaller latent space may cost: nats
                per sample, or a share of the gain such as `"0.5%"`. Defaults to
                `"0.5%"`.

        Raises:
            ValueError: If `tolerance` is neither, or a share is given where there is no
                baseline NLL.
        """
        allowed = self._nats(tolerance)
        smallest = self.sizes[-1]
        for size, increase in zip(self.sizes[::-1], self.increase[::-1], strict=True):
            if not increase <= allowed:
                break
            smallest = size
        return smallest

    def best_size(self, metric: str, direction: str) -> int:
        """The size at which a metric is best; the smallest of equal ones.

        This is the argmin over the latent size of arXiv 2312.06280, Eq. 2.

        Args:
            metric: Name of a measured metric.
            direction: `"min"` or `"max"`.

        Raises:
            ValueError: If the metric was not measured, or `direction` is neither.
        """
        if metric not in self.metrics:
            raise ValueError(
                f"`metric` must be a measured one, among {sorted(self.metrics)}. "
                f"Received: metric={metric!r}. Name it in `metrics` of `size_curve`."
            )
        if direction not in ("min", "max"):
            raise ValueError(
                f"`direction` must be 'min' or 'max'. Received: direction={direction!r}"
            )
        values = np.array(self.metrics[metric])
        if np.isnan(values).all():
            raise ValueError(f"`metric` {metric!r} is NaN at every size.")
        best = np.nanargmin if direction == "min" else np.nanargmax
        return self.sizes[int(best(values))]

    def _nats(self, tolerance: float | str) -> float:
        parsed = parse_tolerance("tolerance", tolerance, may_be_zero=True)
        if parsed.share is not None and self.gain is None:
            raise ValueError(
                "`tolerance` must be in nats where the likelihood has no "
                f"`best_constant`. Received: tolerance={tolerance!r}"
            )
        return parsed.of(self.metrics[LOSS][-1], self.baseline_nll)

    def to_dict(self) -> dict[str, object]:
        """The curve in plain types that JSON holds exactly."""
        return {
            "sizes": list(self.sizes),
            "increase": list(self.increase),
            "standard_error": list(self.standard_error),
            "metrics": {name: list(v) for name, v in self.metrics.items()},
            "order": list(self.order),
            "samples": self.samples,
            "baseline_nll": self.baseline_nll,
        }

    @classmethod
    def from_dict(cls, data: JSON) -> SizeCurve:
        """Rebuild a curve from what `to_dict` returned.

        Raises:
            ValueError: If fields are missing, unknown or invalid.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(data, Mapping) or set(data) != names:
            raise ValueError(
                f"`data` must be a mapping with the keys {sorted(names)}. Received: "
                f"{sorted(data) if isinstance(data, Mapping) else data!r:.100}"
            )
        return cls(**data)

    def columns(self) -> dict[str, list[Any]]:
        """The curve as columns of one length, one row a size.

        `added_dimensions` lists what a size has more than the one before it.
        """
        starts = (0, *self.sizes[:-1])
        added = [
            " ".join(map(str, self.order[start:end]))
            for start, end in zip(starts, self.sizes, strict=True)
        ]
        columns: dict[str, list[Any]] = {
            "size": list(self.sizes),
            "added_dimensions": added,
            "increase": list(self.increase),
            "standard_error": list(self.standard_error),
            **{name: list(values) for name, values in self.metrics.items()},
            "samples": [self.samples] * len(self.sizes),
        }
        if self.baseline_nll is not None:
            columns["baseline_nll"] = [self.baseline_nll] * len(self.sizes)
        return columns

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the `columns` as a CSV file."""
        write_columns(path, self.columns())

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> SizeCurve:
        """Read what `to_csv` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds something else, naming it.
        """
        try:
            return cls(**read_fields(path))
        except (KeyError, IndexError, ValueError, csv.Error) as error:
            raise ValueError(f"{path} holds no size curve: {error!r}") from error

    def to_frame(self) -> Any:
        """The `columns` as a pandas data frame.

        Raises:
            ImportError: If pandas is missing.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("`to_frame` needs pandas: pip install pandas") from error
        return pandas.DataFrame(self.columns())

    def plot(self, more: Sequence[Any] = (), label: str = "this run") -> Any:
        """The curve as a matplotlib figure: the increase, and a panel a metric.

        Where the gain is known, it also shows the tolerance of 0.5 % of the gain and
        the smallest size within it.

        Args:
            more: `SizeLine` of `reports.figures`, further curves. Defaults to none.
            label: Text, how the legend names this one. Defaults to `"this run"`.

        Raises:
            ImportError: If matplotlib is missing.
        """
        try:
            from ald_keras.reports.figures import SizeLine, size_curve_figure
        except ImportError as error:
            raise ImportError(
                "`plot` needs matplotlib: pip install matplotlib"
            ) from error
        shown = {n: v for n, v in self.metrics.items() if n not in _TERMS}
        line = SizeLine(label, self.sizes, self.increase, self.standard_error, shown)
        if self.gain is None:
            return size_curve_figure([line, *more])
        tolerance = self._nats(DEFAULT_TOLERANCE)
        return size_curve_figure(
            [line, *more], tolerance=tolerance, answer=self.smallest_size()
        )


def _integers(values: Any) -> tuple[int, ...]:
    return tuple(check_integer("sizes, order, samples", v) for v in values)


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
