"""HTML pages that need nothing beside them."""

from __future__ import annotations

import base64
import pathlib
import struct
from collections.abc import Iterable

import jinja2
import yaml

from ald_keras.files.atomic import atomic_path
from ald_keras.reports.drawings import Drawing
from ald_keras.reports.figures import to_png


def write_page(path: pathlib.Path, template: str, **values: object) -> None:
    """Fill in a template and write it.

    Args:
        path: The file.
        template: Name of a file in `templates`.
        **values: What the template names; all text in them is escaped.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ald_keras.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(template).render(**values)
    with atomic_path(path) as temporary:
        # A folder's name may hold bytes that are no text.
        temporary.write_text(text, encoding="utf-8", errors="replace")


def embedded(drawings: Iterable[Drawing]) -> list[dict[str, object]]:
    """Drawings as a template shows them: the PNG stands in the page itself."""
    return [_embed(drawing) for drawing in drawings]


def _embed(drawing: Drawing) -> dict[str, object]:
    png = to_png(drawing.figure)
    width, height = struct.unpack(">II", png[16:24])
    return {
        "name": drawing.name,
        "source": "data:image/png;base64," + base64.b64encode(png).decode("ascii"),
        "width": width,
        "height": height,
        "caption": drawing.caption,
        "alt": drawing.alt,
    }


def as_yaml(value: object) -> str:
    """Plain types as readers of configs know them."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
