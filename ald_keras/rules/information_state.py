"""What the information rule remembers from epoch to epoch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from ald_keras.rules.checks import (
    check_active,
    check_indices,
    check_integer,
    check_keys,
    check_real,
)
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.observation import NULL_LOSS, OBJECTIVE, Observation
from ald_keras.rules.trend import Course, fit_course

if TYPE_CHECKING:
    from ald_keras.rules.information import InformationRule

# Variance of its posterior means below which a dimension is not an active unit (Burda
# et al., 2016, arXiv 1509.00519, section 4.3).
IDLE_VARIANCE = 0.01


@dataclass(frozen=True)
class InformationState(Immutable):
    """Everything `InformationRule` knows; it survives JSON.

    Made by `InformationRule.init`, or by hand to start in the middle of a run.

    Args:
        seed: Integer >= 0, which random choices follow from.
        n_dims: Integer >= 1, latent dimensions of the model.
        active: Indices of the active dimensions, ascending, at least one.
        step: Integer >= 1, dimensions that the next trial removes.
        epochs: Epochs trained at each record of the loss's present course, ascending,
            shape `(records,)`, without those that were undone; before the first trial
            no more than the rule looks back on.
        losses: Training loss of each, nats per sample.
        null_loss: What the loss would be without a latent space, nats per sample, or
            `None` where that does not count. Defaults to `None`.
        silhouettes: Silhouette of each, empty where it is not watched.
        information: For each of the last records that are not of a trial, the mean KL
            of every dimension, shape `(n_dims,)`, in nats; 0 where the posterior's mean
            does not vary.
        trial_information: The same for the records of a trial. Defaults to none.
        pruned: Whether the idle dimensions went already. Defaults to `False`.
        trial: Dimensions whose removal is on trial, ascending. Defaults to none.
        starts: Epochs trained before each removal of this course that was kept or is on
            trial, ascending. Defaults to none.
        undone: Integer >= 0, epochs of training that were undone. Defaults to 0.
        learning_rate: The optimizer's at the last record. Defaults to `None`.
        spent: Float >= 0, what removals before this course cost once the network has
            been trained twice as long, in nats. Defaults to 0.
        best_silhouette: Best mean silhouette of a size that was kept, or `None`.
        reopened: Dimensions that were switched on again since the loss fell during
            their trial, ascending. Defaults to none.
        removals: Integer >= 0, removals so far. Defaults to 0.
        last_epoch: Epoch recorded last, counted from 0. Defaults to `None`.
        fixed_epoch: Epoch at which the size was fixed. Defaults to `None`.
        at_floor: Whether `min_dims` fixed it, and not the data. Defaults to `False`.

    Raises:
        ValueError: If a field is out of its range, or the fields disagree.
    """

    seed: int
    n_dims: int
    active: tuple[int, ...]
    step: int = 1
    epochs: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    null_loss: float | None = None
    silhouettes: tuple[float, ...] = ()
    information: tuple[tuple[float, ...], ...] = ()
    trial_information: tuple[tuple[float, ...], ...] = ()
    pruned: bool = False
    trial: tuple[int, ...] = ()
    starts: tuple[float, ...] = ()
    undone: int = 0
    learning_rate: float | None = None
    spent: float = 0.0
    best_silhouette: float | None = None
    reopened: tuple[int, ...] = ()
    removals: int = 0
    last_epoch: int | None = None
    fixed_epoch: int | None = None
    at_floor: bool = False

    def __post_init__(self) -> None:
        n_dims = check_integer("n_dims", self.n_dims, 1)
        checked: dict[str, Any] = {
            "n_dims": n_dims,
            "active": check_active("active", self.active, n_dims),
            "trial": check_indices("trial", self.trial, n_dims),
            "reopened": check_indices("reopened", self.reopened, n_dims),
            "spent": check_real("spent", self.spent),
        }
        for name in ("information", "trial_information"):
            checked[name] = tuple(_reals(name, row) for row in getattr(self, name))
        for name in ("epochs", "losses", "silhouettes", "starts"):
            checked[name] = _reals(name, getattr(self, name))
        for name in ("null_loss", "best_silhouette", "learning_rate"):
            value = getattr(self, name)
            checked[name] = None if value is None else check_real(name, value)
        for name, least in (("seed", 0), ("step", 1), ("undone", 0), ("removals", 0)):
            checked[name] = check_integer(name, getattr(self, name), least)
        for name in ("last_epoch", "fixed_epoch"):
            value = getattr(self, name)
            checked[name] = None if value is None else check_integer(name, value, 0)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        self._check_agreement()

    def _check_agreement(self) -> None:
        wrong = None
        if set(self.trial) & set(self.active):
            wrong = f"`trial` must not be active: trial={self.trial}"
        elif self.trial and (not self.starts or self.fixed_epoch is not None):
            wrong = f"`trial` must have a start and an open size: {self.trial}"
        elif len(self.epochs) != len(self.losses):
            wrong = f"{len(self.epochs)} `epochs` and {len(self.losses)} `losses`"
        elif len(self.silhouettes) not in (0, len(self.losses)):
            wrong = (
                f"{len(self.silhouettes)} `silhouettes`, {len(self.losses)} `losses`"
            )
        elif any(
            b <= a
            for times in (self.epochs, self.starts)
            for a, b in itertools.pairwise((0.0, *times))
        ):
            wrong = (
                "`epochs` and `starts` must be positive and ascend: "
                f"{self.epochs}, {self.starts}"
            )
        elif any(
            len(row) != self.n_dims
            for row in (*self.information, *self.trial_information)
        ):
            wrong = f"`information` must hold {self.n_dims} values a record"
        elif self.trial_information and not self.trial:
            wrong = "`trial_information` without a `trial`"
        elif self.spent < 0.0 or (self.learning_rate or 0.0) < 0.0:
            wrong = f"`spent`={self.spent}, `learning_rate`={self.learning_rate}"
        elif not all(isinstance(flag, bool) for flag in (self.pruned, self.at_floor)):
            wrong = f"`pruned`={self.pruned!r}, `at_floor`={self.at_floor!r}"
        elif self.at_floor and self.fixed_epoch is None:
            wrong = "`at_floor` while the size is not fixed"
        if wrong:
            raise ValueError(f"The fields of a state must agree. Received: {wrong}")

    @property
    def trial_records(self) -> int:
        """Records since a trial began, 0 without one."""
        return sum(t > self.starts[-1] for t in self.epochs) if self.trial else 0

    def check_next(self, observation: Observation) -> None:
        """Refuses an observation that does not follow on this state.

        Raises:
            ValueError: If it is of an earlier epoch, or of another model or size.
        """
        epoch = observation.epoch
        if self.last_epoch is not None and epoch <= self.last_epoch:
            raise ValueError(
                f"`epoch` must come after the last recorded one, {self.last_epoch}. "
                f"Received: epoch={epoch}"
            )
        if len(observation.kl) != self.n_dims or observation.active != self.active:
            raise ValueError(
                f"The observation must be of {self.n_dims} dimensions with "
                f"{self.active} active; after a change from outside call `restart`. "
                f"Received: {len(observation.kl)} dimensions with {observation.active} "
                f"active at epoch {epoch}"
            )

    def record(
        self, observation: Observation, rule: InformationRule
    ) -> InformationState:
        """Returns the state with one more recorded epoch.

        Args:
            observation: Measurements of an epoch after `last_epoch`.
            rule: What they are for.

        Raises:
            ValueError: If the observation lacks something, or holds a non-finite value
                that counts.
        """
        observation.check_kl()
        spread = observation.spread_of_means()
        row = tuple(
            kl if spread[i] >= IDLE_VARIANCE else 0.0
            for i, kl in enumerate(observation.kl)
        )
        silhouettes = self.silhouettes
        if "silhouette" in rule.metrics:
            silhouettes = (*silhouettes, observation.metric("silhouette"))
        rows = "trial_information" if self.trial else "information"
        relative = NULL_LOSS in rule.metrics
        memory = rule.patience + rule.window
        # What comes after a removal is understood with what was before it.
        last = slice(None if self.starts else -2 * rule.patience, None)
        new: dict[str, Any] = {rows: (*getattr(self, rows), row)[-memory:]}
        return replace(
            self,
            epochs=(*self.epochs, observation.epochs_trained - self.undone)[last],
            losses=(*self.losses, observation.metric(OBJECTIVE))[last],
            null_loss=observation.metric(NULL_LOSS) if relative else None,
            silhouettes=silhouettes[last],
            learning_rate=observation.learning_rate,
            last_epoch=observation.epoch,
            **new,
        )

    def mean_information(self, window: int, ago: int = 0) -> list[float]:
        """Mean information of every dimension, shape `(n_dims,)`, in nats.

        Args:
            window: Integer >= 1, records averaged.
            ago: Integer >= 0, records that have come since. Defaults to 0.
        """
        end = len(self.information) - ago
        rows = self.information[end - window : end]
        return [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]

    def course(self, **options: Any) -> Course:
        """The course of the loss, by `fit_course` with these options."""
        return fit_course(self.epochs, self.losses, self.starts, **options)

    def without_trial(self) -> InformationState:
        """The state before its trial, the dimensions active again."""
        if not self.trial:
            return self
        records = len(self.losses) - self.trial_records
        return replace(
            self.only_records(slice(0, records)),
            active=tuple(sorted((*self.active, *self.trial))),
            trial=(),
            trial_information=(),
            starts=self.starts[:-1],
            undone=self.undone + self.trial_records,
        )

    def only_records(self, kept: slice) -> InformationState:
        """The state with these records of the loss alone."""
        return replace(
            self,
            epochs=self.epochs[kept],
            losses=self.losses[kept],
            silhouettes=self.silhouettes[kept],
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the state in plain types that JSON holds exactly."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in data.items():
            if isinstance(value, tuple):
                data[name] = [
                    list(row) if isinstance(row, tuple) else row for row in value
                ]
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> InformationState:
        """Rebuilds a state from what `to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        values = check_keys("InformationState", data, [f.name for f in fields(cls)])
        return cls(**values)


def _reals(name: str, values: Iterable[Any]) -> tuple[float, ...]:
    return tuple(check_real(name, value) for value in values)
