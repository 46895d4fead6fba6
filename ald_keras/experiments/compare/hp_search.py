"""A hyperparameter search over fixed sizes: tuner, sizes, epochs."""

from __future__ import annotations

import dataclasses
import math
import re

from ald_keras._validation import check_choice, check_integer, check_real, check_text
from ald_keras.experiments.core.jobs import FIXED
from ald_keras.rules import RULES

# keras-tuner's tuners, and the options of a search that belong to each.
TUNERS = {
    "grid": ("early_stopping",),
    "random": ("early_stopping", "trials"),
    "hyperband": ("factor",),
}

# Name among the rules of `method: geco`.
GECO = "geco"

# Groups of other jobs.
_TAKEN = {*RULES, GECO, FIXED}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]*")


@dataclasses.dataclass(frozen=True)
class EarlyStopping:
    """Trials end when the validation loss gets no better, and keep the best weights.

    Args:
        patience: Integer >= 1, epochs without an improvement.
        min_delta: Float >= 0, nats that count as one. Defaults to 0.0.
    """

    patience: int
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        check_integer("early_stopping.patience", self.patience, 1)
        check_real("early_stopping.min_delta", self.min_delta, at_least=0)


@dataclasses.dataclass(frozen=True)
class HPSearch:
    """A hyperparameter search over fixed sizes.

    Args:
        tuner: `"grid"`, `"random"` or `"hyperband"`.
        sizes: Distinct integers >= 1, the latent sizes among which it searches.
        epochs: Integer >= 1, epochs of a trial, at most.
        name: What it is called. Defaults to the tuner's name, with `-early` where
            trials stop early.
        early_stopping: How trials of a grid or a random search end before `epochs`, or
            `None`. Defaults to `None`.
        trials: Integer >= 1, trials of a random search; `None` otherwise. Defaults to
            `None`.
        factor: Integer >= 2, of how many trials hyperband takes one on to as many times
            the epochs; `None` otherwise. Defaults to `None`, which is 3 for hyperband.

    Raises:
        ValueError: If an argument is out of range or belongs to another tuner, or there
            are fewer sizes than the tuner tries.
    """

    tuner: str
    sizes: tuple[int, ...]
    epochs: int
    name: str = ""
    early_stopping: EarlyStopping | None = None
    trials: int | None = None
    factor: int | None = None

    def __post_init__(self) -> None:
        check_choice("hp_search.tuner", self.tuner, TUNERS)
        for option in ("early_stopping", "trials", "factor"):
            if getattr(self, option) is not None and option not in TUNERS[self.tuner]:
                raise ValueError(
                    f"`hp_search.{option}` belongs to {_owners(option)}, not to tuner: "
                    f"{self.tuner}."
                )
        if not self.name:
            early = "-early" if self.early_stopping else ""
            object.__setattr__(self, "name", self.tuner + early)
        check_text("hp_search.name", self.name)
        if not _NAME.fullmatch(self.name) or self.name in _TAKEN:
            raise ValueError(
                "`hp_search.name` must consist of letters and digits, and be none of "
                f"{sorted(_TAKEN)}. Received: {self.name!r}"
            )
        if self.tuner == "hyperband" and self.factor is None:
            object.__setattr__(self, "factor", 3)
        self._check_sizes()

    def _check_sizes(self) -> None:
        for size in self.sizes:
            check_integer("hp_search.sizes", size, 1)
        if not self.sizes or len(set(self.sizes)) != len(self.sizes):
            raise ValueError(
                "`hp_search.sizes` must hold distinct integers >= 1. "
                f"Received: {list(self.sizes)}"
            )
        if self.tuner == "random":
            if self.trials is None:
                raise ValueError("`hp_search.trials` must be given for tuner: random.")
            check_integer("hp_search.trials", self.trials, 1)
        if self.tuner == "hyperband":
            check_integer("hp_search.factor", self.factor, 2)
        needed = sum(count for before, _, count in self.rounds() if not before)
        if self.tuner != "grid" and needed > len(self.sizes):
            raise ValueError(
                f"`hp_search.sizes` must hold {needed} sizes or more: {self._plan()} "
                f"tries so many different ones. Received: {len(self.sizes)} sizes"
            )

    def _plan(self) -> str:
        if self.tuner == "random":
            return f"a random search of {self.trials} trials"
        return f"hyperband with epochs: {self.epochs} and factor: {self.factor}"

    def rounds(self) -> list[tuple[int, int, int]]:
        """Trials that are to be expected, as initial epoch, last epoch and number.

        Those of hyperband are keras-tuner's: bracket `s` starts with
        ``ceil(end / (s + 1) * factor**s)`` trials, of which each round takes one in
        `factor` on (Li et al. 2018, JMLR 18).
        """
        if self.tuner != "hyperband":
            count = len(self.sizes) if self.trials is None else self.trials
            return [(0, self.epochs, count)]
        factor, top = self.factor or 3, 0
        while self.epochs >= factor ** (top + 1):
            top += 1
        end = math.ceil(1 + math.log(self.epochs, factor))
        return [
            (
                math.ceil(self.epochs / factor ** (last + 1)) if last < bracket else 0,
                math.ceil(self.epochs / factor**last),
                math.ceil(end / (bracket + 1) * factor**last),
            )
            for bracket in range(top, -1, -1)
            for last in range(bracket, -1, -1)
        ]

    def group(self, epochs: int) -> str:
        """Group of the trials of so many epochs."""
        return f"{self.name}-to{epochs}" if self.tuner == "hyperband" else self.name

    def expected_groups(self) -> list[str]:
        """Groups of the trials that are to be expected."""
        return [
            self.group(epochs)
            for _, epochs, count in self.rounds()
            for _ in range(count)
        ]

    def facts(self) -> dict[str, object]:
        """What decides a trial beside its config."""
        stop = self.early_stopping
        return {"early_stopping": None if stop is None else dataclasses.asdict(stop)}

    def to_dict(self) -> dict[str, object]:
        """The mapping that `Comparison.from_dict` reads."""
        values = dataclasses.asdict(self)
        del values["epochs"]
        values["sizes"] = list(self.sizes)
        return {key: value for key, value in values.items() if value is not None}


def _owners(option: str) -> str:
    owners = [tuner for tuner, options in TUNERS.items() if option in options]
    return " and ".join(f"tuner: {tuner}" for tuner in owners)
