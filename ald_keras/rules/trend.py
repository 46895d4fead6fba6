"""Where a falling loss is on its way to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ald_keras.rules.checks import check_real
from ald_keras.rules.frozen import Immutable


@dataclass(frozen=True)
class Trend(Immutable):
    """A loss that falls with the logarithm of the epochs trained.

    `loss(t) = level + slope * log(t)`, so that what an epoch brings falls off as
    `1 / t`. A straight line would promise a network ever more, and no line at all would
    give a removal the credit for what training brought meanwhile.

    Args:
        level: Float, the loss after one epoch, in nats per sample.
        slope: Float <= 0, nats per unit of the epochs' logarithm.

    Raises:
        ValueError: If a value is not finite, or `slope` is above 0.
    """

    level: float
    slope: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", check_real("level", self.level))
        object.__setattr__(self, "slope", check_real("slope", self.slope))
        if self.slope > 0.0:
            raise ValueError(f"`slope` must be at most 0. Received: slope={self.slope}")

    def at(self, epochs: float) -> float:
        """The loss expected after `epochs` >= 1 epochs of training."""
        return self.level + self.slope * math.log(epochs)

    def excess(self, epochs: Sequence[int], losses: Sequence[float]) -> float:
        """Mean of what `losses` lie above the expected ones, in nats per sample."""
        gaps = [y - self.at(t) for t, y in zip(epochs, losses, strict=True)]
        return math.fsum(gaps) / len(gaps)

    def moved(self, by: float) -> Trend:
        """The same trend, `by` nats higher."""
        return Trend(self.level + by, self.slope)


def fit_trend(epochs: Sequence[int], losses: Sequence[float]) -> Trend:
    """Least-squares `Trend` of losses; level where they rise.

    Args:
        epochs: Integers >= 1, epochs trained, shape `(n,)`, `n >= 2`, not all equal.
        losses: Floats of the same number, in nats per sample.

    Returns:
        The trend. Its slope is 0 where the losses rise: validation loss that rises is
        no reason to expect worse of a smaller model.

    Example:
    >>> fit_trend([1, 2, 4], [5.0, 4.0, 3.0]).at(8)
    2.0
    """
    logs = [math.log(t) for t in epochs]
    mean_log = math.fsum(logs) / len(logs)
    mean = math.fsum(losses) / len(losses)
    moment = math.fsum(
        (x - mean_log) * (y - mean) for x, y in zip(logs, losses, strict=True)
    )
    slope = min(0.0, moment / math.fsum((x - mean_log) ** 2 for x in logs))
    return Trend(mean - slope * mean_log, slope)
