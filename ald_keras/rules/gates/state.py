"""The state of the rule on gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from ald_keras._validation import check_fields, check_integer, check_real
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.gates.weights import GateWeights
from ald_keras.rules.indices import check_indices

PHASES = ("reach", "narrow", "select", "trial", "done")


@dataclass(frozen=True)
class GateState(Immutable):
    """Everything `GateRule` knows.

    Args:
        n_dims: Integer >= 1, gates.
        active: Dimensions that are open, ascending.
        phase: `"reach"` (until the bound is met), `"narrow"` (gates are trained),
            `"select"` (all are fixed, none on trial), `"trial"` or `"done"`. Defaults
            to `"reach"`.
        trial: Dimensions closed on trial, ascending. Defaults to none.
        undecided: Open ones that were undecided, the likeliest to close first. Defaults
            to none.
        shut: Dimensions closed for good, those to open first in front. Defaults to
            none.
        needed: Dimensions without which the bound was not met since the last success.
            Defaults to none.
        reopened: Dimensions that were shut and had to be opened. Defaults to none.
        expected: Expected open gates of each epoch of narrowing. Defaults to none.
        multipliers: GECO's multiplier of each epoch of narrowing. Defaults to none.
        unmet: Errors of the epochs, one after another and but for trials, in which the
            bound was not met. Defaults to none.
        errors: Errors since the phase or the set of dimensions changed. Defaults to
            none.
        group: Integer >= 1, dimensions tried at a time. Defaults to 1.
        fixed_epoch: Epoch at which the size was fixed, or `None`. Defaults to `None`.
        weights: What is known of the weights. Defaults to nothing.

    Raises:
        ValueError: If a value is out of its range.
    """

    n_dims: int
    active: tuple[int, ...]
    phase: str = "reach"
    trial: tuple[int, ...] = ()
    undecided: tuple[int, ...] = ()
    shut: tuple[int, ...] = ()
    needed: tuple[int, ...] = ()
    reopened: tuple[int, ...] = ()
    expected: tuple[float, ...] = ()
    multipliers: tuple[float, ...] = ()
    unmet: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()
    group: int = 1
    fixed_epoch: int | None = None
    weights: GateWeights = GateWeights()

    def __post_init__(self) -> None:
        n_dims = check_integer("n_dims", self.n_dims, 1)
        object.__setattr__(self, "n_dims", n_dims)
        if self.phase not in PHASES:
            raise ValueError(
                f"`phase` must be one of {PHASES}. Received: phase={self.phase!r}"
            )
        for name in ("active", "trial"):
            values = check_indices(name, getattr(self, name), n_dims)
            object.__setattr__(self, name, values)
        for name in ("undecided", "shut", "needed", "reopened"):
            values = tuple(check_integer(name, v, 0) for v in getattr(self, name))
            check_indices(name, sorted(values), n_dims)
            object.__setattr__(self, name, values)
        for name in ("expected", "multipliers", "unmet", "errors"):
            reals = tuple(check_real(name, v) for v in getattr(self, name))
            object.__setattr__(self, name, reals)
        object.__setattr__(self, "group", check_integer("group", self.group, 1))
        if not self.active or set(self.active) & {*self.trial, *self.shut}:
            raise ValueError(
                "`active` must name at least one dimension, and none that is closed. "
                f"Received: active={self.active}, trial={self.trial}, shut={self.shut}"
            )

    @property
    def is_trained(self) -> bool:
        """Whether gates are trained, and not all fixed."""
        return self.phase in ("reach", "narrow")

    @property
    def at_floor(self) -> bool:
        """Always `False`: no lower limit fixes the size."""
        return False

    def to_dict(self) -> dict[str, object]:
        """Returns the state in plain types that JSON holds exactly."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["weights"] = self.weights.to_dict()
        return {k: list(v) if isinstance(v, tuple) else v for k, v in data.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> GateState:
        """Rebuilds a state from what `to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        values = check_fields("GateState", data, [f.name for f in fields(cls)])
        values["weights"] = GateWeights.from_dict(values["weights"])
        lists = (k for k, v in values.items() if isinstance(v, list))
        return cls(**{**values, **{name: tuple(values[name]) for name in lists}})
