"""The report of an experiment over many runs."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

from ald_keras.reports.drawings import Drawing
from ald_keras.reports.page import as_yaml, embedded, write_page


def write_experiment_report(
    path: pathlib.Path,
    title: str,
    answers: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    notes: str,
    drawings: Sequence[Drawing],
    failures: Mapping[str, str],
    settings: Mapping[str, object],
    versions: Mapping[str, str],
) -> None:
    """Write an experiment's report.

    Args:
        path: The HTML file; its folder must exist.
        title: What the report is called.
        answers: Sentences; the first one is the answer.
        rows: Rows of the table, mappings from the same names of columns to cells.
        notes: What the table's cells are.
        drawings: The figures.
        failures: Mapping from runs that failed to the reason.
        settings: What was asked, plain types.
        versions: Mapping from packages to their versions.
    """
    write_page(
        path,
        "experiment.html",
        title=title,
        answers=list(answers),
        columns=list(rows[0]) if rows else [],
        rows=[list(row.values()) for row in rows],
        notes=notes,
        drawings=embedded(drawings),
        failures=dict(failures),
        settings=as_yaml(dict(settings)) if settings else "",
        versions=dict(versions),
    )
