"""What a size is to be good enough for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ald_keras._validation import check_real
from ald_keras.rules.size_curve.edge import best_size, size_within_bound
from ald_keras.rules.size_curve.measurement import SizeMeasurement

LOSS, SQUARED_ERROR = "loss", "squared_error"

# Of the built-in metrics, those of which higher is better.
_HIGHER = ("silhouette",)


@dataclass(frozen=True)
class Targets:
    """What a size is to be good enough for.

    Args:
        names: Names of metrics, `"loss"` among them or not.
        bound: Float, largest squared error of a sample, in place of the names; or
            `None`.
    """

    names: tuple[str, ...]
    bound: float | None

    @property
    def uses_loss(self) -> bool:
        """Whether the loss decides, or helps to."""
        return self.bound is None and LOSS in self.names

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that are measured at each size, beside the loss."""
        if self.bound is not None:
            return (SQUARED_ERROR,)
        return tuple(name for name in self.names if name != LOSS)

    def answers(
        self,
        window: Sequence[SizeMeasurement],
        minimum: int,
        directions: Mapping[str, str],
    ) -> list[int | None]:
        """The size that each metric but the loss asks for.

        Args:
            window: Measurements, at least one.
            minimum: Integer >= 1, the smallest answer.
            directions: Mapping from a user's own metrics to `"min"` or `"max"`.

        Returns:
            Sizes, `None` among them where no size is within the bound.
        """
        if self.bound is not None:
            return [size_within_bound(window, SQUARED_ERROR, self.bound, minimum)]
        signs = {
            name: -1.0 if name in _HIGHER or directions.get(name) == "max" else 1.0
            for name in self.metrics
        }
        return [best_size(window, name, signs[name], minimum) for name in self.metrics]


def read_targets(target: Any, bound: Any) -> Targets:
    """The targets that a rule is given.

    Args:
        target: A name or a tuple of names.
        bound: Float > 0 or `None`.

    Raises:
        ValueError: If a name is no text or there is none, or the bound is not positive.
    """
    names = (target,) if isinstance(target, str) else target
    # YAML knows lists only.
    names = tuple(names) if isinstance(names, list) else names
    texts = isinstance(names, tuple) and all(isinstance(n, str) and n for n in names)
    if not texts or not names or len(set(names)) < len(names):
        raise ValueError(
            "`target` must be the name of a metric or a tuple of distinct names, such "
            f"as ('loss', 'silhouette'). Received: target={target!r}"
        )
    if bound is not None:
        bound = check_real("max_squared_error", bound)
        if bound <= 0.0:
            raise ValueError(
                "`max_squared_error` must be above 0. "
                f"Received: max_squared_error={bound}"
            )
    return Targets(names, bound)
