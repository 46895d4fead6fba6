"""What a config may name, as text for a person."""

from __future__ import annotations

from ald_keras.registries import (
    ARCHITECTURES,
    DATASETS,
    LIKELIHOODS,
    Registry,
    first_line,
)
from ald_keras.rules import RULES


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


def _summaries(registry: Registry) -> dict[str, str]:
    return {name: registry.summary(name) for name in registry}
