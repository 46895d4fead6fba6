"""What is measured of a model at several latent sizes, in one evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from ald_keras._validation import check_fields, check_integer, check_mapping, check_real
from ald_keras.rules.frozen import FrozenMapping, Immutable
from ald_keras.rules.indices import check_indices


@dataclass(frozen=True)
class SizeMeasurement(Immutable):
    """Loss and metrics at some latent sizes, from the same weights and samples.

    Args:
        sizes: Integers >= 1, ascending; the last one is the full size.
        increase: Mean paired difference of the loss to that at the full size, nats per
            sample, one for each size.
        standard_error: Standard error of each increase.
        loss: Loss at the full size, nats per sample.
        metrics: Mapping from names of further metrics to one value for each size.
            Defaults to none.

    Raises:
        TypeError: If `metrics` is not a mapping.
        ValueError: If sizes are not ascending, a curve is of another length, or a value
            is not finite.
    """

    sizes: tuple[int, ...]
    increase: tuple[float, ...]
    standard_error: tuple[float, ...]
    loss: float
    metrics: Mapping[str, tuple[float, ...]] = FrozenMapping({})

    def __post_init__(self) -> None:
        sizes = check_indices("sizes", self.sizes)
        check_integer("sizes", min(sizes, default=0), 1)
        metrics = check_mapping("metrics", self.metrics)
        curves: dict[str, Sequence[float]] = {
            "increase": self.increase,
            "standard_error": self.standard_error,
            **metrics,
        }
        checked = {n: tuple(check_real(n, v) for v in c) for n, c in curves.items()}
        lengths = {n: len(c) for n, c in checked.items() if len(c) != len(sizes)}
        if lengths:
            raise ValueError(
                f"Each curve must hold one value for each of the {len(sizes)} sizes. "
                f"Received: {lengths}"
            )
        self._set(
            sizes=sizes,
            increase=checked.pop("increase"),
            standard_error=checked.pop("standard_error"),
            loss=check_real("loss", self.loss),
            metrics=FrozenMapping(checked),
        )

    def to_dict(self) -> dict[str, object]:
        """Plain types that JSON holds exactly."""
        return {
            "sizes": list(self.sizes),
            "increase": list(self.increase),
            "standard_error": list(self.standard_error),
            "loss": self.loss,
            "metrics": {name: list(values) for name, values in self.metrics.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> SizeMeasurement:
        """Rebuild it from what `to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        return cls(
            **check_fields("SizeMeasurement", data, [f.name for f in fields(cls)])
        )
