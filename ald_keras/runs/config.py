"""One training run as YAML: frozen dataclasses, checked when they are made."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import yaml

from ald_keras._typing import JSON
from ald_keras._validation import (
    LARGEST_INT32,
    LARGEST_SEED,
    check_choice,
    check_flag,
    check_integer,
    check_known,
)
from ald_keras.files.text_files import parse_yaml, read_yaml
from ald_keras.registries import LIKELIHOODS
from ald_keras.rules import RULES
from ald_keras.rules.interval import AUTO, check_interval
from ald_keras.rules.rule import samples_sizes
from ald_keras.runs.config_parts import (
    NAMED,
    BetaConfig,
    GecoConfig,
    Named,
    ProbeConfig,
    check_architecture,
    check_data,
    read_section,
    section,
)
from ald_keras.runs.strategies import STRATEGIES

_Made = TypeVar("_Made")

ELASTIC = "elastic"
# Rules of earlier versions, and what has taken their place.
_REMOVED = {"information": "size_curve"}
METHODS = ("ald", "fixed", "geco")

# Keys of a config that a method does not use.
UNUSED = {
    "ald": {"geco"},
    "fixed": {"rule", "interval", "geco"},
    "geco": {"rule", "interval"},
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that decides a training run.

    Args:
        dataset: Name of a data set of `ald_keras.datasets`.
        latent_dim: Integer >= 1, latent dimensions at the start.
        epochs: Integer >= 1.
        data: Options of the data set's loader, among them `dir`. Defaults to none.
        architecture: Name of `ald_keras.models.architectures`, with options. Defaults
            to `mlp`.
        likelihood: Name of a likelihood. Defaults to `"bernoulli"`.
        beta: Weight of the KL. Defaults to 1.0 without warm-up.
        method: `"ald"` prunes, `"fixed"` trains `latent_dim` dimensions throughout,
            `"geco"` finds the dimensions that a bound on the error needs. Defaults to
            `"ald"`.
        rule: Name of a rule, with its fields. Defaults to `size_curve`.
        interval: Optimizer steps between two evaluations of the rule, `"epoch"` or
            `"auto"`, as `ALDCallback` takes it. Defaults to `"auto"`.
        geco: Options of `method: geco`.
        probe: What is measured on each epoch.
        batch_size: Integer >= 1. Defaults to 64.
        optimizer: Name of a Keras optimizer, with its arguments. Defaults to Adam with
            a learning rate of 1e-3.
        seed: Integer >= 0. Defaults to 0.
        tensorboard: Boolean, write logs for TensorBoard too. Defaults to `False`.
        report: Boolean, write `report.html` beside the run's other files. Defaults to
            `True`.
        strategy: `"none"`, `"mirrored"` (over this machine's devices) or
            `"multi_worker"`, see `ald_keras.runs.strategies`. Defaults to `"none"`.

    Raises:
        ValueError: If a value is of the wrong type or out of range.
    """

    dataset: str
    latent_dim: int
    epochs: int
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    architecture: Named = Named(NAMED["architecture"])
    likelihood: str = "bernoulli"
    beta: BetaConfig = BetaConfig()
    method: str = "ald"
    rule: Named = Named(NAMED["rule"])
    interval: str | int = AUTO
    geco: GecoConfig = GecoConfig()
    probe: ProbeConfig = ProbeConfig()
    batch_size: int = 64
    optimizer: Named = dataclasses.field(
        default_factory=lambda: Named(NAMED["optimizer"], {"learning_rate": 1e-3})
    )
    seed: int = 0
    tensorboard: bool = False
    report: bool = True
    strategy: str = "none"

    def __post_init__(self) -> None:
        for name in ("latent_dim", "epochs", "batch_size"):
            check_integer(name, getattr(self, name), 1, LARGEST_INT32)
        # Keras seeds NumPy's older generator, and gates take the seed after this one.
        check_integer("seed", self.seed, 0, LARGEST_SEED - 1)
        for name in ("tensorboard", "report"):
            check_flag(name, getattr(self, name))
        check_choice("likelihood", self.likelihood, LIKELIHOODS)
        check_choice("method", self.method, METHODS)
        check_choice("strategy", self.strategy, STRATEGIES)
        check_data(self.dataset, self.data)
        check_architecture(self.architecture)
        rule = self.make_rule()
        check_interval(self.interval, samples_sizes(rule))
        if self.method == "geco":
            self.geco.check_complete()
            if self.beta != BetaConfig():
                raise ValueError(
                    "config: `beta` has no place in `method: geco`, whose multiplier "
                    f"weighs error against KL. Received: {self.beta}"
                )

    def __eq__(self, other: object) -> bool:
        """Whether both decide the same run: a default counts as if it were written."""
        return isinstance(other, Config) and self.to_dict() == other.to_dict()

    def make_rule(self) -> Any:
        """The rule, built from its name and fields."""
        check_rule("rule", self.rule.name)
        rule = RULES[self.rule.name]
        fields = [field.name for field in dataclasses.fields(rule)]
        check_known("rule", self.rule.options, fields)
        return rule(**self.rule.options)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Config:
        """Read a mapping as YAML gives it.

        `elastic: true` there is short for `rule: elastic`.

        Raises:
            ValueError: If a key is unknown or missing, or a value is wrong.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"A config must be a mapping. Received: {data!r}")
        names = [field.name for field in dataclasses.fields(cls)]
        check_known("config", data, [*names, ELASTIC])
        data = _with_elastic(data)
        for name in ("dataset", "latent_dim", "epochs"):
            if name not in data:
                raise ValueError(f"config: the key {name!r} is missing.")
        values = {**data}
        for name in NAMED:
            if name in values:
                values[name] = Named.from_value(name, values[name])
        values["data"] = section("data", values.get("data"))
        values["geco"] = read_section(GecoConfig, "geco", values.get("geco"))
        values["probe"] = read_section(ProbeConfig, "probe", values.get("probe"))
        beta = values.get("beta")
        if isinstance(beta, (int, float)):
            beta = {"value": beta}
        values["beta"] = read_section(BetaConfig, "beta", beta)
        return cls(**values)

    def to_dict(self) -> JSON:
        """The resolved config in plain types; `from_dict` reads it back."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in NAMED:
            values[name] = values[name].to_dict()
        values["rule"] = {
            "name": self.rule.name,
            **dataclasses.asdict(self.make_rule()),
        }
        for name in ("beta", "probe", "geco"):
            values[name] = dataclasses.asdict(values[name])
        values["data"] = dict(self.data)
        return values


