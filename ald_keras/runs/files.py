"""Writes files so that a reader finds the old one or the new one, never a part."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import filelock
import yaml


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


def read_yaml(path: pathlib.Path) -> dict[str, Any]:
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


_LOCK = ".lock"
_SUFFIX = ".part"
_TEMPORARY = re.compile(rf"\..+{re.escape(_SUFFIX)}")


@contextlib.contextmanager
def replacing(path: pathlib.Path, folder_too: bool = False) -> Iterator[pathlib.Path]:
    """A temporary path beside `path`, which takes its place if all goes well.

    Args:
        path: The file or folder to write. The folder that it is in must exist.
        folder_too: Boolean, replace a folder with all that it holds. Defaults to
            `False`.

    Yields:
        A path of the same ending, which does not exist yet.
    """
    with tempfile.TemporaryDirectory(
        prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent
    ) as folder:
        temporary = pathlib.Path(folder) / path.name
        yield temporary
        if folder_too and path.is_dir():  # which no rename replaces
            os.replace(path, pathlib.Path(folder) / "replaced")
        os.replace(temporary, path)


@contextlib.contextmanager
def run_folder(path: pathlib.Path, overwrite: bool) -> Iterator[pathlib.Path]:
    """A folder for one run's files, removed again if the run fails and it is empty.

    Args:
        path: The folder; made with its parents where it is missing.
        overwrite: Boolean, take a folder that is not empty.

    Raises:
        ValueError: If `path` is a file, or not empty and `overwrite` is `False`, or
            another process is writing to it.
        OSError: If it cannot be made or written to.
    """
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file. Expected a folder for the run.")
    if path.is_dir() and not overwrite and not _is_empty(path):
        raise ValueError(
            f"{path} is not empty, and a run never replaces another unless told: pass "
            "--overwrite, or another --output; --resume goes on with a run that was "
            "killed."
        )
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} cannot be written to.")
    try:
        with _locked(path):
            yield path
    except BaseException:
        for folder in made:
            if not any(folder.iterdir()):
                folder.rmdir()
        raise


def _is_empty(folder: pathlib.Path) -> bool:
    """Whether a folder holds nothing but what a killed process has left behind."""
    return all(
        entry.name == _LOCK or _TEMPORARY.fullmatch(entry.name)
        for entry in folder.iterdir()
    )


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    """Keep other processes out; the system frees the lock of one that is killed.

    Raises:
        ValueError: If another process is in.
    """
    lock = filelock.FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise ValueError(f"Another run is writing to {folder} now.") from error
    try:
        _clear_temporaries(folder)
        yield
    finally:
        # While it is held: nobody else can be between making and locking it.
        (folder / _LOCK).unlink(missing_ok=True)
        lock.release()


def _clear_temporaries(folder: pathlib.Path) -> None:
    """Remove what a process left that was killed while it wrote."""
    for entry in folder.iterdir():
        if _TEMPORARY.fullmatch(entry.name) and entry.is_dir():
            shutil.rmtree(entry)


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
