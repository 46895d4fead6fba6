"""A rule that asks what each dimension tells, tries a removal, and takes it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ald_keras.rules.ald_reasons import fixed_reason
from ald_keras.rules.checks import check_integer, check_real
from ald_keras.rules.decision import Decision
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.information_state import InformationState
from ald_keras.rules.information_steps import decide, judge, look, start_over
from ald_keras.rules.observation import NULL_LOSS, OBJECTIVE, Observation
from ald_keras.rules.selection import SELECTIONS
from ald_keras.rules.tolerance import Tolerance, parse_tolerance

TARGETS = ("loss", "silhouette")

# What can be left out to see what it is good for.
PARTS = ("reserve", "trials", "restoring", "trend", "groups")

# Factor from one epoch to the next, up or down, from which another learning rate shows
# in the loss as much as a removal.
_RATE_JUMP = 1.25


@dataclass(frozen=True)
class InformationRule(Immutable):
    """Removes idle dimensions at once, then tries the least informative ones.

    1. Once the set of informative dimensions has not changed for `patience` epochs (but
       for one in twenty), the others are removed except for a reserve of one in five
       informative ones, in which the network may yet find something to tell. The
       reserve goes when trials begin. A dimension is idle if its mean KL is below
       `idle_kl` or its posterior means do not vary (which tells even where free bits
       put a floor under the KL).
    2. Once the training loss falls by no more than twice `max_loss_increase` in
       `patience` epochs, the least informative dimension is removed on trial, for
       `patience` epochs, or up to twice as many where it is a close thing. Then one
       curve is fitted to the losses of this trial, of all that were kept and of the
       epochs before them: a trend, and what each removal adds. So what all removals
       will cost once the network has been trained twice as long is estimated. Up to
       `max_loss_increase` the removal is kept and the next one tried: of up to twice as
       many dimensions while that costs little and many are active, of one near the
       edge. Where the loss comes to lie lower than expected by more than that, the
       network has found something better meanwhile: what is on trial is switched on
       again as it is, and trials begin anew once that has settled, what was spent
       before included. A dimension with which that happens twice stays away, and all
       that is allowed by then counts as spent, since what it costs cannot be told; of
       several such dimensions only the first is paid for.
    3. Otherwise the dimensions come back with the weights they had. If it was one, the
       size is fixed for good; if more, fewer are tried.

    It is the training loss that is compared, the mean over an epoch's steps, because a
    validation loss is that of one moment's weights: from epoch to epoch it scatters
    about five times as much (MNIST, 10,000 images), more than a dimension costs.

    Training ends with a size that was measured: what is still on trial then comes back.
    Where the learning rate changes by a factor of more than 1.25 from one epoch to the
    next, the losses recorded are dropped, and a trial ends undecided; under a schedule
    that goes on so, nothing is decided. A rate that falls slowly is taken for part of
    the trend, and what it brings pays for removals in part.

    Args:
        max_loss_increase: How much more loss a smaller latent space may cost in all,
            above 0: nats per sample as a number, or as a percentage a share of what the
            latent space gains. That is how far the loss lies below the one of the best
            output that is the same for all samples, so that neither the unit of the
            data nor the entropy of their noise counts. Larger gives fewer dimensions.
            Defaults to `"1%"`.
        idle_kl: Float >= 0, mean KL in nats below which a dimension is idle. In a
            linear model a dimension of 0.1 nats saves 0.01 nats of loss. Defaults to
            0.1.
        patience: Integer >= 3, epochs that the network has to make up for a removal,
            and that the informative dimensions have to stay the same. More is steadier
            and slower. Defaults to 6.
        window: Integer from 1 to `patience`, epochs over which KL and silhouette are
            averaged. Defaults to 4.
        min_dims: Integer >= 1, dimensions that are never undercut. Defaults to 1.
        target: `"loss"`, or `"silhouette"` for those who cluster: a removal must then
            also leave the silhouette no lower than the best so far, and
            `max_loss_increase` says what the loss may pay for it; one dimension is
            tried at a time. Defaults to `"loss"`.
        selection: Which dimension is tried: `"kl"` (least informative first),
            `"random"` or `"last"`. Defaults to `"kl"`.
        without: Names of parts to leave out, for ablations: `"reserve"` (idle
            dimensions go at once, all of them), `"trials"` (nothing but idle dimensions
            goes), `"restoring"` (a removal that costs too much stays, and fixes the
            size), `"trend"` (the loss is taken to be level but for what removals add),
            `"groups"` (one dimension is tried at a time). Defaults to none.

    Raises:
        ValueError: If an argument is of another type than stated or out of its range.

    Example:
    >>> rule = InformationRule(max_loss_increase="0.5%")
    >>> state = rule.init(n_dims=64, seed=0)
    >>> state, decision = rule.step(state, observation)
    """

    max_loss_increase: float | str = "1%"
    idle_kl: float = 0.1
    patience: int = 6
    window: int = 4
    min_dims: int = 1
    target: str = "loss"
    selection: str = "kl"
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parse_tolerance("max_loss_increase", self.max_loss_increase)
        idle_kl = check_real("idle_kl", self.idle_kl)
        if idle_kl < 0.0:
            raise ValueError(
                f"`idle_kl` must not be negative. Received: idle_kl={self.idle_kl!r}"
            )
        object.__setattr__(self, "idle_kl", idle_kl)
        for name, least in (("patience", 3), ("window", 1), ("min_dims", 1)):
            value = check_integer(name, getattr(self, name), least)
            object.__setattr__(self, name, value)
        if self.window > self.patience:
            raise ValueError(
                "`window` must not exceed `patience`. Received: "
                f"window={self.window}, patience={self.patience}"
            )
        for name, known in (("target", TARGETS), ("selection", tuple(SELECTIONS))):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in known:
                raise ValueError(
                    f"`{name}` must be one of {known}. Received: {name}={value!r}"
                )
        parts: Any = self.without
        listed = isinstance(parts, (list, tuple))
        if not listed or any(part not in PARTS for part in parts):
            raise ValueError(
                f"`without` must be a list of names from {PARTS}. "
                f"Received: without={parts!r}"
            )
        object.__setattr__(self, "without", tuple(parts))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that every observation must hold."""
        names = [OBJECTIVE]
        if self.tolerance.share is not None:
            names.append(NULL_LOSS)
        if self.target != "loss":
            names.append(self.target)
        return tuple(names)

    @property
    def tolerance(self) -> Tolerance:
        """`max_loss_increase`, read."""
        return parse_tolerance("max_loss_increase", self.max_loss_increase)

    def init(self, n_dims: int, seed: int) -> InformationState:
        """State before the first epoch.

        Args:
            n_dims: Integer >= 1, latent dimensions of the model, all active.
            seed: Integer >= 0 that random choices follow from.

        Raises:
            ValueError: If an argument is out of its range.
        """
        n_dims = check_integer("n_dims", n_dims, 1)
        return InformationState(seed, n_dims, tuple(range(n_dims)))

    def restart(
        self, state: InformationState, active: Iterable[int]
    ) -> InformationState:
        """State that goes on from dimensions changed from outside.

        What was recorded belongs to other weights: it is dropped, and the size is open
        again. Where the dimensions are still the same, what removals have cost so far
        counts on.

        Args:
            state: State to go on from.
            active: Dimensions that are active now, ascending, at least one.

        Raises:
            ValueError: If `active` does not fit the model.
        """
        active = tuple(active)
        known = state.without_trial()
        same = active == known.active
        spent = known.spent if same else 0.0
        if same and known.starts:
            course = known.course(falls="trend" not in self.without)
            spent += course.added(2.0 * known.starts[-1])
        return replace(
            self.init(state.n_dims, state.seed),
            active=active,
            removals=state.removals,
            undone=known.undone,
            spent=spent,
            reopened=known.reopened if same else (),
        )

    def state_from_dict(self, data: Mapping[str, Any]) -> InformationState:
        """Rebuilds a state from what `InformationState.to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If `data` is invalid or was written under another rule.
        """
        state = InformationState.from_dict(data)
        self._check_state(state)
        return state

    def step(
        self, state: InformationState, observation: Observation
    ) -> tuple[InformationState, Decision]:
        """Records one epoch and decides.

        Args:
            state: State after the epoch recorded before.
            observation: Measurements of this epoch.

        Returns:
            The next state, and the decision with its reason.

        Raises:
            TypeError: If an argument is of another type.
            ValueError: If the observation does not follow on `state`, lacks a metric,
                or holds a non-finite value that counts.
        """
        self._check_state(state)
        if not isinstance(observation, Observation):
            raise TypeError(
                f"`observation` must be an Observation. Received: {type(observation)}"
            )
        state.check_next(observation)
        fixed = state.fixed_epoch
        if fixed is not None:
            reason = fixed_reason(len(state.active), fixed, state.at_floor)
            state = replace(state, last_epoch=observation.epoch)
            return decide(state, "wait", reason)
        if _jumped(state.learning_rate, observation.learning_rate):
            return start_over(self, state, observation)
        state = state.record(observation, self)
        if state.trial:
            return judge(self, state)
        return look(self, state)

    def _check_state(self, state: InformationState) -> None:
        if not isinstance(state, InformationState):
            raise TypeError(
                f"`state` must be an InformationState. Received: {type(state)}"
            )
        watched = len(state.losses) if self.target == "silhouette" else 0
        if len(state.silhouettes) != watched:
            raise ValueError(
                "`state` must come from a rule with the same target. Received: "
                f"{len(state.silhouettes)} silhouettes of {len(state.losses)} records"
            )


def _jumped(old: float | None, new: float | None) -> bool:
    if old is None or new is None or old == new:
        return False
    return min(old, new) * _RATE_JUMP < max(old, new)