def check_rule(argument: str, name: object) -> None:
    """Raise a `ValueError` unless `name` is that of a rule, naming the nearest one.

    Args:
        argument: What named the rule, for the message.
        name: What was received.
    """
    if isinstance(name, str) and name in _REMOVED:
        raise ValueError(
            f"`{argument}` must be one of {sorted(RULES)}. Received: {name!r}, which "
            f"was removed. Use {_REMOVED[name]!r}, the default."
        )
    check_choice(argument, name, RULES)


def _with_elastic(data: Mapping[str, object]) -> JSON:
    """A config without the key `elastic`, but with the rule that it stands for."""
    values = dict(data)
    elastic = values.pop(ELASTIC, None)
    if elastic is None:
        return values
    check_flag(ELASTIC, elastic)
    if not elastic:
        if Named.from_value("rule", values.get("rule", {})).name == ELASTIC:
            raise ValueError(
                "config: `elastic: false` and `rule: elastic` exclude each other. "
                "Leave one of them out."
            )
        return values
    rule = values.get("rule", {})
    if isinstance(rule, Mapping):
        values["rule"] = rule = {"name": ELASTIC, **rule}
    rule = Named.from_value("rule", rule)
    method = values.get("method", "ald")
    if rule.name != ELASTIC or method != "ald":
        raise ValueError(
            "config: `elastic: true` keeps every size, so nothing may prune. Received: "
            f"rule {rule.name!r}, method {method!r}. Leave `rule` out (or make it "
            f"`rule: {ELASTIC}`), and `method: ald`."
        )
    return values


def load_config(path: pathlib.Path, settings: Iterable[str] = ()) -> Config:
    """Read a config from a YAML file.

    Args:
        path: The file.
        settings: Texts `key=value` that replace what the file says; the key may be a
            dotted path, the value is read as YAML.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no YAML mapping, or a key or value is wrong.
    """
    return read_settings(path, settings, Config.from_dict)


def read_settings(
    path: pathlib.Path,
    settings: Iterable[str],
    make: Callable[[dict[str, object]], _Made],
) -> _Made:
    """Read a YAML file's mapping, and make something of it.

    Args:
        path: The file.
        settings: As `load_config` takes them.
        make: Function from the mapping to the result; its `ValueError` is led by the
            name of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no YAML mapping, or a setting or value is wrong.
    """
    data = read_yaml(path)
    try:
        for setting in settings:
            _apply_setting(data, setting)
        return make(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _apply_setting(data: dict[str, object], setting: str) -> None:
    path, equals, text = setting.partition("=")
    if not equals or not path:
        raise ValueError(f"`--set` must be key=value. Received: {setting!r}")
    *parents, last = path.split(".")
    for name in parents:
        child = data.get(name)
        if name in NAMED and isinstance(child, str):
            child = {"name": child}
        if name == "beta" and isinstance(child, (int, float)):
            child = {"value": child}
        if not isinstance(child, Mapping) and child is not None:
            raise ValueError(f"`--set {setting}`: {name!r} has no keys of its own.")
        child = dict(child or {})
        data[name] = child
        data = child
    try:
        data[last] = parse_yaml(text)
    except yaml.YAMLError as error:
        raise ValueError(f"`--set {setting}`: the value is no YAML.") from error
