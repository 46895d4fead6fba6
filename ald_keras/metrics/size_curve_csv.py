"""A size curve as a CSV file: one row a size."""

from __future__ import annotations

import csv
import io
import os
import pathlib
from collections.abc import Mapping, Sequence

from ald_keras._typing import JSON

# Columns that are no metrics.
OWN_COLUMNS = (
    *("size", "added_dimensions", "increase", "standard_error", "samples"),
    "baseline_nll",
)


def write_columns(
    path: str | os.PathLike[str], columns: Mapping[str, Sequence[object]]
) -> None:
    """Write columns of one length, with their names in the first row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    pathlib.Path(path).write_text(text.getvalue(), encoding="utf-8")


def read_fields(path: str | os.PathLike[str]) -> JSON:
    """The arguments of a `SizeCurve` from what `SizeCurve.to_csv` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        KeyError, IndexError, ValueError, csv.Error: If the file holds something else.
    """
    text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    names, *rows = csv.reader(io.StringIO(text))
    if len(set(names)) < len(names):
        raise ValueError(f"columns of one name among {names}")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    baseline = columns.get("baseline_nll")
    return {
        "sizes": tuple(map(int, columns["size"])),
        "increase": tuple(map(float, columns["increase"])),
        "standard_error": tuple(map(float, columns["standard_error"])),
        "metrics": {
            name: tuple(map(float, values))
            for name, values in columns.items()
            if name not in OWN_COLUMNS
        },
        "order": tuple(map(int, " ".join(columns["added_dimensions"]).split())),
        "samples": int(columns["samples"][0]),
        "baseline_nll": None if baseline is None else float(baseline[0]),
    }
