"""Whether one metric's curve has turned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ald_keras._validation import check_mapping, check_real
from ald_keras.rules.frozen import FrozenMapping, Immutable
from ald_keras.rules.observation import BASELINE_NLL


def check_thresholds(thresholds: Mapping[str, float]) -> FrozenMapping[float]:
    """The thresholds of the curves that have to turn, checked.

    Args:
        thresholds: Mapping from metrics to slopes, unit of the metric per epoch.

    Raises:
        TypeError: If it is not a mapping.
        ValueError: If it names no curve that can turn, or a value is no finite number.
    """
    checked = {
        name: check_real(f"thresholds[{name!r}]", value)
        for name, value in check_mapping("thresholds", thresholds).items()
    }
    if not checked or BASELINE_NLL in checked:
        raise ValueError(
            "`thresholds` must name at least one metric, and none that never changes, "
            f"or the rule could never stop. Received: thresholds={checked}"
        )
    return FrozenMapping(checked)


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
