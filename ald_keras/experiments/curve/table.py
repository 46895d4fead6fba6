"""Numbers of size curves as a table: on the screen, as CSV, Markdown and JSON."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from ald_keras.experiments.core.summary import Row
from ald_keras.experiments.core.table import (
    markdown_result,
    number,
    pair,
    print_result,
    write_result,
)
from ald_keras.experiments.curve.summary import BELOW, COLUMNS, CurveSummary
from ald_keras.metrics.size_curve import TOLERANCE

NOTES = (
    "ELBO in nats per sample of the test part, mean ± standard deviation over seeds. "
    "Increase: loss at this size minus loss at the full size, same weights, samples "
    "and noise, ± its standard error. Excess: ELBO from scratch minus that of the "
    "curve. Allowed: the larger of 0.5 % of the gain and two sd from scratch."
)


def head_lines(summary: CurveSummary) -> list[str]:
    """What stands above the table: a line for each kind of elastic run."""
    lines = []
    if summary.gain is not None:
        lines.append(
            f"Gain: {summary.gain:.2f} nats, of which {100 * TOLERANCE:g} % are "
            f"{TOLERANCE * summary.gain:.2f}."
        )
    return lines + [_line(group, run) for group, run in summary.runs.items()]


def _line(group: str, run: Row) -> str:
    parts = []
    if run["smallest"]:
        sizes = ", ".join(map(str, run["smallest"]))
        parts.append(f"smallest size within 0.5 % of the gain: {sizes}")
    if run["edge"] is not None:
        within = "within" if run["within"] else "not within"
        parts.append(
            f"from scratch it is {run['edge']}; from {run['edge'] - BELOW} up the "
            f"curve is {within} what is allowed"
        )
    if run["full"] is not None:
        parts.append(f"full size {run['full']:+.2f} nats against scratch")
    if run["seconds"] and run["grid_seconds"]:
        ratio = run["grid_seconds"] / run["seconds"]
        parts.append(f"the sizes from scratch took {ratio:.1f} times as long")
    return f"{group}: {'; '.join(parts)}."


def cells(row: Row) -> dict[str, str]:
    """A row as text by the name of its column."""
    increase = pair(row["increase"], row["standard_error"], "{:+.2f}", "{:.2f}")
    scratch = pair(row["scratch_elbo"], row["scratch_sd"], "{:.2f}", "{:.2f}")
    missed = row["excess"] is not None and row["excess"] > row["allowed"]
    return {
        "size": str(row["size"]),
        "from scratch": scratch,
        "runs": str(row["scratch_runs"] or ""),
        "curve of": row["run"],
        "ELBO": pair(row["curve_elbo"], row["curve_sd"], "{:.2f}", "{:.2f}"),
        "seeds": str(row["curve_runs"]),
        "increase": increase,
        "excess": number(row["excess"], "{:+.2f}") + (" (more)" if missed else ""),
        "allowed": "" if row["excess"] is None else number(row["allowed"], "{:.2f}"),
    }


def print_curves(summary: CurveSummary, console: Console | None = None) -> None:
    """Print what came out and the table."""
    rows = [cells(row) for row in summary.rows]
    print_result(head_lines(summary), rows, NOTES, console)


def write_curves(
    summary: CurveSummary, output: pathlib.Path, extra: Mapping[str, Any]
) -> None:
    """Write `table.csv`, `table.md` and `summary.json`.

    Args:
        summary: The numbers.
        output: The experiment's folder; it must exist.
        extra: What else belongs into `summary.json`.
    """
    columns = {name: [row[name] for row in summary.rows] for name in COLUMNS}
    rows = [cells(row) for row in summary.rows]
    text = markdown_result(head_lines(summary), rows, NOTES)
    write_result(output, columns, text, {**summary.to_dict(), **extra})
