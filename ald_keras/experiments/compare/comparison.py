"""What a comparison consists of: searches over fixed sizes, rules, and a config."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ald_keras._typing import JSON
from ald_keras._validation import check_integer, check_known
from ald_keras.experiments.compare.hp_search import GECO, EarlyStopping, HPSearch
from ald_keras.experiments.core.settings import check_no_elastic
from ald_keras.runs.config import Config, read_settings
from ald_keras.runs.config_parts import GecoConfig, Named, read_section, section


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Searches and rules that are compared.

    Args:
        base: Config that all runs share; pruning starts from its `latent_dim`.
        hp_searches: Searches with distinct names.
        rules: Mapping from names of rules, or `"geco"` for the method of gates, to the
            config of their pruning runs.

    Raises:
        ValueError: If searches share a name, or the config has a `strategy`, or raises
            beta beside a search whose trials differ in length.
    """

    base: Config
    hp_searches: tuple[HPSearch, ...]
    rules: Mapping[str, Config]

    def __post_init__(self) -> None:
        names = [search.name for search in self.hp_searches]
        for one, other in itertools.combinations(names, 2):
            if one == other:
                raise ValueError(
                    f"Searches must have distinct names: give one of {one!r} a `name`."
                )
        if self.base.strategy != "none":
            raise ValueError(
                "A comparison needs `strategy: none`: its trials are trained on one "
                f"device. Received: {self.base.strategy!r}"
            )
        uneven = [s.name for s in self.hp_searches if s.early_stopping or s.factor]
        if self.base.beta.warmup and uneven:
            raise ValueError(
                "`beta.warmup` must be 0 where trials differ in length: a loss under a "
                "low beta is no better for being lower. "
                f"Received: warmup={self.base.beta.warmup} and {uneven}"
            )

    @classmethod
    def from_dict(cls, data: JSON) -> Comparison:
        """Read a run's config with a `hp_search` section as YAML gives it.

        Raises:
            ValueError: If a key is unknown or missing, or a value is wrong.
        """
        values = section("config", data)
        if "hp_search" not in values:
            raise ValueError("config: the key 'hp_search' is missing.")
        found = section("hp_search", values.pop("hp_search"))
        base = Config.from_dict(values)
        rules = found.pop("rules", [base.rule.name])
        shared = found.pop("sizes", None)
        items: object = [found]
        if "tuners" in found:
            items = found.pop("tuners")
            check_known("hp_search", found, ("rules", "sizes", "tuners"))
        if not isinstance(items, Sequence) or isinstance(items, str) or not items:
            raise ValueError(
                "`hp_search.tuners` must be a list of tuners, each a name or a "
                f"mapping. Received: {items!r}"
            )
        hp_searches = tuple(
            _read_hp_search(item, shared, base.epochs) for item in items
        )
        return cls(base, hp_searches, _read_rules(rules, base))

    def to_dict(self) -> JSON:
        """The resolved comparison in plain types; `from_dict` reads it back."""
        return {
            **self.base.to_dict(),
            "hp_search": {
                "rules": [_rule_to_dict(config) for config in self.rules.values()],
                "tuners": [search.to_dict() for search in self.hp_searches],
            },
        }


def load_comparison(path: pathlib.Path, settings: Iterable[str] = ()) -> Comparison:
    """Read a comparison from a YAML file; see `ald_keras.runs.config.load_config`."""
    return read_settings(path, settings, Comparison.from_dict)


def _read_hp_search(item: object, sizes: object, epochs: int) -> HPSearch:
    values: JSON = {"tuner": item}
    if not isinstance(item, str):
        values = section("hp_search", item)
    values = {"tuner": "grid", "sizes": sizes, **values}
    known = ("tuner", "sizes", "name", "early_stopping", "trials", "factor")
    check_known("hp_search", values, (*known, "rules", "tuners"))
    check_known("hp_search.tuners", values, known)
    if values.get("early_stopping") is not None:
        stop = section("early_stopping", values["early_stopping"])
        if "patience" not in stop:
            check_known("early_stopping", stop, ("patience", "min_delta"))
            raise ValueError("early_stopping: the key 'patience' is missing.")
        values["early_stopping"] = read_section(EarlyStopping, "early_stopping", stop)
    values["sizes"] = _read_sizes(values["sizes"])
    return HPSearch(epochs=epochs, **values)


def _read_sizes(value: Any) -> tuple[int, ...]:
    """A list of sizes, or `{min, max, step}`."""
    if value is None:
        raise ValueError("search: the key 'sizes' is missing.")
    if isinstance(value, Mapping):
        check_known("hp_search.sizes", value, ("min", "max", "step"))
        ends = {"step": 1, **value}
        for key in ("min", "max", "step"):
            check_integer(f"hp_search.sizes.{key}", ends.get(key), 1)
        return tuple(range(ends["min"], ends["max"] + 1, ends["step"]))
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(
            "`hp_search.sizes` must be a list of integers, or a mapping of 'min', "
            f"'max' and 'step'. Received: {value!r}"
        )
    return tuple(value)


def _read_rules(items: object, base: Config) -> dict[str, Config]:
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise ValueError(f"`hp_search.rules` must be a list. Received: {items!r}")
    rules: dict[str, Config] = {}
    for item in items:
        rule = Named.from_value("rule", item)
        if isinstance(item, str) and item == base.rule.name:
            rule = base.rule
        if rule.name in rules:
            raise ValueError(f"`hp_search.rules` must be distinct: {rule.name!r}.")
        if rule.name == GECO:
            values = {**dataclasses.asdict(base.geco), **rule.options}
            geco = read_section(GecoConfig, "geco", values)
            config = dataclasses.replace(base, geco=geco, method="geco")
        else:
            config = dataclasses.replace(base, rule=rule, method="ald")
        rules[rule.name] = config
    check_no_elastic("hp_search.rules", rules)
    return rules


def _rule_to_dict(config: Config) -> dict[str, object]:
    if config.method == "geco":
        return {"name": GECO, **dataclasses.asdict(config.geco)}
    return dict(config.to_dict()["rule"])
