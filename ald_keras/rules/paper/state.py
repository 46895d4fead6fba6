"""What the ALD rule knows from epoch to epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from ald_keras._validation import check_fields, check_integer, check_mapping, check_real
from ald_keras.rules.frozen import FrozenMapping, Immutable
from ald_keras.rules.indices import check_active
from ald_keras.rules.observation import Observation

StateT = TypeVar("StateT", bound="ALDState")


@dataclass(frozen=True)
class ALDState(Immutable):
    """Everything `ALDRule` knows; it holds no generator and survives JSON.

    Made by `ALDRule.init`, or by hand to start in the middle of a run.

    Args:
        seed: Integer >= 0, which random choices follow from.
        n_dims: Integer >= 1, latent dimensions of the model, pruned ones among
            them.
        active: Indices of the active dimensions, ascending, at least one.
        step: Integer >= 1, dimensions removed at a time.
        history: Mapping from each recorded metric to its values, shape
            `(epochs,)`, oldest first; all of one length, `silhouette` among
            them.
        removals: Integer >= 0, removals (not dimensions) so far. Defaults to 0.
        last_epoch: Epoch recorded last. Defaults to `None`: none yet.
        fixed_epoch: Epoch at which the size was fixed. Defaults to `None`.
        at_floor: Whether it was fixed because `min_dims` was reached, and not
            by the curves. Defaults to `False`.

    Raises:
        TypeError: If `history` is not a mapping.
        ValueError: If a field is out of its range, or the fields disagree.
    """

    seed: int
    n_dims: int
    active: tuple[int, ...]
    step: int
    history: Mapping[str, tuple[float, ...]]
    removals: int = 0
    last_epoch: int | None = None
    fixed_epoch: int | None = None
    at_floor: bool = False

    def __post_init__(self) -> None:
        checked: dict[str, object] = {
            "seed": check_integer("seed", self.seed, 0),
            "n_dims": check_integer("n_dims", self.n_dims, 1),
            "active": check_active("active", self.active, self.n_dims),
            "step": check_integer("step", self.step, 1),
            "removals": check_integer("removals", self.removals, 0),
            "history": _check_history(self.history),
        }
        for name in ("last_epoch", "fixed_epoch"):
            value = getattr(self, name)
            checked[name] = None if value is None else check_integer(name, value, 0)
        if not isinstance(self.at_floor, bool) or (
            self.at_floor and self.fixed_epoch is None
        ):
            raise ValueError(
                "`at_floor` must be a boolean, and false while the size is not fixed. "
                f"Received: at_floor={self.at_floor!r}, fixed_epoch={self.fixed_epoch}"
            )
        for name, value in checked.items():
            self._set(**{name: value})

    @property
    def n_records(self) -> int:
        """Number of recorded epochs."""
        return len(self.history["silhouette"])

    def record(self, observation: Observation) -> ALDState:
        """Returns the state with one more recorded epoch.

        Args:
            observation: Measurements of an epoch after `last_epoch`, which hold
                every metric of `history`.

        Raises:
            ValueError: If the observation does not follow on this state, lacks a
                metric, or holds a non-finite value that counts.
        """
        epoch = observation.epoch
        if self.last_epoch is not None and epoch <= self.last_epoch:
            raise ValueError(
                f"`epoch` must come after the last recorded one, {self.last_epoch}. "
                f"Received: epoch={epoch}"
            )
        if len(observation.kl) != self.n_dims:
            raise ValueError(
                f"`kl` must hold one value for each of the {self.n_dims} latent "
                f"dimensions. Received: {len(observation.kl)} values at epoch {epoch}"
            )
        if observation.active != self.active:
            raise ValueError(
                f"`active` must be what the rule left active, {self.active}; after a "
                "change from outside call `restart`. "
                f"Received: active={observation.active} at epoch {epoch}"
            )
        observation.check_kl()
        history = {
            name: (*values, observation.metric(name))
            for name, values in self.history.items()
        }
        return replace(self, history=history, last_epoch=epoch)

    def to_dict(self) -> dict[str, object]:
        """Returns the state in plain types that JSON holds exactly."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["active"] = list(self.active)
        data["history"] = {name: list(values) for name, values in self.history.items()}
        return data

    @classmethod
    def from_dict(cls: type[StateT], data: Mapping[str, object]) -> StateT:
        """Rebuilds a state from what `to_dict` returned.

        Raises:
            TypeError: If `data` or its history is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        return cls(**check_fields("ALDState", data, [f.name for f in fields(cls)]))


def _check_history(history: object) -> FrozenMapping[tuple[float, ...]]:
    columns = {
        name: tuple(check_real(f"history[{name!r}]", value) for value in values)
        for name, values in check_mapping("history", history).items()
    }
    lengths = {name: len(values) for name, values in columns.items()}
    if "silhouette" not in columns or len(set(lengths.values())) > 1:
        raise ValueError(
            "`history` must hold 'silhouette', and as many values of each metric. "
            f"Received: lengths {lengths}"
        )
    return FrozenMapping(columns)
