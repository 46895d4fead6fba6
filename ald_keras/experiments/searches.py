"""What a comparison consists of: searches over fixed sizes, rules, and a config."""

from __future__ import annotations

import dataclasses
import itertools
import math
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ald_keras.config import RULES, Config, read_settings
from ald_keras.config_checks import (
    check_choice,
    check_keys,
    check_mapping,
    check_value,
    nested,
)
from ald_keras.config_parts import Named
from ald_keras.experiments.runs import FIXED

# What keras-tuner searches with, and the options of a search that belong to each.
TUNERS = {
    "grid": ("early_stopping",),
    "random": ("early_stopping", "trials"),
    "hyperband": ("factor",),
}

# Searches of these names would be taken for runs of something else.
_TAKEN = {*RULES, FIXED}
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
        check_value("early_stopping.patience", self.patience, int, 1)
        check_value("early_stopping.min_delta", self.min_delta, (int, float), 0)


@dataclasses.dataclass(frozen=True)
class Search:
    """A search over fixed sizes.

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
        check_choice("search.tuner", self.tuner, TUNERS)
        for option in ("early_stopping", "trials", "factor"):
            if getattr(self, option) is not None and option not in TUNERS[self.tuner]:
                raise ValueError(
                    f"`search.{option}` belongs to {_owners(option)}, not to tuner: "
                    f"{self.tuner}."
                )
        if not self.name:
            early = "-early" if self.early_stopping else ""
            object.__setattr__(self, "name", self.tuner + early)
        check_value("search.name", self.name, str)
        if not _NAME.fullmatch(self.name) or self.name in _TAKEN:
            raise ValueError(
                "`search.name` must consist of letters and digits, and be none of "
                f"{sorted(_TAKEN)}. Received: {self.name!r}"
            )
        if self.tuner == "hyperband" and self.factor is None:
            object.__setattr__(self, "factor", 3)
        self._check_sizes()

    def _check_sizes(self) -> None:
        for size in self.sizes:
            check_value("search.sizes", size, int, 1)
        if not self.sizes or len(set(self.sizes)) != len(self.sizes):
            raise ValueError(
                "`search.sizes` must hold distinct integers >= 1. "
                f"Received: {list(self.sizes)}"
            )
        if self.tuner == "random":
            if self.trials is None:
                raise ValueError("`search.trials` must be given for tuner: random.")
            check_value("search.trials", self.trials, int, 1)
        if self.tuner == "hyperband":
            check_value("search.factor", self.factor, int, 2)
        needed = sum(count for before, _, count in self.rounds() if not before)
        if self.tuner != "grid" and needed > len(self.sizes):
            raise ValueError(
                f"`search.sizes` must hold {needed} sizes or more: {self._plan()} "
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
        """What trials of so many epochs are called."""
        return f"{self.name}-to{epochs}" if self.tuner == "hyperband" else self.name

    def facts(self) -> dict[str, Any]:
        """What decides a trial beside its config, as its `run.json` holds it."""
        stop = self.early_stopping
        return {"early_stopping": None if stop is None else dataclasses.asdict(stop)}

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `Comparison.from_dict` reads."""
        values = dataclasses.asdict(self)
        del values["epochs"]
        values["sizes"] = list(self.sizes)
        return {key: value for key, value in values.items() if value is not None}


def _owners(option: str) -> str:
    owners = [tuner for tuner, options in TUNERS.items() if option in options]
    return " and ".join(f"tuner: {tuner}" for tuner in owners)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Searches and rules that are compared.

    Args:
        base: Config that all runs share; pruning starts from its `latent_dim`.
        searches: Searches with distinct names.
        rules: Mapping from names of rules to the config of their pruning runs.
    """

    base: Config
    searches: tuple[Search, ...]
    rules: Mapping[str, Config]

    def __post_init__(self) -> None:
        names = [search.name for search in self.searches]
        for one, other in itertools.combinations(names, 2):
            if one == other:
                raise ValueError(
                    f"Searches must have distinct names: give one of {one!r} a `name`."
                )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Comparison:
        """Read a run's config with a `search` section as YAML gives it.

        Raises:
            ValueError: If a key is unknown or missing, or a value is wrong.
        """
        values = check_mapping("config", data)
        if "search" not in values:
            raise ValueError("config: the key 'search' is missing.")
        section = check_mapping("search", values.pop("search"))
        base = Config.from_dict(values)
        rules = section.pop("rules", [base.rule.name])
        shared = section.pop("sizes", None)
        items: Any = [section]
        if "tuners" in section:
            items = section.pop("tuners")
            check_keys(section, ("rules", "sizes", "tuners"), "search")
        if not isinstance(items, Sequence) or isinstance(items, str) or not items:
            raise ValueError(
                "`search.tuners` must be a list of tuners, each a name or a mapping. "
                f"Received: {items!r}"
            )
        searches = tuple(_read_search(item, shared, base.epochs) for item in items)
        return cls(base, searches, _read_rules(rules, base))

    def to_dict(self) -> dict[str, Any]:
        """The resolved comparison in plain types; `from_dict` reads it back."""
        return {
            **self.base.to_dict(),
            "search": {
                "rules": [rule.to_dict()["rule"] for rule in self.rules.values()],
                "tuners": [search.to_dict() for search in self.searches],
            },
        }


def load_comparison(path: pathlib.Path, settings: Iterable[str] = ()) -> Comparison:
    """Read a comparison from a YAML file; see `ald_keras.config.load_config`."""
    return read_settings(path, settings, Comparison.from_dict)


def _read_search(item: Any, sizes: Any, epochs: int) -> Search:
    values: dict[str, Any] = {"tuner": item}
    if not isinstance(item, str):
        values = check_mapping("search", item)
    values = {"tuner": "grid", "sizes": sizes, **values}
    known = ("tuner", "sizes", "name", "early_stopping", "trials", "factor")
    check_keys(values, (*known, "rules", "tuners"), "search")
    check_keys(values, known, "search.tuners")
    if values.get("early_stopping") is not None:
        stop = check_mapping("early_stopping", values["early_stopping"])
        if "patience" not in stop:
            check_keys(stop, ("patience", "min_delta"), "early_stopping")
            raise ValueError("early_stopping: the key 'patience' is missing.")
        values["early_stopping"] = nested(EarlyStopping, "early_stopping", stop)
    values["sizes"] = _read_sizes(values["sizes"])
    return Search(epochs=epochs, **values)


def _read_sizes(value: Any) -> tuple[int, ...]:
    """A list of sizes, or `{min, max, step}`."""
    if value is None:
        raise ValueError("search: the key 'sizes' is missing.")
    if isinstance(value, Mapping):
        check_keys(value, ("min", "max", "step"), "search.sizes")
        ends = {"step": 1, **value}
        for key in ("min", "max", "step"):
            check_value(f"search.sizes.{key}", ends.get(key), int, 1)
        return tuple(range(ends["min"], ends["max"] + 1, ends["step"]))
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(
            "`search.sizes` must be a list of integers, or a mapping of 'min', 'max' "
            f"and 'step'. Received: {value!r}"
        )
    return tuple(value)


def _read_rules(items: Any, base: Config) -> dict[str, Config]:
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise ValueError(f"`search.rules` must be a list. Received: {items!r}")
    rules: dict[str, Config] = {}
    for item in items:
        rule = Named.from_value("rule", item)
        if isinstance(item, str) and item == base.rule.name:
            rule = base.rule
        if rule.name in rules:
            raise ValueError(f"`search.rules` must be distinct: {rule.name!r}.")
        rules[rule.name] = dataclasses.replace(base, rule=rule, method="ald")
    return rules
