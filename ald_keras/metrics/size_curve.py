"""The size curve: loss and metrics as a function of the latent size, from one model."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import numbers
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOSS = "loss"
_TERMS = (LOSS, "reconstruction", "kl")

# The loss that a smaller latent space may cost.
DEFAULT_TOLERANCE = "0.5%"

# Columns of a CSV file that are no metrics.
_OWN_COLUMNS = ("size", "added_dimensions", "increase", "standard_error", "samples")
_BASELINE = "baseline_nll"


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
            if increase > allowed:
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
        best = np.argmin if direction == "min" else np.argmax
        return self.sizes[int(best(self.metrics[metric]))]

    def _nats(self, tolerance: float | str) -> float:
        share = isinstance(tolerance, str) and re.fullmatch(
            r"\s*(\d+\.?\d*|\.\d+)\s*%\s*", tolerance
        )
        if share:
            if self.gain is None:
                raise ValueError(
                    "`tolerance` must be in nats where the likelihood has no "
                    f"`best_constant`. Received: tolerance={tolerance!r}"
                )
            return float(share[1]) / 100.0 * max(self.gain, 0.0)
        number = isinstance(tolerance, (int, float)) and not isinstance(tolerance, bool)
        if not number or not 0.0 <= tolerance < math.inf:  # type: ignore[operator]
            raise ValueError(
                "`tolerance` must be nats >= 0 or a share of the gain such as '0.5%'. "
                f"Received: tolerance={tolerance!r}"
            )
        return float(tolerance)

    def to_dict(self) -> dict[str, Any]:
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
    def from_dict(cls, data: Mapping[str, Any]) -> SizeCurve:
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
            columns[_BASELINE] = [self.baseline_nll] * len(self.sizes)
        return columns

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the `columns` as a CSV file."""
        columns = self.columns()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        pathlib.Path(path).write_text(text.getvalue(), encoding="utf-8")

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> SizeCurve:
        """Read what `to_csv` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds something else, naming it.
        """
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8")
            names, *rows = csv.reader(io.StringIO(text))
            columns = dict(zip(names, zip(*rows, strict=True), strict=True))
            metrics = {
                name: tuple(map(float, values))
                for name, values in columns.items()
                if name not in (*_OWN_COLUMNS, _BASELINE)
            }
            baseline = columns.get(_BASELINE)
            return cls(
                sizes=tuple(map(int, columns["size"])),
                increase=tuple(map(float, columns["increase"])),
                standard_error=tuple(map(float, columns["standard_error"])),
                metrics=metrics,
                order=tuple(map(int, " ".join(columns["added_dimensions"]).split())),
                samples=int(columns["samples"][0]),
                baseline_nll=None if baseline is None else float(baseline[0]),
            )
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

    def plot(self) -> Any:
        """The curve as a matplotlib figure: the increase, and a panel a metric.

        Where the gain is known, it also shows the tolerance of 0.5 % of the gain and
        the smallest size within it.

        Raises:
            ImportError: If matplotlib is missing.
        """
        try:
            from ald_keras.figures import SizeLine, size_curve_figure
        except ImportError as error:
            raise ImportError(
                "`plot` needs matplotlib: pip install matplotlib"
            ) from error
        shown = {n: v for n, v in self.metrics.items() if n not in _TERMS}
        line = SizeLine(
            "this run", self.sizes, self.increase, self.standard_error, shown
        )
        if self.gain is None:
            return size_curve_figure([line])
        tolerance = self._nats(DEFAULT_TOLERANCE)
        return size_curve_figure(
            [line], tolerance=tolerance, answer=self.smallest_size()
        )


def paired_increase(
    losses: ArrayLike, full: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean paired difference of losses and its standard error.

    Args:
        losses: Loss of each sample at each size, shape `(sizes, samples)`, at least two
            samples.
        full: Loss of each sample at the full size, shape `(samples,)`.

    Returns:
        Mean of `losses - full` over samples and its standard error, each of shape
        `(sizes,)`, in the unit of the losses.

    Example:
    >>> increase, error = paired_increase([[3.0, 5.0]], [1.0, 1.0])
    >>> float(increase[0]), float(error[0])
    (3.0, 1.0)
    """
    differences = np.asarray(losses, "float64") - np.asarray(full, "float64")
    errors = differences.std(axis=1, ddof=1) / math.sqrt(differences.shape[1])
    return differences.mean(axis=1), errors


# All sizes are measured up to this one, and no more than this many at the edge.
_ALL = 24

# Ratio of neighbouring sizes above.
_RATIO = 4 / 3


def spaced_sizes(full: int) -> tuple[int, ...]:
    """All sizes up to 24, above that each a third larger, and the full one.

    Args:
        full: Integer >= 1, the full size.

    Example:
    >>> spaced_sizes(100)[20:]
    (21, 22, 23, 24, 32, 43, 57, 76, 100)
    """
    sizes = list(range(1, min(full, _ALL) + 1))
    while sizes[-1] < full:
        sizes.append(min(round(_RATIO * sizes[-1]), full))
    return tuple(sizes)


def sizes_at_edge(
    sizes: Sequence[int], increase: Sequence[float], allowed: float
) -> tuple[int, ...]:
    """Sizes that are missing where the increase crosses a tolerance.

    Args:
        sizes: Measured sizes, ascending.
        increase: Increase at each of them.
        allowed: Float, the tolerance in the unit of the increase.

    Returns:
        The integers between the smallest size from which on the increase stays within
        the tolerance and the measured size below it, at most 24, evenly spaced.

    Example:
    >>> sizes_at_edge((4, 8, 16), (5.0, 0.1, 0.0), allowed=0.5)
    (5, 6, 7)
    """
    above = [i for i, value in enumerate(increase) if value > allowed]
    if not above or above[-1] + 1 == len(sizes):
        return ()
    low, high = sizes[above[-1]], sizes[above[-1] + 1]
    missing = np.arange(low + 1, high)
    if len(missing) > _ALL:
        missing = np.unique(np.linspace(low + 1, high - 1, _ALL).round()).astype(int)
    return _integers(missing)


def _integers(values: Any) -> tuple[int, ...]:
    given = tuple(values)
    whole = (isinstance(v, numbers.Integral) for v in given)
    if not all(whole) or any(isinstance(v, bool) for v in given):
        raise ValueError(
            "`sizes`, `order` and `samples` must be integers. "
            f"Received: {list(given)!s:.100}"
        )
    return tuple(int(v) for v in given)


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
