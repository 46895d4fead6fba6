"""One training run as YAML: frozen dataclasses, checked when they are made."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import yaml

from ald_keras.config_checks import (
    check_choice,
    check_flag,
    check_keys,
    check_mapping,
    check_value,
    nested,
)
from ald_keras.files import parse_yaml
from ald_keras.layers.latent_gates import ESTIMATORS
from ald_keras.likelihoods import LIKELIHOODS
from ald_keras.models.construction_checks import check_tau
from ald_keras.rules import ALDRule, ALDToTheEndRule, InformationRule

_Made = TypeVar("_Made")

RULES: dict[str, Any] = {
    "ald": ALDRule,
    "ald_to_the_end": ALDToTheEndRule,
    "information": InformationRule,
}
METHODS = ("ald", "fixed", "geco")

# Keys with a name and its options, and the name where only options are given.
_NAMED = {"architecture": "mlp", "optimizer": "adam", "rule": "information"}


@dataclasses.dataclass(frozen=True)
class Named:
    """Something chosen by name, with its options.

    Args:
        name: Its name.
        options: Mapping from its arguments to plain values. Defaults to none.
    """

    name: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_value(cls, where: str, value: Any) -> Named:
        """Read `name` or `{name: ..., option: ...}`; the name may be left out."""
        if isinstance(value, str):
            value = {"name": value}
        options = dict(value) if isinstance(value, Mapping) else {"name": None}
        name = options.pop("name", _NAMED[where])
        if not isinstance(name, str):
            raise ValueError(
                f"`{where}` must be a name, or a mapping of 'name' and options. "
                f"Received: {value!r}"
            )
        return cls(name, options)

    def to_dict(self) -> dict[str, Any]:
        """The mapping that `from_value` reads."""
        return {"name": self.name, **self.options}


@dataclasses.dataclass(frozen=True)
class ProbeConfig:
    """What is measured on each epoch; see `ald_keras.ALDCallback`.

    Args:
        size: Integer >= 3, samples. Defaults to 500.
        n_clusters: Integer >= 2, or `None` for the number of classes. Defaults to
            `None`.
        features: `"auto"`, `"random_conv"`, `"inception"` or `"identity"`. Defaults to
            `"auto"`.
        weights: File with Inception's weights, or `None` to fetch them. Defaults to
            `None`.
    """

    size: int = 500
    n_clusters: int | None = None
    features: str = "auto"
    weights: str | None = None

    def __post_init__(self) -> None:
        check_value("probe.size", self.size, int, 3)
        check_value("probe.features", self.features, str)
        if self.weights is not None:
            check_value("probe.weights", self.weights, str)
        if self.n_clusters is not None:
            check_value("probe.n_clusters", self.n_clusters, int, 2)


@dataclasses.dataclass(frozen=True)
class BetaConfig:
    """Weight of the KL.

    Args:
        value: Float >= 0. Defaults to 1.0.
        warmup: Integer >= 0, epochs of linear warm-up. Defaults to 0.
    """

    value: float = 1.0
    warmup: int = 0

    def __post_init__(self) -> None:
        check_value("beta.value", self.value, (int, float), 0)
        check_value("beta.warmup", self.warmup, int, 0)


@dataclasses.dataclass(frozen=True)
class GecoConfig:
    """What `method: geco` is told; see `ald_keras.GatedVAE`.

    Args:
        tau: Float, largest squared error a sample, or `None`. Defaults to `None`.
        explained: Float in [0, 1), share of the training data's variance to explain
            instead (`tau_for`), or `None`. Defaults to `None`.
        gate_penalty: Float > 0, nats. Defaults to 5.0.
        estimator: `"arm"` or `"disarm"`. Defaults to `"arm"`.
        gated: Boolean, `False` keeps all gates open. Defaults to `True`.
        max_multiplier: Float >= 1. Defaults to 1e4.
        warmup: Integer >= 0, steps. Defaults to 1000.
    """

    tau: float | None = None
    explained: float | None = None
    gate_penalty: float = 5.0
    estimator: str = "arm"
    gated: bool = True
    max_multiplier: float = 1e4
    warmup: int = 1000

    def __post_init__(self) -> None:
        for name in ("tau", "explained"):
            if getattr(self, name) is not None:
                check_value(f"geco.{name}", getattr(self, name), (int, float), 0)
        if self.explained is not None and self.explained >= 1:
            raise ValueError(
                f"`geco.explained` must be below 1. Received: {self.explained!r}"
            )
        if isinstance(self.gate_penalty, (int, float)) and self.gate_penalty <= 0:
            raise ValueError(
                f"`geco.gate_penalty` must be above 0. Received: {self.gate_penalty!r}"
            )
        check_value("geco.gate_penalty", self.gate_penalty, (int, float), 0)
        check_value("geco.max_multiplier", self.max_multiplier, (int, float), 1)
        check_value("geco.warmup", self.warmup, int, 0)
        check_choice("geco.estimator", self.estimator, ESTIMATORS)
        check_flag("geco.gated", self.gated)

    def check_complete(self) -> None:
        """Raise a `ValueError` unless there is one bound on the error."""
        given = [n for n in ("tau", "explained") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                "config: `method: geco` needs `geco.tau` or `geco.explained`, and not "
                f"both. Received: {given or 'neither'}"
            )
        if self.tau is not None:
            check_tau(self.tau, self.gated)


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
        rule: Name of a rule, with its fields. Defaults to `information`.
        geco: What `"geco"` is told.
        probe: What is measured on each epoch.
        batch_size: Integer >= 1. Defaults to 64.
        optimizer: Name of a Keras optimizer, with its arguments. Defaults to Adam with
            a learning rate of 1e-3.
        seed: Integer >= 0. Defaults to 0.
        tensorboard: Boolean, write logs for TensorBoard too. Defaults to `False`.
        report: Boolean, write `report.html` beside the run's other files. Defaults to
            `True`.

    Raises:
        ValueError: If a value is of the wrong type or out of range.
    """

    dataset: str
    latent_dim: int
    epochs: int
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    architecture: Named = Named(_NAMED["architecture"])
    likelihood: str = "bernoulli"
    beta: BetaConfig = BetaConfig()
    method: str = "ald"
    rule: Named = Named(_NAMED["rule"])
    geco: GecoConfig = GecoConfig()
    probe: ProbeConfig = ProbeConfig()
    batch_size: int = 64
    optimizer: Named = dataclasses.field(
        default_factory=lambda: Named(_NAMED["optimizer"], {"learning_rate": 1e-3})
    )
    seed: int = 0
    tensorboard: bool = False
    report: bool = True

    def __post_init__(self) -> None:
        check_value("dataset", self.dataset, str)
        for name, least in (("latent_dim", 1), ("epochs", 1), ("batch_size", 1)):
            check_value(name, getattr(self, name), int, least)
        check_value("seed", self.seed, int, 0)
        for name in ("tensorboard", "report"):
            check_flag(name, getattr(self, name))
        check_choice("likelihood", self.likelihood, LIKELIHOODS)
        check_choice("method", self.method, METHODS)
        if self.data.get("dir") is not None:
            check_value("data.dir", self.data["dir"], str)
        self.make_rule()
        if self.method == "geco":
            self.geco.check_complete()
            if self.beta != BetaConfig():
                raise ValueError(
                    "config: `beta` has no place in `method: geco`, whose multiplier "
                    f"weighs error against KL. Received: {self.beta}"
                )

    def make_rule(self) -> Any:
        """The rule, built from its name and fields."""
        check_choice("rule", self.rule.name, RULES)
        rule = RULES[self.rule.name]
        fields = [field.name for field in dataclasses.fields(rule)]
        check_keys(self.rule.options, fields, "rule")
        return rule(**self.rule.options)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Config:
        """Read a mapping as YAML gives it.

        Raises:
            ValueError: If a key is unknown or missing, or a value is wrong.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"A config must be a mapping. Received: {data!r}")
        fields = {field.name: field for field in dataclasses.fields(cls)}
        check_keys(data, fields, "config")
        for name in ("dataset", "latent_dim", "epochs"):
            if name not in data:
                raise ValueError(f"config: the key {name!r} is missing.")
        values = {**data}
        for name in _NAMED:
            if name in values:
                values[name] = Named.from_value(name, values[name])
        values["data"] = check_mapping("data", values.get("data"))
        values["geco"] = nested(GecoConfig, "geco", values.get("geco"))
        values["probe"] = nested(ProbeConfig, "probe", values.get("probe"))
        beta = values.get("beta")
        if isinstance(beta, (int, float)):
            beta = {"value": beta}
        values["beta"] = nested(BetaConfig, "beta", beta)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """The resolved config in plain types; `from_dict` reads it back."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in _NAMED:
            values[name] = values[name].to_dict()
        values["rule"] = {
            "name": self.rule.name,
            **dataclasses.asdict(self.make_rule()),
        }
        for name in ("beta", "probe", "geco"):
            values[name] = dataclasses.asdict(values[name])
        values["data"] = dict(self.data)
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
    make: Callable[[dict[str, Any]], _Made],
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
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} holds no valid YAML: {error}") from error
    try:
        data = check_mapping("config", data)
        for setting in settings:
            _apply_setting(data, setting)
        return make(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _apply_setting(data: dict[str, Any], setting: str) -> None:
    path, equals, text = setting.partition("=")
    if not equals or not path:
        raise ValueError(f"`--set` must be key=value. Received: {setting!r}")
    *parents, last = path.split(".")
    for name in parents:
        child = data.get(name)
        if name in _NAMED and isinstance(child, str):
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
