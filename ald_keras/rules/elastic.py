"""Samples sizes to the end of training; only idle dimensions are removed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from ald_keras.rules.checks import (
    check_active,
    check_indices,
    check_integer,
    check_keys,
    check_real,
)
from ald_keras.rules.decision import Decision
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.observation import Observation
from ald_keras.rules.sampled_sizes import SampledSizes, order_by_kl

# Of a run, after which sizes are sampled whatever the dimensions do.
_LATEST_START = 1 / 3

# Idle dimensions that stay, as a share of the informative ones and at least.
_RESERVE, _LEAST_RESERVE = 0.25, 2

# Of the informative dimensions, how many may have changed while training counts as
# settled.
_SETTLED = 0.1


@dataclass(frozen=True)
class ElasticState(Immutable):
    """Everything `ElasticRule` knows; it survives JSON.

    Args:
        active: Indices of the active dimensions, ascending, at least one.
        informative: The informative dimensions of the last epochs, ascending, oldest
            first. Defaults to none.
        sampling: `SampledSizes` of the next epoch, or `None` before sampling begins.
            Defaults to `None`.
        last_epoch: Epoch observed last, counted from 0. Defaults to `None`.

    Raises:
        ValueError: If a field is out of its range.
    """

    active: tuple[int, ...]
    informative: tuple[tuple[int, ...], ...] = ()
    sampling: SampledSizes | None = None
    last_epoch: int | None = None

    # No dimension is removed on trial, and no size is ever fixed.
    step: ClassVar[int] = 1
    trial: ClassVar[tuple[int, ...]] = ()
    fixed_epoch: ClassVar[int | None] = None
    at_floor: ClassVar[bool] = False

    def __post_init__(self) -> None:
        active = check_active("active", self.active)
        informative = tuple(
            check_indices("informative", indices) for indices in self.informative
        )
        object.__setattr__(self, "active", active)
        object.__setattr__(self, "informative", informative)

    def to_dict(self) -> dict[str, Any]:
        """The state in plain types that JSON holds exactly."""
        return {
            "active": list(self.active),
            "informative": [list(indices) for indices in self.informative],
            "sampling": self.sampling and self.sampling.to_dict(),
            "last_epoch": self.last_epoch,
        }


@dataclass(frozen=True)
class ElasticRule:
    """Trains one network for every latent size.

    Training is plain until the set of informative dimensions has settled: it has
    changed by at most a tenth over `patience` epochs, or a third of the planned epochs
    are over. Then dimensions that were idle all this time are removed, but for a
    reserve of a quarter as many as are informative (at least 2), which may still wake
    up. From then on a share of the examples is decoded from the first `k` dimensions,
    in the order of their mean KL, renewed after every epoch. The probability of size
    `k` is proportional to `k ** focus`, up to one below the number of informative
    dimensions: small sizes cost the full size most and are sampled least.

    Args:
        share: Float in (0, 1), share of truncated examples. Defaults to 0.4.
        focus: Float >= 0; 0 samples all sizes alike, larger values stay closer to the
            number of informative dimensions. Defaults to 3.
        idle_kl: Float >= 0, mean KL in nats below which a dimension is idle. Defaults
            to 0.1.
        patience: Integer >= 1, epochs without change before sampling begins. Defaults
            to 10.

    Raises:
        ValueError: If an argument is out of its range.
    """

    share: float = 0.4
    focus: float = 3.0
    idle_kl: float = 0.1
    patience: int = 10

    metrics: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in ("share", "focus", "idle_kl"):
            object.__setattr__(self, name, check_real(name, getattr(self, name)))
        if not 0.0 < self.share < 1.0:
            raise ValueError(
                f"`share` must lie between 0 and 1. Received: share={self.share}"
            )
        for name in ("focus", "idle_kl"):
            if getattr(self, name) < 0.0:
                raise ValueError(
                    f"`{name}` must not be negative. "
                    f"Received: {name}={getattr(self, name)}"
                )
        object.__setattr__(
            self, "patience", check_integer("patience", self.patience, 1)
        )

    def init(self, n_dims: int, seed: int) -> ElasticState:
        """State before the first epoch, all dimensions active; no choice is random."""
        return ElasticState(tuple(range(check_integer("n_dims", n_dims, 1))))

    def restart(self, state: ElasticState, active: Iterable[int]) -> ElasticState:
        """State that continues from dimensions changed from outside."""
        return replace(state, active=tuple(int(i) for i in active), informative=())

    def state_from_dict(self, data: Mapping[str, Any]) -> ElasticState:
        """Rebuild a state from what `ElasticState.to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        values = check_keys(
            "ElasticState", data, [f.name for f in fields(ElasticState)]
        )
        if values["sampling"] is not None:
            values["sampling"] = SampledSizes.from_dict(values["sampling"])
        return ElasticState(**values)

    def step(
        self, state: ElasticState, observation: Observation
    ) -> tuple[ElasticState, Decision]:
        """Observes one epoch; starts sampling, or renews the order."""
        observation.check_kl()
        kl = observation.kl
        informative = tuple(d for d in state.active if kl[d] >= self.idle_kl)
        recent = (*state.informative, informative)[-self.patience - 1 :]
        begins = state.sampling is None and self._may_begin(recent, observation)
        idle = self._surplus(recent, state.active, kl) if begins else ()
        active = tuple(d for d in state.active if d not in idle)
        sampling = state.sampling
        if begins or sampling is not None:
            sampling = self._sampling(kl, active, len(informative))
        after = ElasticState(active, recent, sampling, observation.epoch)
        decision = Decision(
            epoch=observation.epoch,
            action="prune" if idle else "sample" if begins else "wait",
            indices=idle,
            step=1,
            active_dims=len(active),
            slopes={},
            reason=self._reason(begins, sampling, len(informative), len(idle)),
        )
        return after, decision

    def _reason(
        self,
        begins: bool,
        sampling: SampledSizes | None,
        informative: int,
        idle: int,
    ) -> str:
        if sampling is None:
            return "Training is plain until the informative dimensions have settled."
        if not begins:
            return "Sizes are sampled, in the order of the mean KL."
        removed = f"Removed {idle} idle dimensions. " if idle else ""
        return (
            f"{removed}From now on {self.share:.0%} of the examples are decoded from "
            f"fewer than the {informative} informative dimensions."
        )

    def _surplus(
        self,
        recent: tuple[tuple[int, ...], ...],
        active: tuple[int, ...],
        kl: tuple[float, ...],
    ) -> tuple[int, ...]:
        """Dimensions that were never informative of late, but for the reserve."""
        if not recent[-1]:
            return ()
        ever = set().union(*recent)
        idle = sorted((d for d in active if d not in ever), key=lambda d: -kl[d])
        reserve = max(_LEAST_RESERVE, math.ceil(_RESERVE * len(recent[-1])))
        return tuple(sorted(idle[reserve:]))

    def _may_begin(
        self, recent: tuple[tuple[int, ...], ...], observation: Observation
    ) -> bool:
        progress = observation.progress
        if progress is not None and progress >= _LATEST_START:
            return True
        if len(recent) <= self.patience or not recent[-1]:
            return False
        always = set(recent[-1]).intersection(*recent)
        changed = set().union(*recent) - always
        return len(changed) <= max(1.0, _SETTLED * len(recent[-1]))

    def _sampling(
        self, kl: tuple[float, ...], active: tuple[int, ...], informative: int
    ) -> SampledSizes:
        weights = [float(size) ** self.focus for size in range(1, informative)]
        total = math.fsum(weights)
        probabilities = [self.share * weight / total for weight in weights]
        rest = [0.0] * (len(kl) - len(probabilities))
        return SampledSizes(order_by_kl(kl, active), (*probabilities, *rest))
