"""What is wrong with a run and can be said before Keras is loaded."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from ald_keras.files.csv_rows import check_columns, find_column, read_rows
from ald_keras.registries import DATASETS
from ald_keras.runs.config import Config
from ald_keras.runs.run_folder import check_folder, holds_run


def check_run(
    config: Config, output: pathlib.Path, overwrite: bool, resume: bool
) -> None:
    """Raise what the run would raise, once Keras is loaded, of its folder and its data.

    Args:
        config: The run's config.
        output: Folder for the run.
        overwrite: Boolean, whether a run that is there may be replaced.
        resume: Boolean, whether it is to be resumed.

    Raises:
        FileNotFoundError: If the folder or file of the data is missing.
        ValueError: If a run may not write to the folder, or a CSV file has no column
            that is named.
    """
    # Of several workers one writes, perhaps before another comes here.
    if config.strategy != "multi_worker":
        check_folder(output, overwrite or (resume and holds_run(output)))
    options = config.data
    folder, path = options.get("dir"), options.get("path")
    try:
        base = pathlib.Path(str(folder or "")).expanduser()
    except RuntimeError:  # a `~` of nobody, of which the loader says more
        return
    if folder is not None and not base.is_dir():
        raise FileNotFoundError(
            f"`data_dir` must be an existing folder. Received: data_dir={folder}"
        )
    # Only where it must be given is it the data themselves.
    if not DATASETS.options(config.dataset).get("path") or not isinstance(path, str):
        return
    file = pathlib.Path(str(folder or ""), path).expanduser()
    if not file.exists():
        kind = "folder" if config.dataset == "image_folder" else "file"
        raise FileNotFoundError(f"No such {kind}: {file}")
    if config.dataset == "csv":
        _check_csv(file, options)


def _check_csv(file: pathlib.Path, options: Mapping[str, Any]) -> None:
    """Raise a `ValueError` if a column that is named is not in the header."""
    label, delimiter = options.get("label_column"), options.get("delimiter", ",")
    names: list[str] = []
    for role in ("conditions", "categorical"):
        columns = options.get(role)
        names += columns if isinstance(columns, (list, tuple)) else []
    # The rest is for the loader to say.
    has_names = names or isinstance(label, str)
    if not has_names or options.get("header") is False or not file.is_file():
        return
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        return
    _, first = next(read_rows(file, delimiter), (0, []))
    cells = [cell.strip() for cell in first]
    if cells and isinstance(label, str):
        find_column(file, cells, label)
    if cells:
        check_columns(str(file), {str(name) for name in names}, cells)
