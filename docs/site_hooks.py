"""Pages as the site shows them: links to public names, and the notebooks."""

from __future__ import annotations

import pathlib
import re
import sys
from typing import Any

from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from griffe_names import linked, split

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"

# As a link in the repository points to one.
NOTEBOOK = re.compile(r"\((?:\.\./)+examples/(\w+)\.ipynb\)")


def on_files(files: Any, config: Any) -> Any:
    """Add a page for each notebook, with its figures."""
    exporter = MarkdownExporter()
    for path in sorted(EXAMPLES.glob("*.ipynb")):
        prefix = f"{path.stem}_"
        text, found = exporter.from_filename(
            str(path), resources={"unique_key": prefix, "output_files_dir": "."}
        )
        pages = {f"{path.stem}.md": text, **found["outputs"]}
        for name, content in pages.items():
            name = name.removeprefix("./")
            files.append(File.generated(config, f"examples/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Link notebooks to their pages, and public names but on those of the reference."""
    up = "../" * page.file.src_path.count("/")
    markdown = NOTEBOOK.sub(rf"({up}examples/\1.md)", markdown)
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
