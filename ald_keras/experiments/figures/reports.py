"""`report.html` of an experiment: stability, comparison, bottlenecks, size curves."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ald_keras.experiments.bottleneck.plan import MAY_DIFFER
from ald_keras.experiments.bottleneck.summary import summarize_bottlenecks
from ald_keras.experiments.bottleneck.table import NOTES as BOTTLENECK_NOTES
from ald_keras.experiments.bottleneck.table import cells as bottleneck_cells
from ald_keras.experiments.bottleneck.table import head_lines as bottleneck_lines
from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.summary import compare_runs
from ald_keras.experiments.compare.table import NOTES as COMPARISON_NOTES
from ald_keras.experiments.compare.table import head_lines as comparison_lines
from ald_keras.experiments.compare.table import table_cells as comparison_rows
from ald_keras.experiments.core.command import read_failures, read_note
from ald_keras.experiments.core.plan import GUESSES
from ald_keras.experiments.core.runs import ONE_SHOT, read_runs
from ald_keras.experiments.core.summary import Row, Summary, summarize
from ald_keras.experiments.core.table import NOTES, cells, head_lines
from ald_keras.experiments.curve.summary import summarize_curves
from ald_keras.experiments.curve.table import NOTES as CURVE_NOTES
from ald_keras.experiments.curve.table import cells as curve_cells
from ald_keras.experiments.curve.table import head_lines as curve_lines
from ald_keras.experiments.figures.drawings import (
    draw_bottlenecks,
    draw_comparison,
    draw_curves,
    draw_experiment,
)
from ald_keras.files.versions import versions
from ald_keras.reports.drawings import Drawing
from ald_keras.reports.experiment_report import write_experiment_report
from ald_keras.runs.record import read_record
from ald_keras.runs.run_files import REPORT

# `experiment.yaml` holds these beside the comparison.
_BESIDE = ("seeds", "versions")


@dataclasses.dataclass(frozen=True)
class _Told:
    """What differs between the reports."""

    answers: Sequence[str]
    rows: Sequence[Mapping[str, str]]
    notes: str
    drawings: Sequence[Drawing]


def write_report(output: pathlib.Path) -> list[Drawing]:
    """Write the report of what is there.

    Args:
        output: The experiment's folder.

    Returns:
        Its figures.

    Raises:
        ValueError: If the folder holds no whole run of an experiment, runs do not
            belong together, or a file is damaged.
        OSError: If a file cannot be read or written.
    """
    settings = read_note(output)
    if "search" in settings:
        told = _comparison(output, settings)
    elif "budgets" in settings:
        told = _bottlenecks(output)
    elif "elastic" in settings:
        told = _curves(output)
    else:
        told = _stability(output)
    write_experiment_report(
        output / REPORT,
        title=output.resolve().name,
        answers=told.answers,
        rows=told.rows,
        notes=told.notes,
        drawings=told.drawings,
        failures=read_failures(output),
        versions=settings.pop("versions", versions()),
        settings=settings,
    )
    return list(told.drawings)


def _stability(output: pathlib.Path) -> _Told:
    runs = read_runs(output)
    guesses = (read_record(output / GUESSES) or {}).get("guesses", {})
    if not runs and not guesses:
        raise ValueError(
            f"{output} holds neither a run (`run.json`) nor an experiment (folders of "
            "runs, as the commands in `ald_keras.experiments` write them)."
        )
    summary = summarize(runs, guesses)
    answers = [*head_lines(summary), *_found(summary)]
    rows = [cells(row) for row in summary.rows]
    return _Told(answers, rows, NOTES, draw_experiment(output, runs))


def _comparison(output: pathlib.Path, settings: Mapping[str, Any]) -> _Told:
    values = {key: value for key, value in settings.items() if key not in _BESIDE}
    comparison = Comparison.from_dict(values)
    seeds = int(settings["seeds"])
    summary = compare_runs(comparison, output, seeds)
    if not summary.rows:
        raise ValueError(f"{output} holds nothing of a comparison to report on.")
    runs = [run for run in read_runs(output) if run.seed < seeds]
    return _Told(
        comparison_lines(summary),
        comparison_rows(summary),
        COMPARISON_NOTES,
        draw_comparison(output, runs, comparison, summary),
    )


def _bottlenecks(output: pathlib.Path) -> _Told:
    runs = read_runs(output, MAY_DIFFER)
    if not runs:
        raise ValueError(f"{output} holds no whole run to report on.")
    summary = summarize_bottlenecks(runs)
    return _Told(
        bottleneck_lines(summary),
        [bottleneck_cells(row) for row in summary.rows],
        BOTTLENECK_NOTES,
        draw_bottlenecks(output, runs),
    )


def _curves(output: pathlib.Path) -> _Told:
    runs = read_runs(output)
    summary = summarize_curves(output, runs)
    return _Told(
        curve_lines(summary),
        [curve_cells(row) for row in summary.rows],
        CURVE_NOTES,
        draw_curves(output, runs),
    )


def _found(summary: Summary) -> list[str]:
    """A sentence on what each rule found, over all its starts."""
    last = {row["run"]: row for row in summary.rows if row["fixed"] is not None}
    return [
        f"Rule “{name}”: {_range(row)} dimensions, {row['dims_mean']:.1f} on average "
        f"over {row['runs']} runs, {row['fixed']} of them fixed."
        for name, row in last.items()
        if name != ONE_SHOT
    ]


def _range(row: Row) -> str:
    least, most = row["dims_min"], row["dims_max"]
    return str(least) if least == most else f"{least} to {most}"
