"""Samples sizes to the end of training; only idle dimensions are removed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from ald_keras._validation import check_fields, check_integer, check_real
from ald_keras.rules.decision import Action, Decision
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.indices import check_active, check_indices
from ald_keras.rules.observation import Observation
from ald_keras.rules.size_curve.reasons import SETTLING, moved
from ald_keras.rules.size_curve.sampled_sizes import (
    SampledSizes,
    check_share,
    order_by_kl,
)
from ald_keras.rules.size_curve.spectra import (
    exchange,
    has_settled,
    informative_dims,
    surplus_and_missing,
)

# Share of a run after which sizes are sampled whatever the dimensions do.
_LATEST_START = 1 / 3


@dataclass(frozen=True)
class ElasticState(Immutable):
    """Everything `ElasticRule` knows; it survives JSON.

    Args:
        active: Indices of the active dimensions, ascending, at least one.
        removed: Dimensions that were removed as idle, ascending. Defaults to none.
        spectra: Mean KL of every dimension in each of the last epochs, in nats, oldest
            first. Defaults to none.
        sampling: `SampledSizes` of the next epoch, or `None` before sampling begins.
            Defaults to `None`.
        last_epoch: Epoch observed last, counted from 0. Defaults to `None`.

    Raises:
        ValueError: If a field is out of its range.
    """

    active: tuple[int, ...]
    removed: tuple[int, ...] = ()
    spectra: tuple[tuple[float, ...], ...] = ()
    sampling: SampledSizes | None = None
    last_epoch: int | None = None

    # No size is ever fixed.
    fixed_epoch: ClassVar[int | None] = None
    at_floor: ClassVar[bool] = False

    def __post_init__(self) -> None:
        spectra = tuple(
            tuple(check_real("spectra", value) for value in row) for row in self.spectra
        )
        self._set(
            active=check_active("active", self.active),
            removed=check_indices("removed", self.removed),
            spectra=spectra,
        )

    def to_dict(self) -> dict[str, object]:
        """The state in plain types that JSON holds exactly."""
        return {
            "active": list(self.active),
            "removed": list(self.removed),
            "spectra": [list(row) for row in self.spectra],
            "sampling": self.sampling and self.sampling.to_dict(),
            "last_epoch": self.last_epoch,
        }


@dataclass(frozen=True)
class ElasticRule(Immutable):
    """Trains one network for every latent size.

    Training is plain until it has settled: over `patience` epochs at most a tenth of
    the informative dimensions has changed and the total KL has grown by at most 5 %; or
    until a third of the planned epochs are over. From then on

    - a share of the examples is decoded from the first `k` dimensions, in the order of
      their mean KL, renewed after every epoch. The probability of size `k` is
      proportional to `k ** focus`, up to one below the number of informative
      dimensions: small sizes cost the full size most and are sampled least;
    - dimensions that were idle over `patience` epochs are removed, but for a reserve of
      a quarter as many as are informative (at least 2). When one of these becomes
      informative, a removed one takes its place.

    Args:
        share: Float in (0, 0.9], share of truncated examples. Defaults to 0.5.
        focus: Float >= 0; 0 samples all sizes alike, larger values stay closer to the
            number of informative dimensions. Defaults to 3.
        idle_kl: Float >= 0, mean KL in nats below which a dimension is idle. Defaults
            to 0.1.
        patience: Integer >= 1, epochs without change before sampling begins. Defaults
            to 10.

    Raises:
        ValueError: If an argument is out of its range.
    """

    share: float = 0.5
    focus: float = 3.0
    idle_kl: float = 0.1
    patience: int = 10

    metrics: ClassVar[tuple[str, ...]] = ()
    samples_sizes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._set(
            share=check_share(self.share),
            focus=check_real("focus", self.focus, at_least=0.0),
            idle_kl=check_real("idle_kl", self.idle_kl, at_least=0.0),
            patience=check_integer("patience", self.patience, 1),
        )

    def init(self, n_dims: int, seed: int) -> ElasticState:
        """State before the first epoch, all dimensions active; no choice is random."""
        return ElasticState(tuple(range(check_integer("n_dims", n_dims, 1))))

    def restart(self, state: ElasticState, active: Iterable[int]) -> ElasticState:
        """State that continues from dimensions changed from outside."""
        active = tuple(int(index) for index in active)
        return replace(state, active=active, removed=(), spectra=())

    def state_from_dict(self, data: Mapping[str, object]) -> ElasticState:
        """Rebuild a state from what `ElasticState.to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        names = [field.name for field in fields(ElasticState)]
        values = check_fields("ElasticState", data, names)
        if values["sampling"] is not None:
            values["sampling"] = SampledSizes.from_dict(values["sampling"])
        return ElasticState(**values)

    def update(
        self, state: ElasticState, observation: Observation
    ) -> tuple[ElasticState, Decision]:
        """Observes one epoch; begins to sample, renews the order, keeps the reserve."""
        observation.check_kl()
        spectra = (*state.spectra, observation.kl)[-self.patience - 1 :]
        after = replace(state, spectra=spectra, last_epoch=observation.epoch)
        begins = state.sampling is None and self._may_begin(after, observation.progress)
        if not begins and state.sampling is None:
            return after, _decision(after, "wait", (), SETTLING)
        return self._sample(after, begins)

    def _sample(
        self, state: ElasticState, begins: bool
    ) -> tuple[ElasticState, Decision]:
        kl = state.spectra[-1]
        size = len(informative_dims(state.active, kl, self.idle_kl))
        surplus, missing = self._change_reserve(state)
        active, removed = exchange(state.active, state.removed, surplus, missing)
        sampling = self._sampling(kl, active, size)
        after = replace(state, active=active, removed=removed, sampling=sampling)
        reasons = [text] if (text := moved(len(surplus), len(missing))) else []
        if begins:
            reasons.append(
                f"From now on {self.share:.0%} of the examples are decoded from fewer "
                f"than the {size} informative dimensions."
            )
        action: Action = "prune" if surplus else "open" if missing else "sample"
        if not (reasons or begins):
            return after, _decision(after, "wait", (), "Sizes are sampled.")
        return after, _decision(after, action, surplus or missing, " ".join(reasons))

    def _may_begin(self, state: ElasticState, progress: float | None) -> bool:
        if progress is not None and progress >= _LATEST_START:
            return True
        known = len(state.spectra) > self.patience
        return known and has_settled(state.active, state.spectra, self.idle_kl)

    def _change_reserve(
        self, state: ElasticState
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Dimensions to remove and to open; a reserve is known from the start on."""
        surplus, missing = surplus_and_missing(
            state.active, state.removed, state.spectra, self.idle_kl
        )
        return (surplus if len(state.spectra) > self.patience else ()), missing

    def _sampling(
        self, kl: tuple[float, ...], active: tuple[int, ...], informative: int
    ) -> SampledSizes:
        weights = [float(size) ** self.focus for size in range(1, informative)]
        total = math.fsum(weights)
        probabilities = [self.share * weight / total for weight in weights]
        rest = [0.0] * (len(kl) - len(probabilities))
        return SampledSizes(order_by_kl(kl, active), (*probabilities, *rest))


def _decision(
    state: ElasticState, action: Action, indices: tuple[int, ...], reason: str
) -> Decision:
    return Decision(
        epoch=state.last_epoch or 0,
        action=action,
        indices=indices,
        active_dims=len(state.active),
        reason=reason,
    )
