"""What a config may name, as text for a person."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from ald_keras._validation import check_choice
from ald_keras.registries import (
    ARCHITECTURES,
    DATASETS,
    LIKELIHOODS,
    Option,
    Registry,
    argument_texts,
    first_line,
    first_sentence,
)
from ald_keras.rules import RULES
from ald_keras.runs.config_parts import DATA_OPTIONS, NETWORK_ARGUMENTS

_LOADING = Registry({"load_dataset": "datasets.registry:load_dataset"})
_DIR = Option("Folder with the files; relative paths start there.", "null")


def list_choices() -> str:
    """Names of data sets, architectures, rules and likelihoods, with a line on each."""
    parts = [
        ("Data sets (dataset)", _summaries(DATASETS)),
        ("Architectures (architecture)", _summaries(ARCHITECTURES)),
        ("Rules (rule)", {name: first_line(RULES[name].__doc__) for name in RULES}),
        ("Likelihoods (likelihood)", _summaries(LIKELIHOODS)),
    ]
    width = max(len(name) for _, lines in parts for name in lines)
    return "\n\n".join(
        "\n".join([title, *(f"  {name:{width}}  {lines[name]}" for name in lines)])
        for title, lines in parts
    ).replace("`", "")


def list_options(name: str) -> str:
    """What a data set, architecture, rule or likelihood takes, an option a line.

    Raises:
        ValueError: If there is none of that name.
    """
    check_choice("--list", name, [*DATASETS, *ARCHITECTURES, *RULES, *LIKELIHOODS])
    if name in DATASETS:
        title, options = DATASETS.summary(name), data_options(name)
    elif name in ARCHITECTURES:
        title = ARCHITECTURES.summary(name)
        found = ARCHITECTURES.describe(name).items()
        options = {key: text for key, text in found if key not in NETWORK_ARGUMENTS}
    elif name in RULES:
        title, options = first_line(RULES[name].__doc__), _fields(RULES[name])
    else:
        title, options = LIKELIHOODS.summary(name), {}
    return "\n".join([f"{name}: {title}", *_lines(options)]).replace("`", "")


def data_options(name: str) -> dict[str, Option]:
    """Options under `data` of a data set: those of its loader, and those that all have.

    Args:
        name: One of the keys of `DATASETS`.
    """
    shared = {"dir": _DIR, **_LOADING.describe("load_dataset")}
    return {**DATASETS.describe(name), **{key: shared[key] for key in DATA_OPTIONS}}


def _fields(rule: type) -> dict[str, Option]:
    texts = argument_texts(rule.__doc__)
    return {
        field.name: Option(
            first_sentence(texts.get(field.name, "")),
            json.dumps(field.default, default=str),
        )
        for field in dataclasses.fields(rule)
    }


def _lines(options: Mapping[str, Option]) -> list[str]:
    if not options:
        return ["  It takes no options."]
    width = max(map(len, options))
    return [
        f"  {name:{width}}  {option.text} "
        + ("(required)" if option.default is None else f"(default: {option.default})")
        for name, option in options.items()
    ]


def _summaries(registry: Registry) -> dict[str, str]:
    return {name: registry.summary(name) for name in registry}
