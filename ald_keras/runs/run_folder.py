"""The folder of one run, to which one process writes at a time."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

import filelock

from ald_keras.files.atomic import is_temporary
from ald_keras.runs.file_names import CHECKPOINT, ERROR_FILE, RUN_FILES, TENSORBOARD

_LOCK = ".lock"


def check_folder(path: pathlib.Path, overwrite: bool) -> None:
    """Raise a `ValueError` unless a run may write to a folder.

    Args:
        path: The folder, which may be missing.
        overwrite: Boolean, whether it need not be empty.
    """
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file. Expected a folder for the run.")
    if path.is_dir() and not overwrite and not _is_empty(path):
        raise ValueError(
            f"{path} is not empty, and a run replaces another only on request. Pass "
            "--overwrite, another --output, or --resume for a run that was killed."
        )


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
    check_folder(path, overwrite)
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


def holds_run(output: pathlib.Path) -> bool:
    """Whether a folder is there and holds nothing but what a run writes."""
    own = {*RUN_FILES, ERROR_FILE, CHECKPOINT, TENSORBOARD, "figures"}
    return output.is_dir() and all(
        path.name in own or path.name.startswith(".") for path in output.iterdir()
    )


def _is_empty(folder: pathlib.Path) -> bool:
    """Whether a folder holds nothing but what a killed process has left behind."""
    return all(entry.name == _LOCK or is_temporary(entry) for entry in folder.iterdir())


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
        # While it is locked: nobody else can be between making and locking it.
        (folder / _LOCK).unlink(missing_ok=True)
        lock.release()


def _clear_temporaries(folder: pathlib.Path) -> None:
    """Remove what a process left that was killed while it wrote."""
    for entry in folder.iterdir():
        if is_temporary(entry) and entry.is_dir():
            shutil.rmtree(entry)
