"""The pruning rule of the ALD paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ald_keras._validation import check_integer
from ald_keras.rules.decision import Action, Decision
from ald_keras.rules.frozen import FrozenMapping, Immutable
from ald_keras.rules.observation import BUILT_IN_METRICS, OBJECTIVE, Observation
from ald_keras.rules.paper.curve_turn import CurveTurn, check_thresholds
from ald_keras.rules.paper.reasons import (
    between_reason,
    fixed_reason,
    floor_reason,
    pace_reason,
    prune_reason,
    turned_reason,
    unturned_reason,
)
from ald_keras.rules.paper.selection import SELECTIONS, select_dims
from ald_keras.rules.paper.slopes import fit_slope
from ald_keras.rules.paper.state import ALDState

DEFAULT_THRESHOLDS: Mapping[str, float] = FrozenMapping(
    dict.fromkeys(BUILT_IN_METRICS, 0.0)
)
"""Slope that each metric has to exceed before `ALDRule` stops, per epoch."""


@dataclass(frozen=True)
class ALDRule(Immutable):
    """Removes some dimensions every few epochs until all quality curves turn.

    The rule of Sejnova et al., arXiv 2312.06280, as its text gives it. Every
    `patience` recorded epochs: if the slope of every watched metric over the
    last `slope_window` epochs is above its threshold (Eq. 4), the size is fixed
    for good. Otherwise `step` dimensions are removed, and once the silhouette
    has risen over `slowdown_window` epochs that step is `final_step` instead of
    `initial_step`. Neither test is made before its window is full.

    `dataclasses.asdict(rule)` gives plain types, `ALDRule(**asdict(rule))` the
    same rule again.

    Args:
        initial_step: Integer, dimensions removed at a time at first. Defaults
            to 5.
        final_step: Integer from 1 to `initial_step`, dimensions removed at a
            time after the slow-down. Defaults to 1.
        patience: Integer >= 1, recorded epochs from one decision to the next.
            Defaults to 5.
        slope_window: Integer >= 2, epochs that the stop test looks back on.
            Defaults to 20.
        slowdown_window: Integer >= 2, epochs that the slow-down test looks back
            on. Defaults to 10.
        min_dims: Integer >= 1, dimensions that are never undercut; the rule ends
            when they are reached. Defaults to 2.
        selection: Which dimensions go: `"random"`, `"kl"` (smallest mean KL
            first, ties by lowest index) or `"last"` (highest indices first, as
            the authors' published code does). Defaults to `"random"`.
        thresholds: Mapping from metrics to the slope each has to exceed, unit of
            the metric per epoch. A metric that is not named has no part in the
            stop test, but the silhouette is always recorded for the slow-down.
            A user's own metric counts once it gets worse by more than its
            threshold per epoch. Defaults to 0.0 for `silhouette`,
            `reconstruction`, `frechet_reconstruction` and `frechet_generation`.

    Raises:
        TypeError: If `thresholds` is not a mapping.
        ValueError: If an argument is of another type than stated or out of its
            range, or `thresholds` names no metric, or the baseline NLL, which never
            changes.

    Example:
    >>> rule = ALDRule(selection="kl", thresholds={"reconstruction": 0.0})
    >>> state = rule.init(n_dims=64, seed=0)
    >>> metrics = {"silhouette": 0.1, "reconstruction": 80.0}
    >>> observation = Observation(0, metrics, range(64), [0.5] * 64)
    >>> state, decision = rule.update(state, observation)
    >>> decision.action
    'wait'
    """

    initial_step: int = 5
    final_step: int = 1
    patience: int = 5
    slope_window: int = 20
    slowdown_window: int = 10
    min_dims: int = 2
    selection: str = "random"
    thresholds: Mapping[str, float] = DEFAULT_THRESHOLDS

    def __post_init__(self) -> None:
        for name in ("initial_step", "final_step", "patience", "min_dims"):
            self._set(**{name: check_integer(name, getattr(self, name), 1)})
        for name in ("slope_window", "slowdown_window"):
            self._set(**{name: check_integer(name, getattr(self, name), 2)})
        if self.final_step > self.initial_step:
            raise ValueError(
                "`final_step` must not exceed `initial_step`. Received: "
                f"final_step={self.final_step}, initial_step={self.initial_step}"
            )
        if not isinstance(self.selection, str) or self.selection not in SELECTIONS:
            raise ValueError(
                f"`selection` must be one of {tuple(SELECTIONS)}. "
                f"Received: selection={self.selection!r}"
            )
        self._set(thresholds=check_thresholds(self.thresholds))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that every observation must hold."""
        return tuple(dict.fromkeys(("silhouette", *self.thresholds)))

    def init(self, n_dims: int, seed: int) -> ALDState:
        """State before the first epoch.

        Args:
            n_dims: Integer >= 1, latent dimensions of the model, all active.
            seed: Integer >= 0 that random choices follow from.

        Raises:
            ValueError: If an argument is out of its range.
        """
        n_dims = check_integer("n_dims", n_dims, 1)
        return ALDState(
            seed=seed,
            n_dims=n_dims,
            active=tuple(range(n_dims)),
            step=self.initial_step,
            history={name: () for name in self.metrics},
        )

    def restart(self, state: ALDState, active: Iterable[int]) -> ALDState:
        """State that continues from dimensions changed from outside.

        For a model whose weights and mask were put back, by a checkpoint for
        instance. What was recorded belongs to other weights: it is dropped, the
        size is open again and the step is `initial_step`. The count of removals
        stays, so that random choices are not the earlier ones over again.

        Args:
            state: State to continue from.
            active: Dimensions that are active now, ascending, at least one.

        Raises:
            ValueError: If `active` does not fit the model.
        """
        return replace(
            self.init(state.n_dims, state.seed),
            active=tuple(active),
            removals=state.removals,
        )

    def state_from_dict(self, data: Mapping[str, object]) -> ALDState:
        """Rebuilds a state from what `ALDState.to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If `data` is invalid or was written under another rule.
        """
        state = ALDState.from_dict(data)
        self._check_state(state)
        return state

    def update(
        self, state: ALDState, observation: Observation
    ) -> tuple[ALDState, Decision]:
        """Records one epoch and decides.

        Args:
            state: State after the epoch recorded before.
            observation: Measurements of this epoch.

        Returns:
            The next state, and the decision with its reason.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If the observation does not follow on `state`, lacks a
                metric or a direction, or holds a non-finite value that counts.
        """
        self._check_state(state)
        self._check_observation(observation)
        state = state.record(observation)
        epoch, n_active = observation.epoch, len(state.active)
        if state.fixed_epoch is not None:
            reason = fixed_reason(n_active, state.fixed_epoch, state.at_floor)
            return state, _decide(epoch, state, "wait", reason)
        if n_active <= self.min_dims:
            state = replace(state, fixed_epoch=epoch, at_floor=True)
            reason = floor_reason(n_active, self.min_dims)
            return state, _decide(epoch, state, "stop", reason)
        since = state.n_records % self.patience
        if since:
            reason = between_reason(since, self.patience, n_active)
            return state, _decide(epoch, state, "wait", reason)
        return self._stop_or_prune(state, observation)

    def _stop_or_prune(
        self, state: ALDState, observation: Observation
    ) -> tuple[ALDState, Decision]:
        epoch, n_active = observation.epoch, len(state.active)
        turns = self._turns(state, observation)
        slopes = {turn.name: turn.slope for turn in turns}
        if all(turn.turned for turn in turns):
            state = replace(state, fixed_epoch=epoch)
            reason = turned_reason(n_active, turns, self.slope_window)
            return state, _decide(epoch, state, "stop", reason, slopes=slopes)
        why = unturned_reason(turns, self.slope_window, state.n_records)
        step, pace = self._next_step(state)
        indices = select_dims(
            self.selection,
            state.active,
            observation.kl,
            min(step, n_active - self.min_dims),
            (state.seed, state.removals),
        )
        state = replace(
            state,
            active=tuple(i for i in state.active if i not in indices),
            step=step,
            removals=state.removals + 1,
        )
        removed = prune_reason(indices, n_active, step, self.min_dims, self.selection)
        reason = f"{removed} {why} {pace}"
        return state, _decide(epoch, state, "prune", reason, indices, slopes)

    def _turns(self, state: ALDState, observation: Observation) -> list[CurveTurn]:
        return [
            CurveTurn(
                name,
                fit_slope(state.history[name], self.slope_window),
                threshold,
                rising=observation.directions.get(name) != "max",
            )
            for name, threshold in self.thresholds.items()
        ]

    def _next_step(self, state: ALDState) -> tuple[int, str]:
        """Dimensions to remove now, and a sentence on why so many."""
        if state.step == self.final_step:
            return state.step, f"The step is {state.step}, the final one."
        slope = fit_slope(state.history["silhouette"], self.slowdown_window)
        silhouette = CurveTurn("silhouette", slope, 0.0)
        step = self.final_step if silhouette.turned else state.step
        return step, pace_reason(
            state.step, step, silhouette, self.slowdown_window, state.n_records
        )

    def _check_state(self, state: ALDState) -> None:
        if not isinstance(state, ALDState):
            raise TypeError(f"`state` must be an ALDState. Received: {type(state)}")
        steps = {self.initial_step, self.final_step}
        if set(state.history) != set(self.metrics) or state.step not in steps:
            raise ValueError(
                "`state` must come from a rule with the same metrics and steps. "
                f"Received: metrics {sorted(state.history)} and step {state.step}, "
                f"for a rule with {sorted(self.metrics)} and {sorted(steps)}"
            )

    def _check_observation(self, observation: Observation) -> None:
        if not isinstance(observation, Observation):
            raise TypeError(
                f"`observation` must be an Observation. Received: {type(observation)}"
            )
        for name in self.thresholds:
            measured = (*BUILT_IN_METRICS, OBJECTIVE, *observation.directions)
            if name not in measured:
                raise ValueError(
                    f"`directions` must hold 'min' or 'max' for {name!r}, a metric of "
                    f"the user's own. Received: directions={observation.directions} "
                    f"at epoch {observation.epoch}"
                )


def _decide(
    epoch: int,
    state: ALDState,
    action: Action,
    reason: str,
    indices: tuple[int, ...] = (),
    slopes: Mapping[str, float | None] | None = None,
) -> Decision:
    known = {name: value for name, value in (slopes or {}).items() if value is not None}
    return Decision(
        epoch=epoch,
        action=action,
        indices=indices,
        active_dims=len(state.active),
        reason=reason,
        details={"step": state.step, **known},
    )
