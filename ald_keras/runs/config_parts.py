"""The parts of a config that are mappings of their own."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ald_keras._gate_options import ESTIMATORS, check_tau, check_warmup
from ald_keras._validation import (
    check_choice,
    check_flag,
    check_frequency,
    check_integer,
    check_known,
    check_mapping,
    check_real,
    check_scaling,
    check_text,
)
from ald_keras.registries import ARCHITECTURES, DATASETS

# Arguments of `load_dataset` that stand elsewhere in a config.
_NO_OPTIONS = ("name", "data_dir", "seed")

# Options under `data` that all data sets have: the folder, and some of `load_dataset`.
DATA_OPTIONS = ("dir", "limit", "val_fraction", "standardize", "noise")

# Arguments of an architecture that are no options of a config.
NETWORK_ARGUMENTS = ("seed", "conditions")

_Section = TypeVar("_Section")

# Keys with a name and its options, and the name where only options are given.
NAMED = {"architecture": "mlp", "optimizer": "adam", "rule": "size_curve"}


def section(where: str, value: Any) -> dict[str, object]:
    """A section of a config: a mapping as a dictionary, `None` as an empty one.

    Raises:
        ValueError: If `value` is no mapping, or a key is no text.
    """
    return {} if value is None else dict(check_mapping(where, value))


def read_section(kind: Callable[..., _Section], where: str, value: object) -> _Section:
    """A dataclass from a section that holds its fields.

    Raises:
        ValueError: If `value` is no mapping, or a key or a value is wrong.
    """
    values = section(where, value)
    check_known(where, values, inspect.signature(kind).parameters)
    return kind(**values)


@dataclasses.dataclass(frozen=True)
class Named:
    """Something chosen by name, with its options.

    Args:
        name: Its name.
        options: Mapping from its arguments to plain values. Defaults to none.
    """

    name: str
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_value(cls, where: str, value: object) -> Named:
        """Read `name` or `{name: ..., option: ...}`; the name may be left out."""
        if isinstance(value, str):
            value = {"name": value}
        options = dict(value) if isinstance(value, Mapping) else {"name": None}
        name = options.pop("name", NAMED[where])
        if not isinstance(name, str):
            raise ValueError(
                f"`{where}` must be a name, or a mapping of 'name' and options. "
                f"Received: {value!r}"
            )
        return cls(name, options)

    def to_dict(self) -> dict[str, object]:
        """The mapping that `from_value` reads."""
        return {"name": self.name, **self.options}


def check_data(dataset: object, options: Mapping[str, object]) -> None:
    """Raise a `ValueError` unless there is such a data set, with such options."""
    name = check_choice("dataset", dataset, DATASETS)
    for key in options:
        if key in _NO_OPTIONS:
            raise ValueError(f"`data` has no option {key!r}.")
    if options.get("dir") is not None:
        check_text("data.dir", options["dir"])
    DATASETS.check_options(f"Data set {name!r}", name, options, DATA_OPTIONS)
    check_scaling(options.get("standardize", False), options.get("noise", 1.0))


def check_architecture(architecture: Named) -> None:
    """Raise a `ValueError` unless there is such an architecture, with such options."""
    name = check_choice("architecture", architecture.name, ARCHITECTURES)
    ARCHITECTURES.check_options(f"Architecture {name!r}", name, architecture.options)


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
        metrics_freq: Integer >= 1, epochs between two measurements, or `"auto"`.
            Defaults to `"auto"`.
    """

    size: int = 500
    n_clusters: int | None = None
    features: str = "auto"
    weights: str | None = None
    metrics_freq: str | int = "auto"

    def __post_init__(self) -> None:
        check_integer("probe.size", self.size, 3)
        check_text("probe.features", self.features)
        if self.weights is not None:
            check_text("probe.weights", self.weights)
        if self.n_clusters is not None:
            check_integer("probe.n_clusters", self.n_clusters, 2)
        check_frequency("probe.metrics_freq", self.metrics_freq)


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
        check_real("beta.value", self.value, at_least=0)
        check_integer("beta.warmup", self.warmup, 0)


@dataclasses.dataclass(frozen=True)
class GecoConfig:
    """Options of `method: geco`; see `ald_keras.GatedVAE`.

    Args:
        tau: Float, largest squared error a sample, or `None`. Defaults to `None`.
        explained: Float in [0, 1), share of the training data's variance to explain
            instead (`tau_for`), or `None`. Defaults to `None`.
        gate_penalty: Float > 0, nats. Defaults to 5.0.
        estimator: `"arm"` or `"disarm"`. Defaults to `"arm"`.
        gated: Boolean, `False` keeps all gates open. Defaults to `True`.
        max_multiplier: Float > 0, or `None` for the model's default. Defaults to
            `None`.
        warmup: Float in [0, 1), share of the run, or integer >= 0, steps. Defaults to
            0.1.
    """

    tau: float | None = None
    explained: float | None = None
    gate_penalty: float = 5.0
    estimator: str = "arm"
    gated: bool = True
    max_multiplier: float | None = None
    warmup: int | float = 0.1

    def __post_init__(self) -> None:
        if self.tau is not None:
            check_real("geco.tau", self.tau, at_least=0)
        if self.explained is not None:
            check_real("geco.explained", self.explained, at_least=0, below=1)
        check_real("geco.gate_penalty", self.gate_penalty, above=0)
        if self.max_multiplier is not None:
            check_real("geco.max_multiplier", self.max_multiplier, above=0)
        check_warmup("geco.warmup", self.warmup)
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
