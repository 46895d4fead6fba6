"""What a rule decides about one epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from ald_keras._validation import check_fields, check_integer, check_mapping, check_real
from ald_keras.rules.frozen import FrozenMapping, Immutable
from ald_keras.rules.indices import check_indices

Action = Literal[
    "wait", "prune", "try", "keep", "restore", "open", "sample", "stop", "restart"
]
"""What a `Decision` does."""

# How each is called where it is shown.
ACTION_TITLES: dict[str, str] = {
    "wait": "waits",
    "prune": "removed",
    "try": "on trial",
    "keep": "removal accepted",
    "restore": "restored",
    "open": "opened",
    "sample": "sizes sampled",
    "stop": "size fixed",
    "restart": "restarted",
}

# Those that change which dimensions are active.
_CHANGES = ("prune", "try", "restore", "open")


@dataclass(frozen=True)
class Decision(Immutable):
    """A rule's answer to one `Observation`, with its evidence.

    Epochs are numbered as the observations number them; Keras counts from 0.

    Args:
        epoch: Integer >= 0, the epoch decided on.
        action: `"wait"` (nothing changes), `"prune"` (`indices` are removed),
            `"open"` (they are switched on as they are), `"sample"` (sizes are sampled
            from now on), `"stop"` (the size is fixed, and `indices` are removed or
            opened with it); for gates `"try"` (`indices` are closed on trial), `"keep"`
            (those on trial stay closed) and `"restore"` (they are opened, with the
            weights they had); or, from a callback and never from a rule, `"restart"`
            (the mask was changed from outside).
        indices: Dimensions the action changes, ascending; empty where it changes none.
        active_dims: Integer >= 1, active dimensions after the action.
        reason: Full sentence with the numbers that led to the action.
        code: What has happened, one word for each kind, for programs. Defaults to `""`.
        details: Mapping from names to numbers, or to sequences of numbers: what the
            decision was made on, such as the slopes of metrics per epoch, or the size
            curve. Defaults to none.

    Raises:
        TypeError: If `details` is not a mapping.
        ValueError: If a value is out of its range or `indices` do not go with
            the action.
    """

    epoch: int
    action: Action
    indices: tuple[int, ...]
    active_dims: int
    reason: str
    code: str = ""
    details: Mapping[str, float | tuple[float, ...]] = FrozenMapping({})

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            raise ValueError(
                f"`action` must be one of {get_args(Action)}. "
                f"Received: action={self.action!r}"
            )
        indices = check_indices("indices", self.indices)
        may_change = self.action in (*_CHANGES, "stop")
        if (indices and not may_change) or (not indices and self.action in _CHANGES):
            raise ValueError(
                f"`indices` must name what {_CHANGES} change and be empty otherwise. "
                f"Received: action={self.action!r}, indices={indices}"
            )
        if not isinstance(self.reason, str) or not self.reason:
            raise ValueError(
                f"`reason` must be a non-empty string. Received: reason={self.reason!r}"
            )
        self._set(
            epoch=check_integer("epoch", self.epoch, 0),
            indices=indices,
            active_dims=check_integer("active_dims", self.active_dims, 1),
        )
        details = check_mapping("details", self.details)
        frozen = {name: _frozen(name, value) for name, value in details.items()}
        self._set(details=FrozenMapping(frozen))

    def to_dict(self) -> dict[str, object]:
        """Returns the decision in plain types that JSON holds exactly."""
        return {
            "epoch": self.epoch,
            "action": self.action,
            "indices": list(self.indices),
            "active_dims": self.active_dims,
            "reason": self.reason,
            "code": self.code,
            "details": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.details.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Decision:
        """Rebuilds a decision from what `to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        return cls(**check_fields("Decision", data, [f.name for f in fields(cls)]))


def _frozen(name: str, value: object) -> float | tuple[float, ...]:
    argument = f"details[{name!r}]"
    if isinstance(value, (list, tuple)):
        return tuple(check_real(argument, number) for number in value)
    return check_real(argument, value)
