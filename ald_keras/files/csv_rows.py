"""Rows and columns of a CSV file, before its cells are read."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Iterable, Iterator, Sequence


def read_rows(file: pathlib.Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the number of its last line.

    Args:
        file: The file, UTF-8.
        delimiter: The character between two cells.

    Raises:
        ValueError: If it is no such table.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, delimiter=delimiter)
            for row in reader:
                if row:
                    yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file}: not a UTF-8 table ({error})") from error


def find_column(
    file: pathlib.Path, first: list[str], label_column: str | int | None
) -> int | None:
    """Position of the column of labels, `None` where none is named.

    Args:
        file: The file, for the message.
        first: Cells of the first row.
        label_column: Its name, or its position from 0 (negative: from the last).

    Raises:
        TypeError: If it is neither a name nor a position.
        ValueError: If there is no such column, or more than one.
    """
    if label_column is None:
        return None
    if isinstance(label_column, str):
        if first.count(label_column) != 1:
            raise ValueError(
                f"`label_column` must name one column of {file} "
                f"({', '.join(first[:20])}). Received: label_column={label_column!r}"
            )
        return first.index(label_column)
    if isinstance(label_column, bool) or not isinstance(label_column, int):
        raise TypeError(
            "`label_column` must be a name or a position. "
            f"Received: label_column={label_column!r}"
        )
    if not -len(first) <= label_column < len(first):
        raise ValueError(
            f"`label_column` must be one of the {len(first)} columns of {file}. "
            f"Received: label_column={label_column}"
        )
    return label_column % len(first)


def check_columns(source: str, names: Iterable[str], columns: Sequence[str]) -> None:
    """Raise a `ValueError` unless every column that is named is there once.

    Args:
        source: Where the columns are, for the message.
        names: Names of columns that are needed.
        columns: Names of the columns that are there.
    """
    for name in sorted(names):
        if list(columns).count(name) != 1:
            raise ValueError(
                f"{source}: must have one column {name!r}. Received: "
                f"{', '.join(map(str, columns[:20]))}"
            )
