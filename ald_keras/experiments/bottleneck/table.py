"""Numbers on bottlenecks as a table: on the screen, as CSV, Markdown and JSON."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from ald_keras.experiments.bottleneck.plan import ALD
from ald_keras.experiments.bottleneck.summary import (
    CLOSE,
    COLUMNS,
    GATED,
    BottleneckSummary,
)
from ald_keras.experiments.core.summary import Row
from ald_keras.experiments.core.table import (
    markdown_result,
    number,
    pair,
    print_result,
    write_result,
)

LABELS = {GATED: "GECO + gates", ALD: "ALD"}

NOTES = (
    "Mean ± standard deviation over runs. n: dimensions of the reference, which is "
    "trained without gates for the lowest error; that error on validation data is "
    "tau. Budget: epochs as a multiple of the reference's. Squared errors are summed "
    "over the values of a sample, from sampled codes unless it says from means. Met: "
    "validation error, from sampled codes and with the gates as at inference, within "
    "2 % of tau. Decided: every gate's probability below 0.05 or above 0.95. Fixed: "
    "whether fewer gates would do was tried to the end; epochs are counted from 1. "
    "Seconds are those of training."
)


def head_lines(summary: BottleneckSummary) -> list[str]:
    """What stands above the table: a line a budget."""
    lines = [
        f"Budget {row['budget']:g}: of {_runs(row['runs'])}, "
        f"{row['met_and_decided']} met tau with all gates decided, {row['close']} "
        f"ended with at most n + {CLOSE} open gates, {row['all_three']} did both."
        for row in summary.budgets
    ]
    return lines or ["No gated run is whole yet."]


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def cells(row: Row) -> dict[str, str]:
    """A row as text by the name of its column."""
    form = "{:.0f}" if row["dims_sd"] is None else "{:.1f}"
    return {
        "run": LABELS[row["run"]],
        "n": number(row["reference"], "{}"),
        "start": str(row["start"]),
        "budget": number(row["budget"], "{:g}"),
        "epochs": str(row["epochs"]),
        "tau": number(row["tau"], "{:.4g}"),
        "runs": str(row["runs"]),
        "open gates": pair(row["dims_mean"], row["dims_sd"], form, "{:.1f}"),
        "min to max": f"{row['dims_min']} to {row['dims_max']}",
        "error / tau": _figure(row, "error_to_tau", "{:.3f}"),
        "test error": _figure(row, "squared_error", "{:.4g}"),
        "from means": _figure(row, "squared_error_of_means", "{:.4g}"),
        "met": _share(row, "met"),
        "decided": _share(row, "decided"),
        "fixed": _share(row, "fixed"),
        "epoch": number(row["fixed_epoch"], "{:.0f}"),
        "multiplier's bound": number(row["max_multiplier"], "{:g}"),
        "seconds": number(row["seconds"], "{:.0f}"),
        "of reference": number(row["reference_seconds"], "{:.0f}"),
    }


def _figure(row: Row, name: str, form: str) -> str:
    return pair(row[f"{name}_mean"], row[f"{name}_sd"], form, form)


def _share(row: Row, name: str) -> str:
    return "" if row[name] is None else f"{row[name]} of {row['runs']}"


def print_bottlenecks(
    summary: BottleneckSummary, console: Console | None = None
) -> None:
    """Print what came out and the table."""
    rows = [cells(row) for row in summary.rows]
    print_result(head_lines(summary), rows, NOTES, console)


def write_bottlenecks(
    summary: BottleneckSummary, output: pathlib.Path, extra: Mapping[str, Any]
) -> None:
    """Write the files of `table.TABLE_FILES`.

    Args:
        summary: The numbers.
        output: The experiment's folder; it must exist.
        extra: What else belongs into `summary.json`.
    """
    columns = {name: [row[name] for row in summary.rows] for name in COLUMNS}
    rows = [cells(row) for row in summary.rows]
    text = markdown_result(head_lines(summary), rows, NOTES)
    write_result(output, columns, text, {**summary.to_dict(), **extra})
