"""Writes files so that a reader finds the old one or the new one, never a part."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads `1e-3` as a number, as YAML 1.2 does and PyYAML does not."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str) -> Any:
    """The plain value that a YAML text stands for; raises `yaml.YAMLError`."""
    return yaml.load(text, Loader=_Loader)


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary path beside `path`, which takes its place if all goes well.

    Args:
        path: The file to write. Its folder must exist.

    Yields:
        A path of the same ending, which does not exist yet.
    """
    with tempfile.TemporaryDirectory(
        prefix=f".{path.name}.", dir=path.parent
    ) as folder:
        temporary = pathlib.Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


def write_json(path: pathlib.Path, value: Any) -> None:
    """Write plain types as JSON."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_yaml(path: pathlib.Path, value: Any) -> None:
    """Write plain types as YAML, keys in their order."""
    with replacing(path) as temporary:
        # Unescaped, some characters would not be read back as they were.
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=False)
        temporary.write_text(text, encoding="utf-8")


def write_csv(path: pathlib.Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of one length, their names in the first line."""
    with (
        replacing(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def read_json(path: pathlib.Path) -> Any:
    """Read JSON.

    Raises:
        ValueError: If the file holds something else, naming it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} holds no valid JSON: {error}") from error
