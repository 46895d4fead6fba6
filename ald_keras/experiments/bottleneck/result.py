"""Result of an experiment on bottlenecks: sentences, table, figures."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING

from ald_keras._typing import JSON
from ald_keras.experiments.bottleneck.plan import (
    ALD,
    MAY_DIFFER,
    REFERENCE,
    find_bound,
)
from ald_keras.experiments.bottleneck.summary import (
    CLOSE,
    GATED,
    BottleneckSummary,
    summarize_bottlenecks,
)
from ald_keras.experiments.core.command import Kind
from ald_keras.experiments.core.manifest import find_failures
from ald_keras.experiments.core.result import (
    Cells,
    NothingToReportError,
    Result,
    Row,
    mean_cell,
    number,
    pair,
)
from ald_keras.experiments.core.runs import read_runs

if TYPE_CHECKING:
    from ald_keras.reports.drawings import Drawing

LABELS = {GATED: "GECO + gates", ALD: "ALD"}

NOTES = (
    "Mean ± standard deviation over runs. n: dimensions of the reference, which is "
    "trained without gates for the lowest error; that error on validation data is "
    "tau. Budget: epochs as a multiple of the reference's. Squared errors are summed "
    "over the values of a sample, from sampled codes unless it says from means. "
    "Feasible: "
    "validation error, from sampled codes and with the gates as at inference, within "
    "2 % of tau. Decided: every gate's probability below 0.05 or above 0.95. Fixed: "
    "whether fewer gates would do was tried to the end; epochs are counted from 1. "
    "Seconds are those of training."
)


def bottleneck_result(output: pathlib.Path, settings: JSON) -> Result:
    """The result of the runs that are there, as `Kind.summarize` describes it."""
    runs = read_runs(output, MAY_DIFFER)
    if not runs:
        raise NothingToReportError(f"{output} holds no whole run to report on.")
    summary = summarize_bottlenecks(runs)

    def draw() -> list[Drawing]:
        # Loads matplotlib.
        from ald_keras.experiments.bottleneck.drawings import draw_bottlenecks

        return draw_bottlenecks(runs)

    return Result(
        answers(summary),
        summary.rows,
        [cells(row) for row in summary.rows],
        NOTES,
        dataclasses.asdict(summary),
        draw,
    )


def bottleneck_failures(output: pathlib.Path, settings: JSON) -> dict[str, str]:
    """What has failed, with references whose error can be no bound."""
    failures = find_failures(output)
    for run in read_runs(output, MAY_DIFFER):
        if run.group == REFERENCE:
            _, problem = find_bound(output, run.job)
            failures |= {run.job.name: problem} if problem else {}
    return failures


KIND = Kind("bottleneck", bottleneck_result, bottleneck_failures)


def answers(summary: BottleneckSummary) -> list[str]:
    """A sentence for each budget."""
    lines = [
        f"Budget {row['budget']:g}: of {_runs(row['runs'])}, "
        f"{row['feasible_and_decided']} met tau with all gates decided, {row['close']} "
        f"ended with at most n + {CLOSE} open gates, {row['all_three']} did both."
        for row in summary.budgets
    ]
    return lines or ["No gated run is whole yet."]


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def cells(row: Row) -> Cells:
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
        "error / tau": mean_cell(row, "error_to_tau", "{:.3f}"),
        "test error": mean_cell(row, "squared_error", "{:.4g}"),
        "from means": mean_cell(row, "squared_error_of_means", "{:.4g}"),
        "feasible": _share(row, "feasible"),
        "decided": _share(row, "decided"),
        "fixed": _share(row, "fixed"),
        "epoch": number(row["fixed_epoch"], "{:.0f}"),
        "multiplier's bound": number(row["max_multiplier"], "{:g}"),
        "seconds": number(row["seconds"], "{:.0f}"),
        "of reference": number(row["reference_seconds"], "{:.0f}"),
    }


def _share(row: Row, name: str) -> str:
    return "" if row[name] is None else f"{row[name]} of {row['runs']}"
