"""What a figure needs of a training run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ald_keras.metrics.catalog import METRICS

# Metrics that a history repeats in epochs that did not measure them.
_REPEATED = ("silhouette", "frechet_reconstruction", "frechet_generation")


@dataclasses.dataclass(frozen=True)
class Event:
    """A decision on the size.

    Args:
        epoch: Integer >= 1, the epoch after which it was taken, counted from 1.
        action: Text, as in `rules.Decision`.
        dims: Integer, active dimensions after it.
    """

    epoch: int
    action: str
    dims: int


@dataclasses.dataclass(frozen=True)
class Curves:
    """A training run, epoch by epoch.

    Args:
        label: Text, how a legend names it.
        epochs: Integers, ascending, counted from 1.
        dims: Active dimensions in each of these epochs.
        values: Mapping from metrics to their values in these epochs.
        events: Decisions on the size. Defaults to none.
        fixed: `Event` at which the size was fixed, its action `"floor"` where a lower
            limit did so. Defaults to `None`.
        stop: `Event` at which the rule would have stopped, of a run that went on.
            Defaults to `None`.
        features: Text, what the Frechet distances are taken on. Defaults to `""`.
        test: Mapping from metrics to final figures on the test part. Defaults to none.
        bounds: Mapping from metrics to what they were not to exceed. Defaults to none.

    Raises:
        ValueError: If there is no epoch, or a curve is of another length.
    """

    label: str
    epochs: Sequence[int]
    dims: Sequence[int]
    values: Mapping[str, Sequence[float]]
    events: Sequence[Event] = ()
    fixed: Event | None = None
    stop: Event | None = None
    features: str = ""
    test: Mapping[str, float] = dataclasses.field(default_factory=dict)
    bounds: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.values.items()}
        lengths["dims"] = len(self.dims)
        if not self.epochs or set(lengths.values()) != {len(self.epochs)}:
            raise ValueError(
                f"`values` and `dims` must hold one value for each of the "
                f"{len(self.epochs)} epochs, at least one. Received: {lengths}"
            )

    def points(self, name: str) -> tuple[list[int], list[float]]:
        """Epochs in which a metric was measured, and its values there.

        Metrics that are not measured in every epoch keep their last value in between,
        and each measurement is of other samples: a value that changes marks one.

        Args:
            name: Name of the metric.
        """
        values = self.values[name]
        kept = [
            i
            for i, value in enumerate(values)
            if i == 0 or name not in _REPEATED or value != values[i - 1]
        ]
        return [self.epochs[i] for i in kept], [values[i] for i in kept]


def title_and_unit(name: str, features: str = "") -> tuple[str, str]:
    """How a metric is named and in what it is measured.

    Args:
        name: Name of the metric.
        features: Text, what Frechet distances are taken on. Defaults to `""`.
    """
    metric = METRICS.get(name)
    title, unit = (metric.title, metric.unit) if metric else (name, "as measured")
    if name.startswith("frechet") and features:
        title = f"{title} ({features} features)"
    return title, unit
