"""JSON schema of a config, made of the dataclasses and registries that read it."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from ald_keras._gate_options import ESTIMATORS
from ald_keras._typing import JSON
from ald_keras.registries import (
    ARCHITECTURES,
    DATASETS,
    LIKELIHOODS,
    Registry,
    argument_texts,
    first_line,
)
from ald_keras.rules import RULES
from ald_keras.runs.config import ELASTIC, METHODS, Config
from ald_keras.runs.config_parts import (
    DATA_OPTIONS,
    NAMED,
    NETWORK_ARGUMENTS,
    BetaConfig,
    GecoConfig,
    ProbeConfig,
)
from ald_keras.runs.strategies import STRATEGIES

_DIALECT = "http://json-schema.org/draft-07/schema#"

_JSON_TYPES = {
    int: "integer",
    float: "number",
    str: "string",
    bool: "boolean",
    type(None): "null",
    tuple: "array",
    list: "array",
    Sequence: "array",
    dict: "object",
    Mapping: "object",
}


def config_schema() -> JSON:
    """The schema of a run's config, or of a comparison's, in draft 7.

    It holds names, types and a text on each key. Values out of range, and keys that
    exclude each other, are left to `Config`.
    """
    texts = argument_texts(Config.__doc__)
    values: dict[str, JSON] = {
        "dataset": _choice(DATASETS),
        "data": _data(),
        "architecture": _named("architecture", ARCHITECTURES, _network_options()),
        "optimizer": {
            "anyOf": [{"type": "string"}, {"type": "object"}],
        },
        "rule": _named("rule", RULES, _rule_options(), closed=True),
        "likelihood": _choice(LIKELIHOODS),
        "method": {"enum": list(METHODS)},
        "strategy": {"enum": list(STRATEGIES)},
        "interval": _count_or("auto", "epoch"),
        "beta": {"anyOf": [{"type": "number", "minimum": 0}, _section(BetaConfig)]},
        "geco": _section(GecoConfig),
        "probe": _section(ProbeConfig),
    }
    values["geco"]["properties"]["estimator"]["enum"] = list(ESTIMATORS)
    freq = values["probe"]["properties"]["metrics_freq"]
    values["probe"]["properties"]["metrics_freq"] = _count_or("auto") | {
        "description": freq["description"]
    }
    hints = typing.get_type_hints(Config)
    properties = {}
    for field in dataclasses.fields(Config):
        found = values.get(field.name) or _type(hints[field.name])
        properties[field.name] = {**found, "description": texts[field.name]}
    for name in ("latent_dim", "epochs", "batch_size"):
        properties[name]["minimum"] = 1
    properties["seed"]["minimum"] = 0
    properties[ELASTIC] = {
        "type": "boolean",
        "description": f"Short for `rule: {ELASTIC}`.",
    }
    properties["hp_search"] = {
        "type": "object",
        "description": "What `ald compare` compares; the other commands take no such "
        "key.",
    }
    return {
        "$schema": _DIALECT,
        "title": "Config of ald_keras",
        "type": "object",
        "properties": properties,
        "required": ["dataset", "latent_dim", "epochs"],
        "additionalProperties": False,
    }


def _count_or(*words: str) -> dict[str, Any]:
    return {"anyOf": [{"enum": list(words)}, {"type": "integer", "minimum": 1}]}


def _choice(registry: Registry) -> JSON:
    # Editors show the description of the one that is chosen.
    return {
        "oneOf": [
            {"const": name, "description": registry.summary(name)} for name in registry
        ]
    }


def _named(key: str, names: Iterable[str], options: JSON, closed: bool = False) -> JSON:
    """Something given by its name, or by a mapping of its name and options."""
    choice = {"enum": list(names)}
    mapping: JSON = {
        "type": "object",
        "properties": {"name": {**choice, "default": NAMED[key]}, **options},
    }
    if closed:
        mapping["additionalProperties"] = False
    return {"anyOf": [choice, mapping]}


def _data() -> JSON:
    """Options of all loaders: which belong to which, `Config` says."""
    options = {name for key in DATASETS for name in DATASETS.options(key)}
    return {
        "type": ["object", "null"],
        "properties": dict.fromkeys(sorted({*options, *DATA_OPTIONS}), {}),
        "additionalProperties": False,
    }


def _network_options() -> JSON:
    names = {name for key in ARCHITECTURES for name in ARCHITECTURES.options(key)}
    return dict.fromkeys(sorted(names - {*NETWORK_ARGUMENTS}), {})


def _rule_options() -> JSON:
    options: JSON = {}
    for rule in RULES.values():
        for name, value in _section(rule)["properties"].items():
            # Two rules may mean something else by the same word.
            options[name] = value if options.get(name, value) == value else {}
    return options


def _section(kind: type) -> JSON:
    """A mapping of a dataclass's fields."""
    texts, hints = argument_texts(kind.__doc__), typing.get_type_hints(kind)
    properties = {
        field.name: {**_type(hints[field.name]), "description": texts[field.name]}
        if field.name in texts
        else _type(hints[field.name])
        for field in dataclasses.fields(kind)
    }
    return {
        "type": "object",
        "description": first_line(kind.__doc__),
        "properties": properties,
        "additionalProperties": False,
    }


def _type(hint: Any) -> JSON:
    kinds = typing.get_args(hint) if _is_union(hint) else (hint,)
    names = [_JSON_TYPES[typing.get_origin(kind) or kind] for kind in kinds]
    return {"type": names[0] if len(names) == 1 else names}


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (Union, types.UnionType)
