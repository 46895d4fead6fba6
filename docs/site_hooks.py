"""Pages as the site shows them: the first mention of a public name is a link."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from griffe_names import linked, split


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Link public names, on every page but those of the reference."""
    if page.file.src_path.startswith("reference/"):
        return markdown
    seen: set[str] = set()

    def was_seen(name: str) -> bool:
        if name in seen:
            return True
        seen.add(name)
        return False

    parts = split(markdown)
    return "".join(
        linked(part, was_seen) if is_text else part for part, is_text in parts
    )
