"""Whether one metric's curve has turned."""

from __future__ import annotations

from dataclasses import dataclass

from ald_keras.rules.frozen import Immutable


@dataclass(frozen=True)
class CurveTurn(Immutable):
    """One metric's part in the stop test of arXiv 2312.06280, Eq. 4.

    Args:
        name: Name of the metric.
        slope: Its slope, unit of the metric per epoch; `None` while too few
            epochs are recorded.
        threshold: Float that the slope has to pass, same unit.
        rising: Whether the curve turns by rising (slope above `threshold`) or by
            falling (negated slope above `threshold`). Defaults to `True`.
    """

    name: str
    slope: float | None
    threshold: float
    rising: bool = True

    @property
    def turned(self) -> bool:
        """Whether the slope is known and strictly beyond the threshold."""
        if self.slope is None:
            return False
        return (self.slope if self.rising else -self.slope) > self.threshold

    def __str__(self) -> str:
        if self.slope is None:
            return f"{self.name} has no slope yet"
        side = "above" if self.rising else "below"
        # Subtracting keeps a threshold of 0 from being printed as -0.
        bound = self.threshold if self.rising else 0.0 - self.threshold
        negation = "" if self.turned else "not "
        return f"{self.name} {self.slope:+.4g} is {negation}{side} {bound:g}"
