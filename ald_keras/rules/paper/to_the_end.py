"""The pruning rule of the ALD paper, going on after the epoch at which it stops."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from ald_keras._validation import check_integer
from ald_keras.rules.decision import Decision
from ald_keras.rules.observation import Observation
from ald_keras.rules.paper.reasons import prune_reason
from ald_keras.rules.paper.rule import ALDRule
from ald_keras.rules.paper.state import ALDState


@dataclass(frozen=True)
class ALDToTheEndState(ALDState):
    """Everything `ALDToTheEndRule` knows; see `ALDState` for the other fields.

    Args:
        stop_epoch: Integer >= 0, the first epoch at which `ALDRule` stops. Defaults to
            `None`: not yet.
        stop_dims: Integer >= 1, active dimensions at that epoch. Defaults to `None`.

    Raises:
        ValueError: If one of the two is given and not the other, or out of its range.
    """

    stop_epoch: int | None = None
    stop_dims: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.stop_epoch is None) != (self.stop_dims is None):
            raise ValueError(
                "`stop_epoch` and `stop_dims` must be given together. Received: "
                f"stop_epoch={self.stop_epoch}, stop_dims={self.stop_dims}"
            )
        for name, minimum in (("stop_epoch", 0), ("stop_dims", 1)):
            value = getattr(self, name)
            if value is not None:
                self._set(**{name: check_integer(name, value, minimum)})


@dataclass(frozen=True)
class ALDToTheEndRule(ALDRule):
    """`ALDRule` that only records its stop and continues to remove dimensions.

    This shows what lies beyond the stop (arXiv 2312.06280, Fig. 2). Up to its stop it
    decides as `ALDRule` does, with the same random choices. It ends when `min_dims` is
    reached; the state holds where `ALDRule` stops first. The arguments are those of
    `ALDRule`.
    """

    def init(self, n_dims: int, seed: int) -> ALDToTheEndState:
        """State before the first epoch; see `ALDRule.init`."""
        state = super().init(n_dims, seed)
        return ALDToTheEndState(
            **{f.name: getattr(state, f.name) for f in fields(state)}
        )

    def state_from_dict(self, data: Mapping[str, object]) -> ALDToTheEndState:
        """Rebuilds a state from what `ALDToTheEndState.to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If `data` is invalid or was written under another rule.
        """
        state = ALDToTheEndState.from_dict(data)
        self._check_state(state)
        return state

    def update(
        self, state: ALDState, observation: Observation
    ) -> tuple[ALDState, Decision]:
        """Records one epoch and decides; see `ALDRule.update`."""
        if not isinstance(state, ALDToTheEndState):
            raise TypeError(
                f"`state` must be an ALDToTheEndState. Received: {type(state)}"
            )
        after, decision = super().update(state, observation)
        if decision.action != "stop" or after.at_floor:
            return after, decision
        if state.stop_epoch is None:
            dims = len(state.active)
            state = replace(state, stop_epoch=decision.epoch, stop_dims=dims)
        after, removal = self._without_stop().update(state, observation)
        removed = prune_reason(
            removal.indices,
            len(state.active),
            after.step,
            self.min_dims,
            self.selection,
        )
        reason = f"{removed} The rule itself says: {decision.reason}"
        details = {**decision.details, "step": after.step}
        return after, replace(removal, reason=reason, details=details)

    def _without_stop(self) -> ALDRule:
        """`ALDRule` with thresholds that no slope exceeds."""
        never = dict.fromkeys(self.thresholds, sys.float_info.max)
        return ALDRule(**{**asdict(self), "thresholds": never})
