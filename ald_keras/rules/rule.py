"""What a callback expects of a rule, whichever it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar, runtime_checkable

from ald_keras.rules.decision import Decision
from ald_keras.rules.observation import Observation


@runtime_checkable
class RuleState(Protocol):
    """What anyone may read of a rule's state, an immutable value.

    Where a rule samples sizes its states also have `sampling`, the `SampledSizes` of
    the next epoch or `None`.
    """

    @property
    def active(self) -> tuple[int, ...]:
        """Dimensions the next observation must show as active, ascending."""

    @property
    def fixed_epoch(self) -> int | None:
        """Epoch at which the size was fixed, `None` before that."""

    @property
    def at_floor(self) -> bool:
        """Whether the size was fixed by a lower limit and not by the data."""

    def to_dict(self) -> dict[str, object]:
        """The state in plain types that JSON holds exactly."""


StateT = TypeVar("StateT", bound=RuleState)
ObservationT = TypeVar("ObservationT", contravariant=True)


@runtime_checkable
class Rule(Protocol[StateT, ObservationT]):
    """Pure decisions: no method changes the rule, a state or an observation."""

    def init(self, n_dims: int, seed: int) -> StateT:
        """State before the first epoch, all `n_dims` dimensions active."""

    def update(
        self, state: StateT, observation: ObservationT
    ) -> tuple[StateT, Decision]:
        """Decides about one observation."""

    def restart(self, state: StateT, active: Iterable[int]) -> StateT:
        """State that continues from dimensions changed from outside."""

    def state_from_dict(self, data: Mapping[str, object]) -> StateT:
        """Rebuilds a state of this rule from what its `to_dict` returned."""


@runtime_checkable
class PruningRule(Rule[StateT, Observation], Protocol[StateT]):
    """A rule that `ALDCallback` can ask.

    All fields need defaults. A class attribute `samples_sizes = True` says that it has
    sizes sampled, and may be asked within an epoch or after several.
    """

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that every observation must hold."""


def samples_sizes(rule: object) -> bool:
    """Whether a rule has sizes sampled in training."""
    return bool(getattr(rule, "samples_sizes", False))
