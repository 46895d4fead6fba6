"""Writes files so that a reader finds the old one or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator

_SUFFIX = ".part"
_TEMPORARY = re.compile(rf"\..+{re.escape(_SUFFIX)}")


@contextlib.contextmanager
def atomic_path(path: pathlib.Path, folder_too: bool = False) -> Iterator[pathlib.Path]:
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


def is_temporary(path: pathlib.Path) -> bool:
    """Whether a path is what a process left that was killed in `atomic_path`."""
    return _TEMPORARY.fullmatch(path.name) is not None
