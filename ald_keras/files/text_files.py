"""Text files of plain values: YAML, JSON and CSV."""

from __future__ import annotations

import csv
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ald_keras.files.atomic import atomic_path


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads `1e-3` as a number, as YAML 1.2 does and PyYAML does not."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)

# Values that a YAML text may stand for, aliases written out.
_MOST_NODES = 100_000


def parse_yaml(text: str) -> Any:
    """The plain value that a YAML text stands for; raises `yaml.YAMLError`."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _count_nodes(node, {})
        return loader.construct_document(node)
    # A number too long for Python, a date that there is not, brackets without end.
    except (ValueError, RecursionError) as error:
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def read_yaml(path: pathlib.Path) -> dict[str, object]:
    """Read the mapping that a YAML file holds; an empty file holds an empty one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds something else, naming it.
    """
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} holds no valid YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ValueError(f"{path} must be a mapping. Received: {data!r:.100}")
    return data


def _count_nodes(node: yaml.Node, counts: dict[int, int]) -> int:
    """Nodes of a tree, each alias counted as what it stands for."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in counts:
        return counts[id(node)]
    counts[id(node)] = _MOST_NODES  # what holds itself has no end
    parts = node.value
    if isinstance(node, yaml.MappingNode):
        parts = [part for pair in parts for part in pair]
    total = 1 + sum(_count_nodes(part, counts) for part in parts)
    if total > _MOST_NODES:
        raise yaml.YAMLError(f"more than {_MOST_NODES:,} values")
    counts[id(node)] = total
    return total


def write_json(path: pathlib.Path, value: object) -> None:
    """Write plain types as JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_yaml(path: pathlib.Path, value: object) -> None:
    """Write plain types as YAML, keys in their order."""
    with atomic_path(path) as temporary:
        # Unescaped, some characters would not be read back as they were.
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=False)
        temporary.write_text(text, encoding="utf-8")


def write_csv(path: pathlib.Path, columns: Mapping[str, Sequence[object]]) -> None:
    """Write columns of one length, their names in the first line."""
    with (
        atomic_path(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def read_csv(path: pathlib.Path) -> dict[str, list[float]]:
    """Columns of numbers, as `write_csv` writes them.

    Raises:
        ValueError: If the file holds something else, naming it.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            names, *rows = csv.reader(file)
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return {
            name: [float(text) for text in column]
            for name, column in zip(names, columns, strict=True)
        }
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} holds no columns of numbers: {error}") from error


def read_json(path: pathlib.Path) -> Any:
    """Read JSON.

    Raises:
        ValueError: If the file holds something else, naming it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds no valid JSON: {error}") from error
