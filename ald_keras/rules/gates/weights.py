"""What the rule on gates knows of the weights there are, and of feasible ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from ald_keras._validation import check_fields
from ald_keras.rules.frozen import Immutable


@dataclass(frozen=True)
class GateWeights(Immutable):
    """Where the present weights come from, and where the last feasible ones do.

    Feasible are those of an epoch within the bound whose gates were all fixed, none on
    trial. A search keeps a snapshot of them to roll back to.

    Args:
        error: Squared error of the present weights, or `None` before it is known.
        epoch: Epoch of the present weights, or `None`.
        is_stale: Whether epochs without validation came after `epoch`.
        feasible_error: Error of the last feasible weights, or `None`.
        feasible_epoch: Their epoch, or `None` without any.
        was_rolled_back: Whether training has gone back to them, and has not been
            feasible since.
    """

    error: float | None = None
    epoch: int | None = None
    is_stale: bool = False
    feasible_error: float | None = None
    feasible_epoch: int | None = None
    was_rolled_back: bool = False

    def measured(self, epoch: int, error: float) -> GateWeights:
        """After an epoch whose error was measured."""
        return replace(self, error=error, epoch=epoch, is_stale=False)

    def marked_feasible(self) -> GateWeights:
        """With the present weights as the feasible ones."""
        return replace(
            self,
            feasible_error=self.error,
            feasible_epoch=self.epoch,
            was_rolled_back=False,
        )

    def rolled_back(self, within_search: bool) -> GateWeights:
        """With the feasible weights as the present ones.

        Args:
            within_search: Whether training keeps the same gates, not those
                of a trial that was rejected.
        """
        return replace(
            self,
            error=self.feasible_error,
            epoch=self.feasible_epoch,
            is_stale=False,
            was_rolled_back=within_search,
        )

    def to_dict(self) -> dict[str, object]:
        """Plain types that JSON holds exactly."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> GateWeights:
        """Rebuild it from what `to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing or unknown.
        """
        return cls(**check_fields("GateWeights", data, [f.name for f in fields(cls)]))
