"""The default rule: reads the smallest sufficient size off the size curve."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from ald_keras._validation import check_integer, check_real
from ald_keras.rules.decision import Decision
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.observation import BASELINE_NLL, Observation
from ald_keras.rules.size_curve import reasons
from ald_keras.rules.size_curve.edge import (
    WINDOW,
    Increase,
    mean_increases,
    mean_metric,
    sufficient_size,
)
from ald_keras.rules.size_curve.fixed import Watch, fix
from ald_keras.rules.size_curve.movement import is_entangled, is_falling
from ald_keras.rules.size_curve.reasons import Next
from ald_keras.rules.size_curve.sampled_sizes import check_share
from ald_keras.rules.size_curve.sampling import sampling_of
from ald_keras.rules.size_curve.spectra import (
    SETTLE,
    exchange,
    has_settled,
    informative_dims,
    is_growing,
    surplus_and_missing,
)
from ald_keras.rules.size_curve.state import SizeCurveState
from ald_keras.rules.size_curve.targets import SQUARED_ERROR, Targets, read_targets
from ald_keras.rules.tolerance import parse_tolerance

# Share of a run after which sizes are sampled while dimensions become idle, and that
# after which they are sampled while the KL grows: dimensions may still be waking.
_LATEST_START, _LATEST_GROWING = 0.3, 0.5


@dataclass(frozen=True)
class SizeCurveRule(Immutable):
    """Fixes the smallest size that loses hardly anything, by the size curve.

    One evaluation is made each epoch, or more often where epochs are long
    (`ALDCallback(interval=...)`).

    1. Settle. Training is plain until over ten evaluations at most a tenth of the
       informative dimensions has changed and the total KL has grown by at most 5 %, or
       until three tenths of the planned epochs are over, or half of them while the KL
       grows faster.
    2. Measure. A share of the examples is decoded from fewer dimensions, mostly from a
       few less than the answer so far, so that the network learns what it can do
       without them. Each evaluation measures the loss at the sizes around the answer.
       The answer is the smallest size from which on the mean increase of the last four
       evaluations is within the tolerance, or within one standard error.
    3. Decide. The size is fixed once the answer has been the same for `patience`
       evaluations, no further dimension has become informative, and the increase one
       size below is not falling so fast that it would be within the tolerance after as
       many more. Where the answer has fallen by a fifth while the loss hardly falls any
       more, the network is entangled: it has spread over more dimensions than it needs.
       Nine tenths of the examples are truncated then, until the answer stays.
    4. Fixed. Training continues at that size. A few idle dimensions stay in reserve,
       not counted in the size. If they become informative and are worth more than the
       tolerance, the size is raised. They are removed at the end.

    Throughout, dimensions that were idle over ten evaluations are removed, but for a
    reserve of a quarter as many as are informative (at least 2). Validation, callbacks
    and checkpoints see the full current size.

    Args:
        tolerance: Float > 0 in nats per sample, or a percentage of the gain as text:
            how much loss a smaller latent space may cost. The gain is the NLL of the
            best constant output minus the loss. Defaults to `"0.5%"`.
        patience: Integer >= 1, evaluations without change before the size is fixed.
            Defaults to 6.
        share: Float in (0, 0.9], share of truncated examples while measuring. Defaults
            to 0.3.
        min_dims: Integer >= 1, the smallest size. Defaults to 1.
        target: What the size is to be good enough for: `"loss"`, or a metric that is
            measured at every size: `"silhouette"`, `"frechet_reconstruction"`,
            `"frechet_generation"` or one of the user's own, for which the answer is the
            smallest size as good as the best; or a tuple of these, of whose answers the
            largest is taken, so that none of them loses. Defaults to `"loss"`.
        max_squared_error: Float > 0, squared error of sampled codes, summed over the
            values of a sample; the answer is the smallest size within it, whatever the
            `target`. Defaults to `None`: no such bound.
        idle_kl: Float >= 0, mean KL in nats below which a dimension is idle; the square
            root of the tolerance where that is less. Defaults to 0.1.

    Raises:
        ValueError: If an argument is out of its range.
    """

    samples_sizes: ClassVar[bool] = True
    tolerance: float | str = "0.5%"
    patience: int = 6
    share: float = 0.3
    min_dims: int = 1
    target: str | tuple[str, ...] = "loss"
    max_squared_error: float | None = None
    idle_kl: float = 0.1

    def __post_init__(self) -> None:
        parse_tolerance("tolerance", self.tolerance)
        targets = read_targets(self.target, self.max_squared_error)
        self._set(
            patience=check_integer("patience", self.patience, 1),
            min_dims=check_integer("min_dims", self.min_dims, 1),
            share=check_share(self.share),
            idle_kl=check_real("idle_kl", self.idle_kl, at_least=0.0),
            target=self.target if isinstance(self.target, str) else targets.names,
        )

    @property
    def targets(self) -> Targets:
        """What the size is to be good enough for."""
        return read_targets(self.target, self.max_squared_error)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that every observation must hold."""
        return (BASELINE_NLL,) if self._relative else ()

    @property
    def _relative(self) -> bool:
        """Whether the tolerance is a share of the gain."""
        share = parse_tolerance("tolerance", self.tolerance).nats is None
        return share and self.targets.uses_loss

    @property
    def size_metrics(self) -> tuple[str, ...]:
        """Metrics that are measured at each size, beside the loss."""
        return self.targets.metrics

    def init(self, n_dims: int, seed: int) -> SizeCurveState:
        """State before the first epoch, all dimensions active; no choice is random.

        Raises:
            ValueError: If `n_dims` is below `min_dims`.
        """
        return self._state_of(range(check_integer("n_dims", n_dims, 1)))

    def restart(self, state: SizeCurveState, active: Iterable[int]) -> SizeCurveState:
        """State that continues from dimensions changed from outside.

        Raises:
            ValueError: If they are fewer than `min_dims`.
        """
        return self._state_of(active)

    def _state_of(self, active: Iterable[int]) -> SizeCurveState:
        dims = tuple(active)
        if len(dims) < self.min_dims:
            raise ValueError(
                f"`min_dims` must not exceed the {len(dims)} active latent dimensions. "
                f"Received: min_dims={self.min_dims}"
            )
        every_size = bool(self.size_metrics)
        return SizeCurveState(dims, every_size=every_size, idle_kl=self.idle_kl)

    def state_from_dict(self, data: Mapping[str, object]) -> SizeCurveState:
        """A state from what `SizeCurveState.to_dict` returned."""
        return SizeCurveState.from_dict(data)

    def update(
        self, state: SizeCurveState, observation: Observation
    ) -> tuple[SizeCurveState, Decision]:
        """Take in one evaluation, and settle, measure, fix or watch the reserve."""
        observation.check_kl()
        spectra = (*state.spectra, observation.kl)[-SETTLE - 1 :]
        seen = state.changed(
            spectra=spectra,
            last_epoch=observation.epoch,
            idle_kl=self._idle_kl(state, observation),
        )
        if state.phase == "fixed":
            watch = Watch(self.patience, self.min_dims)
            allowed = functools.partial(self._allowed, observation=observation)
            found = watch.update(seen, observation, allowed)
        elif state.phase == "settle":
            found = self._settle(seen, observation.progress)
        else:
            found = self._measure(seen, observation)
        after = found.state
        after = after.changed(sampling=sampling_of(after, self.share, self.min_dims))
        return after, reasons.decision(state, after, found)

    def finish(self, state: SizeCurveState) -> tuple[SizeCurveState, Decision | None]:
        """State without a reserve, for the end of training, and what it decides."""
        if not state.reserve:
            return state, None
        found = Watch(self.patience, self.min_dims).finish(state)
        return found.state, reasons.decision(state, found.state, found)

    def _idle_kl(self, state: SizeCurveState, observation: Observation) -> float:
        """The threshold now.

        Where a linear Gaussian dimension has a small KL of `q` nats, the loss without
        it is about `q ** 2` nats higher. So below the square root of the tolerance no
        dimension is worth keeping, whatever the whole gain.
        """
        if not self.targets.uses_loss:
            return self.idle_kl
        reconstruction = observation.metrics.get("reconstruction")
        if reconstruction is None:
            return state.idle_kl
        loss = reconstruction + observation.beta * math.fsum(observation.kl)
        allowed = self._allowed(loss, observation)
        # Where there is no gain yet, nothing is known of what a dimension is worth.
        return min(self.idle_kl, math.sqrt(allowed)) if allowed else self.idle_kl

    def _allowed(self, loss: float, observation: Observation) -> float:
        """The tolerance at this loss, in nats per sample."""
        if not self.targets.uses_loss:
            return 0.0
        tolerance = parse_tolerance("tolerance", self.tolerance)
        return tolerance.of(loss, observation.metrics.get(BASELINE_NLL))

    def _settle(self, state: SizeCurveState, progress: float | None) -> Next:
        state, moved = self._change_reserve(state)
        if not state.informative:
            return Next(state, "collapsed", reasons.nothing_informative(state.idle_kl))
        known = len(state.spectra) > SETTLE
        growing = known and is_growing(state.spectra)
        latest = _LATEST_GROWING if growing else _LATEST_START
        late = progress is not None and progress >= latest
        if late or (known and has_settled(state.active, state.spectra, state.idle_kl)):
            state = state.changed(phase="measure")
            count = len(state.informative)
            return Next(state, "measure", reasons.begins(count, self.share, moved))
        return Next(state, "settle", moved or reasons.SETTLING)

    def _measure(self, state: SizeCurveState, observation: Observation) -> Next:
        state, moved = self._change_reserve(state)
        if not state.informative:
            state = state.changed(window=(), steady=0, below=())
            return Next(state, "collapsed", reasons.nothing_informative(state.idle_kl))
        measured = (*state.window, observation.measurement())[-SETTLE - 1 :]
        window = measured[-WINDOW:]
        increases = mean_increases(window)
        allowed = self._allowed(window[-1].loss, observation)
        state = state.changed(window=measured)
        if self._relative and not allowed:
            state = state.changed(size=None, steady=0, below=())
            return Next(state, "no_gain", reasons.NO_GAIN)
        found = self.targets.answers(window, self.min_dims, observation.directions)
        edge, uses_loss = None, self.targets.uses_loss
        if uses_loss:
            edge = sufficient_size(increases, allowed, state.size, self.min_dims)
            found.append(edge)
        size = None if None in found else max(s for s in found if s is not None)
        if size is None:
            bound = self.max_squared_error or 0.0
            error = mean_metric(window, SQUARED_ERROR)[1][-1]
            state = state.changed(steady=0, below=())
            return Next(state, "infeasible", reasons.infeasible(bound, error))
        first = state.first_size or size
        losses = [measurement.loss for measurement in measured]
        entangled = uses_loss and is_entangled(size, first, losses, allowed)
        state = state.changed(first_size=first, is_entangled=entangled)
        state = self._count(state, size, increases)
        missing = self.patience - state.steady
        if missing > 0:
            why = moved or reasons.moving(state, missing, increases, allowed)
            return Next(state, "moving", why)
        may_fall = size == edge and size > self.min_dims
        if may_fall and is_falling(state.below, self.patience, allowed):
            return Next(state, "falling", moved or reasons.falling(state, allowed))
        return fix(state, increases, allowed, self.min_dims, uses_loss)

    def _count(
        self, state: SizeCurveState, size: int, increases: Mapping[int, Increase]
    ) -> SizeCurveState:
        """Count the evaluations since the answer has changed."""
        spectrum = state.spectra[-2:][0]
        before = len(informative_dims(state.active, spectrum, state.idle_kl))
        now = len(state.informative)
        # One more dimension is informative: the answer may be about to rise.
        woke = now > before and size >= now
        below = [increases[size - 1].mean] if size - 1 in increases else []
        if size != state.size:
            return state.changed(size=size, steady=0, below=tuple(below))
        kept = (*state.below, *below)[-self.patience - 1 :]
        return state.changed(steady=0 if woke else state.steady + 1, below=kept)

    def _change_reserve(self, state: SizeCurveState) -> tuple[SizeCurveState, str]:
        """Remove idle dimensions beyond the reserve, or open removed ones for it."""
        if len(state.spectra) <= SETTLE:
            return state, ""
        surplus, missing = surplus_and_missing(
            state.active, state.removed, state.spectra, state.idle_kl, self.min_dims
        )
        active, removed = exchange(state.active, state.removed, surplus, missing)
        state = state.changed(active=active, removed=removed)
        return state, reasons.moved(len(surplus), len(missing))
