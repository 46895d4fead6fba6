"""A size is fixed, and watched from then on: idle dimensions go, the reserve stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ald_keras.rules.observation import Observation
from ald_keras.rules.size_curve import reasons
from ald_keras.rules.size_curve.edge import WINDOW, Increase, mean_increases
from ald_keras.rules.size_curve.reasons import Next
from ald_keras.rules.size_curve.spectra import (
    SETTLE,
    idle_dims,
    informative_dims,
    reserve_size,
)
from ald_keras.rules.size_curve.state import SizeCurveState


def fix(
    state: SizeCurveState,
    increases: Mapping[int, Increase],
    allowed: float,
    min_dims: int,
    uses_loss: bool,
) -> Next:
    """Keep the first dimensions of the order, and some idle ones in reserve.

    Args:
        state: With the answer as its `size`.
        increases: Increase of the loss at each measured size.
        allowed: Float, the tolerance in nats per sample.
        min_dims: Integer >= 1, the smallest size.
        uses_loss: Boolean, whether the loss is among the rule's targets.
    """
    # Fewer than the answer, where dimensions have just become idle.
    size = min(state.size or min_dims, len(state.active))
    order = state.active if state.sampling is None else state.sampling.order
    ranked = [d for d in order if d in state.active]
    kept = sorted(ranked[:size])
    idle = idle_dims(ranked[size:], state.spectra, state.idle_kl)
    spare = reserve_size(size) if uses_loss else 0
    reserve = sorted([*reversed(idle), *state.removed][:spare])
    active = sorted([*kept, *reserve])
    after = state.changed(
        phase="fixed",
        size=size,
        active=tuple(active),
        reserve=tuple(reserve),
        # Those that were informative do not come back: the size was decided without.
        removed=tuple(sorted({*state.removed, *idle} - {*active})),
        fixed_epoch=state.last_epoch,
        window=(),
        at_floor=size == min_dims > 1,
    )
    why = reasons.fixed(size, len(reserve), increases, allowed, uses_loss)
    details = reasons.measured(size, increases, allowed, uses_loss)
    return Next(after, "fixed", why, details)


@dataclass(frozen=True)
class Watch:
    """Watches a fixed size.

    Args:
        patience: Integer >= 1, evaluations for which a dimension of the reserve must be
            informative before the size is raised.
        min_dims: Integer >= 1, the smallest size.
    """

    patience: int
    min_dims: int

    def update(
        self,
        state: SizeCurveState,
        observation: Observation,
        allowed: Callable[[float], float],
    ) -> Next:
        """Take in one evaluation.

        Args:
            state: With the spectrum of this evaluation.
            observation: The evaluation.
            allowed: Gives the tolerance at a loss, both in nats per sample.
        """
        gone = self._idle_in_core(state)
        if gone:
            return self._remove_idle(state, gone)
        if not _awake(state):
            return Next(state.changed(awake=0, window=()), "fixed", reasons.FIXED)
        measured = (*state.window, observation.measurement())[-WINDOW:]
        state = state.changed(awake=state.awake + 1, window=measured)
        if state.awake < self.patience:
            return Next(state, "reserve_awake", reasons.AWAKE)
        increase = mean_increases(measured)[len(state.core)]
        limit = allowed(measured[-1].loss)
        if increase.is_within(limit, 1.0):
            return self._close(state, increase, limit)
        return self._reopen(state, increase, limit)

    def finish(self, state: SizeCurveState) -> Next:
        """The state without its reserve, when training has ended.

        Dimensions of the reserve that are informative stay, and the size is not fixed
        then: there was no time left to find out what they are worth.
        """
        awake = _awake(state)
        kept = tuple(sorted({*state.core, *awake}))
        idle = [d for d in state.reserve if d not in awake]
        after = state.changed(
            active=kept,
            reserve=(),
            removed=tuple(sorted({*state.removed, *idle})),
            size=len(kept),
            fixed_epoch=None if awake else state.fixed_epoch,
            at_floor=state.at_floor and not awake,
        )
        return Next(after, "reserve_closed", reasons.finished(len(idle), len(awake)))

    def _idle_in_core(self, state: SizeCurveState) -> list[int]:
        if len(state.spectra) <= SETTLE:
            return []
        idle = idle_dims(state.core, state.spectra, state.idle_kl)
        limit = max(0, len(state.core) - self.min_dims)
        return idle[:limit] if len(idle) < len(state.core) else []

    def _remove_idle(self, state: SizeCurveState, gone: list[int]) -> Next:
        active = tuple(d for d in state.active if d not in gone)
        size = len(active) - len(state.reserve)
        removed = tuple(sorted({*state.removed, *gone}))
        after = state.changed(
            active=active,
            removed=removed,
            size=size,
            at_floor=state.at_floor or size == self.min_dims > 1,
        )
        return Next(after, "idle_removed", reasons.moved(len(gone), 0))

    def _close(self, state: SizeCurveState, increase: Increase, allowed: float) -> Next:
        removed = tuple(sorted({*state.removed, *state.reserve}))
        after = state.changed(
            active=state.core, reserve=(), removed=removed, awake=0, window=()
        )
        why = reasons.closed(len(state.reserve), increase, allowed)
        return Next(after, "reserve_closed", why)

    def _reopen(
        self, state: SizeCurveState, increase: Increase, allowed: float
    ) -> Next:
        awake = _awake(state)
        core = {*state.core, *awake}
        idle = [d for d in state.reserve if d not in awake]
        count = max(len(idle), reserve_size(len(core)))
        reserve = [*idle, *state.removed][:count]
        after = state.changed(
            active=tuple(sorted({*core, *reserve})),
            reserve=tuple(sorted(reserve)),
            removed=tuple(sorted({*state.removed} - {*reserve})),
            size=len(core),
            fixed_epoch=state.last_epoch,
            awake=0,
            window=(),
            at_floor=False,
        )
        why = reasons.reopened(len(core), len(awake), increase, allowed)
        return Next(after, "reopened", why)


def _awake(state: SizeCurveState) -> list[int]:
    """Dimensions of the reserve that were informative in the last evaluation."""
    return informative_dims(state.reserve, state.spectra[-1], state.idle_kl)
