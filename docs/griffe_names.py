"""Docstrings as the site shows them: public names are links, doctests are code."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import griffe

ROOMS = (
    "ald_keras",
    "ald_keras.models",
    "ald_keras.callbacks",
    "ald_keras.rules",
    "ald_keras.metrics",
    "ald_keras.plot",
    "ald_keras.likelihoods",
    "ald_keras.layers",
    "ald_keras.datasets",
    "ald_keras.architectures",
)

# Public names that are words of their own in a text.
_COMMON = {
    *("Action", "Direction", "conv", "mlp", "silhouette", "video"),
    *("codes", "history", "kl", "reconstructions", "samples", "size_curve"),
    "traversals",
}

_KEPT = re.compile(
    r"(```.*?```|^#[^\n]*$|^    [^\n]*$|\[[^\]\n]*\]\([^)\n]*\))",
    re.DOTALL | re.MULTILINE,
)
_NAME = re.compile(r"(?<![\[`])`([A-Za-z_]\w*)(?:\(\))?`(?![`\]])")


@functools.cache
def public_names() -> dict[str, str]:
    """Path of each public name: that of `ald_keras` where it has the name too."""
    package = load_package()
    paths: dict[str, str] = {}
    for room in ROOMS:
        for name in exported(package, room):
            paths.setdefault(name, f"{room}.{name}")
    return paths


def load_package() -> griffe.Module:
    """The package, read and not imported."""
    return griffe.load("ald_keras", search_paths=["."], resolve_aliases=True)


def exported(package: griffe.Module, room: str) -> list[str]:
    """Names in `__all__` of a room."""
    module = package if room == "ald_keras" else package[room.split(".", 1)[1]]
    return [str(name) for name in module.exports or ()]


def linked(text: str, keep: Callable[[str], bool]) -> str:
    """Markdown in which public names in backticks are links to the reference.

    Args:
        text: Markdown.
        keep: Says of a name whether it stays as it is.
    """

    def link(match: re.Match[str]) -> str:
        name = match[1]
        if name in _COMMON or name not in public_names() or keep(name):
            return match[0]
        return f"[{match[0]}][{public_names()[name]}]"

    return _NAME.sub(link, text)


def split(text: str) -> list[tuple[str, bool]]:
    """Parts of Markdown, each with whether it is text: no code, heading or link."""
    parts = _KEPT.split(text)
    return [(part, _KEPT.fullmatch(part) is None) for part in parts]


class Names(griffe.Extension):
    """Makes links of public names, and code of examples."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change the docstring of an object that was loaded."""
        if obj.docstring is None:
            return
        text = obj.docstring.value
        if ">>> " in text:
            text = re.sub(r"(?m)^Example:$", "Examples:", text)
        fence = text.split("```")
        fence[::2] = [
            linked(part, lambda name: name == obj.name) for part in fence[::2]
        ]
        obj.docstring.value = "```".join(fence)
