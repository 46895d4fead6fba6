"""A table of numbers as CSV, one sample a row."""

import itertools
import math
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_flag
from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.splits import hold_out
from ald_keras.datasets.tables import (
    ColumnRoles,
    assemble,
    check_missing,
    is_missing,
)
from ald_keras.files.csv_rows import find_column, read_rows


def load_csv(
    data_dir: pathlib.Path | None,
    *,
    path: str | os.PathLike[str],
    label_column: str | int | None = None,
    header: bool | None = None,
    delimiter: str = ",",
    conditions: Sequence[str] = (),
    categorical: Sequence[str] = (),
    missing: str | None = None,
    test_fraction: float = 0.1,
    data_seed: int = 0,
) -> RawDataset:
    """Load a UTF-8 table of features, and perhaps of labels and conditions.

    Values are not scaled here: see `standardize` of `load_dataset`. A likelihood that
    wants [0, 1] needs them so in the file.

    Args:
        data_dir: Folder at which a relative `path` starts, or `None`.
        path: The file.
        label_column: Name of the column of labels, or its position from 0 (negative:
            from the last). Defaults to `None`: no labels.
        header: Whether the first row holds the names of the columns. Defaults to
            `None`: it does when none of its features is a number; a mixed row is an
            error. Say `True` for names that are numbers.
        delimiter: The character between two cells. Defaults to a comma.
        conditions: Names of columns that become conditions of the model, each by its
            own name: numbers as they are, texts one-hot. Defaults to none.
        categorical: Names of columns of the data that hold categories, which become
            one column of 0 and 1 for each. They come last. Defaults to none.
        missing: `"nan"` reads empty cells, NA, NaN and null as missing values, or
            `None`: they are errors. Defaults to `None`.
        test_fraction: Share of the rows held out as test part, in (0, 1).
            Defaults to 0.1.
        data_seed: Non-negative integer that chooses the test part. Defaults to 0: the
            same for every seed of a run.

    Returns:
        A `RawDataset` with float64 samples of shape `(features,)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a cell is no finite number, rows differ in length, there is no
            such column, or it is not clear whether there is a header.
    """
    may_miss = check_missing(missing)
    named = ColumnRoles(None, conditions, categorical).texts
    if named and header is False:
        raise ValueError(
            "`header` must not be False where columns are named. "
            f"Received: header=False, {sorted(named)}"
        )
    file = pathlib.Path(data_dir or "", path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"No such file: {file}")
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise ValueError(
            f"`delimiter` must be one character. Received: delimiter={delimiter!r}"
        )
    rows = read_rows(file, delimiter)
    first_row = next(rows, None)
    if first_row is None:
        raise ValueError(f"{file}: must hold at least one row. Received: an empty file")
    cells = [cell.strip() for cell in first_row[1]]
    label = find_column(file, cells, label_column)
    if len(cells) == 1 and label is not None:
        raise ValueError(f"{file}: must hold at least one column beside the labels.")
    if _has_header(file, cells, label_column, True if named else header):
        names = cells
    else:
        names = [str(position) for position in range(len(cells))]
        rows = itertools.chain([first_row], rows)
    label_name = None if label is None else names[label]
    roles = ColumnRoles(label_name, tuple(conditions), tuple(categorical))
    places = roles.positions(str(file), names, label)
    numbers, texts = _parse_rows(file, rows, names, places, may_miss)
    features = [n for i, n in enumerate(names) if i not in places.values()]
    x, y, columns = assemble(numbers, features, texts, roles, may_miss)
    return hold_out(str(file), x, y, test_fraction, data_seed, columns=columns)


def _has_header(
    file: pathlib.Path,
    first: list[str],
    label_column: str | int | None,
    header: bool | None,
) -> bool:
    if header is not None:
        check_flag("header", header)
    if isinstance(label_column, str):
        if header is False:
            raise ValueError(
                "`label_column` must be a position where there is no header. "
                f"Received: label_column={label_column!r}, header=False"
            )
        return True
    if header is not None:
        return header
    label = find_column(file, first, label_column)
    numeric = [_number(cell) is not None for i, cell in enumerate(first) if i != label]
    if any(numeric) and not all(numeric):
        raise ValueError(
            f"{file}: it is not clear whether the first row is a header: only some "
            "of its cells are numbers. Pass `header` as True or False."
        )
    return not any(numeric)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _parse_rows(
    file: pathlib.Path,
    rows: Iterable[tuple[int, list[str]]],
    names: list[str],
    places: dict[str, int],
    may_miss: bool,
) -> tuple[npt.NDArray[np.float64], dict[str, list[str]]]:
    """The columns of numbers, and by name those of which `places` has the position."""
    samples: list[npt.NDArray[np.float64]] = []
    found: dict[str, list[str]] = {name: [] for name in places}
    texts = {position: found[name] for name, position in places.items()}
    for line, cells in rows:
        if len(cells) != len(names):
            raise ValueError(
                f"{file}, line {line}: must hold {len(names)} cells as the first row "
                f"does. Received: {len(cells)}"
            )
        values: list[float] = []
        for position, (name, cell) in enumerate(zip(names, cells, strict=True)):
            if position in texts:
                texts[position].append(cell.strip())
                if not (texts[position][-1] or may_miss):
                    raise ValueError(f"{file}, line {line}: empty cell in {name!r}.")
                continue
            value = math.nan if may_miss and is_missing(cell) else _number(cell)
            if value is None or not (may_miss or math.isfinite(value)):
                raise ValueError(
                    f"{file}, line {line}, column {name!r}: must be a finite number. "
                    f"Received: {cell!r}. Name columns of texts as `categorical`; "
                    "missing='nan' reads missing values."
                )
            values.append(value)
        samples.append(np.array(values))
    if not samples:
        raise ValueError(f"{file}: must hold rows below its header.")
    return np.stack(samples), found
