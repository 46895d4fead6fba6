"""What the information rule remembers from epoch to epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ald_keras.rules.checks import (
    check_active,
    check_indices,
    check_integer,
    check_keys,
    check_real,
)
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.observation import Observation
from ald_keras.rules.trend import Trend, fit_trend


@dataclass(frozen=True)
class InformationState(Immutable):
    """Everything `InformationRule` knows; it survives JSON.

    Made by `InformationRule.init`, or by hand to start in the middle of a run.

    Args:
        seed: Integer >= 0, which random choices follow from.
        n_dims: Integer >= 1, latent dimensions of the model.
        active: Indices of the active dimensions, ascending, at least one.
        step: Integer >= 1, dimensions that the next trial removes.
        epochs: Epochs trained at each record, shape `(records,)`, without those that
            were undone.
        losses: Training loss of each, nats per sample.
        silhouettes: Silhouette of each, empty where it is not watched.
        information: For each of the last records, the mean KL of every dimension, shape
            `(n_dims,)`, in nats; 0 where the posterior's mean does not vary, and what
            it was before for a dimension on trial.
        pruned: Whether the idle dimensions went already. Defaults to `False`.
        quiet_from: Integer >= 0, records before the last change that can be seen in the
            loss. Defaults to 0.
        trial: Dimensions whose removal is on trial, ascending. Defaults to none.
        trial_records: Integer >= 0, records since it began. Defaults to 0.
        trend: What the loss is compared with, once trials have begun. Defaults to
            `None`.
        tails: For each removal that was kept, the epochs trained before it and the gain
            of what the network still makes up for, in nats. Defaults to none.
        undone: Integer >= 0, epochs of training that were undone. Defaults to 0.
        spent: Float >= 0, the increase of the loss that removals have cost, in nats.
            Defaults to 0.
        best_silhouette: Best mean silhouette of a size that was kept, or `None`.
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
    epochs: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    silhouettes: tuple[float, ...] = ()
    information: tuple[tuple[float, ...], ...] = ()
    pruned: bool = False
    quiet_from: int = 0
    trial: tuple[int, ...] = ()
    trial_records: int = 0
    trend: Trend | None = None
    tails: tuple[tuple[int, float], ...] = ()
    undone: int = 0
    spent: float = 0.0
    best_silhouette: float | None = None
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
            "spent": check_real("spent", self.spent),
            "epochs": tuple(check_integer("epochs", e, 1) for e in self.epochs),
            "tails": tuple(
                (check_integer("tails", at, 0), check_real("tails", gain))
                for at, gain in self.tails
            ),
            "information": tuple(
                tuple(check_real("information", value) for value in row)
                for row in self.information
            ),
        }
        for name in ("losses", "silhouettes"):
            values = getattr(self, name)
            checked[name] = tuple(check_real(name, value) for value in values)
        for name, least in (
            ("seed", 0),
            ("step", 1),
            ("quiet_from", 0),
            ("trial_records", 0),
            ("undone", 0),
            ("removals", 0),
        ):
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
        elif self.trial and (self.trend is None or self.fixed_epoch is not None):
            wrong = f"`trial` must have a `trend` and an open size: {self.trial}"
        elif len(self.epochs) != len(self.losses):
            wrong = f"{len(self.epochs)} `epochs` and {len(self.losses)} `losses`"
        elif any(len(row) != self.n_dims for row in self.information):
            wrong = f"`information` must hold {self.n_dims} values a record"
        elif self.at_floor and self.fixed_epoch is None:
            wrong = "`at_floor` while the size is not fixed"
        if wrong:
            raise ValueError(f"The fields of a state must agree. Received: {wrong}")

    def record(
        self, observation: Observation, idle_variance: float, memory: int
    ) -> InformationState:
        """Returns the state with one more recorded epoch.

        Args:
            observation: Measurements of an epoch after `last_epoch`.
            idle_variance: Variance of the means below which a dimension tells nothing.
            memory: Integer >= 1, records of `information` that are kept.

        Raises:
            ValueError: If the observation does not follow on this state, lacks
                something, or holds a non-finite value that counts.
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
        observation.check_kl()
        spread = observation.spread_of_means()
        row = tuple(
            # One that comes back tells what it told before its trial.
            self.information[-1][i]
            if i in self.trial and self.information
            else (kl if spread[i] >= idle_variance else 0.0)
            for i, kl in enumerate(observation.kl)
        )
        silhouettes = self.silhouettes
        if "silhouette" in observation.metrics:
            silhouettes = (*silhouettes, observation.metric("silhouette"))
        return replace(
            self,
            epochs=(*self.epochs, epoch + 1 - self.undone),
            losses=(*self.losses, observation.metric("loss")),
            silhouettes=silhouettes,
            information=(*self.information, row)[-memory:],
            trial_records=self.trial_records + bool(self.trial),
            last_epoch=epoch,
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

    def settling(self) -> Trend:
        """What the trial's removal costs, by the epochs since.

        The level is what it and all before it cost in the end, in nats per sample.

        Raises:
            ValueError: If there is no trial of at least two records.
        """
        if self.trend is None or self.trial_records < 2:
            raise ValueError(
                "`settling` needs a trial of at least two records. Received: "
                f"trial_records={self.trial_records}"
            )
        gaps = self.excess(self.trial_records)
        return fit_trend(range(1, len(gaps) + 1), gaps)

    def excess(self, records: int) -> list[float]:
        """What the last losses lie above the expected ones, in nats per sample."""
        if self.trend is None:
            raise ValueError("`excess` needs a `trend`. Received: trend=None")
        last = slice(-records, None)
        losses = self.without_tails(last)
        return [
            loss - self.trend.at(epoch)
            for epoch, loss in zip(self.epochs[last], losses, strict=True)
        ]

    def without_tails(self, records: slice) -> list[float]:
        """Losses without what the network still makes up for, in nats per sample."""
        return [
            loss
            - sum(gain / math.sqrt(epoch - at) for at, gain in self.tails if epoch > at)
            for epoch, loss in zip(
                self.epochs[records], self.losses[records], strict=True
            )
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns the state in plain types that JSON holds exactly."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("active", "trial", "epochs", "losses", "silhouettes"):
            data[name] = list(data[name])
        for name in ("information", "tails"):
            data[name] = [list(row) for row in data[name]]
        if self.trend is not None:
            data["trend"] = {"level": self.trend.level, "gain": self.trend.gain}
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> InformationState:
        """Rebuilds a state from what `to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        values = check_keys("InformationState", data, [f.name for f in fields(cls)])
        if values["trend"] is not None:
            trend = check_keys("Trend", values["trend"], ("level", "gain"))
            values["trend"] = Trend(**trend)
        return cls(**values)
