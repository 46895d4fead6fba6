"""Result of an experiment on size curves: sentences, table, figures."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING

from ald_keras._typing import JSON
from ald_keras.experiments.core.command import Kind
from ald_keras.experiments.core.result import Cells, Result, Row, number, pair
from ald_keras.experiments.core.runs import read_runs
from ald_keras.experiments.curve.summary import BELOW, CurveSummary, summarize_curves
from ald_keras.rules.tolerance import TOLERANCE

if TYPE_CHECKING:
    from ald_keras.reports.drawings import Drawing

NOTES = (
    "ELBO in nats per sample of the test part, mean ± standard deviation over seeds. "
    "Increase: loss at this size minus loss at the full size, same weights, samples "
    "and noise, ± its standard error. Excess: ELBO from scratch minus that of the "
    "curve. Allowed: the larger of 0.5 % of the gain and two sd from scratch."
)


def curve_result(output: pathlib.Path, settings: JSON) -> Result:
    """The result of the runs that are there, as `Kind.summarize` describes it."""
    runs = read_runs(output)
    summary = summarize_curves(output, runs)

    def draw() -> list[Drawing]:
        # Loads matplotlib.
        from ald_keras.experiments.curve.drawings import draw_curves

        return draw_curves(runs)

    return Result(
        answers(summary),
        summary.rows,
        [cells(row) for row in summary.rows],
        NOTES,
        dataclasses.asdict(summary),
        draw,
    )


KIND = Kind("curve", curve_result)


def answers(summary: CurveSummary) -> list[str]:
    """The gain, and a sentence for each group of elastic runs."""
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
    size = run["smallest_sufficient_size"]
    if size is not None:
        within = "within" if run["within"] else "not within"
        parts.append(
            f"from scratch it is {size}; from {size - BELOW} up the curve is {within} "
            "what is allowed"
        )
    if run["full"] is not None:
        parts.append(f"full size {run['full']:+.2f} nats against scratch")
    if run["seconds"] and run["grid_seconds"]:
        ratio = run["grid_seconds"] / run["seconds"]
        parts.append(f"the sizes from scratch took {ratio:.1f} times as long")
    return f"{group}: {'; '.join(parts)}."


def cells(row: Row) -> Cells:
    """A row as text by the name of its column."""
    increase = pair(row["increase"], row["standard_error"], "{:+.2f}", "{:.2f}")
    scratch = pair(row["scratch_elbo"], row["scratch_sd"], "{:.2f}")
    missed = row["excess"] is not None and row["excess"] > row["allowed"]
    return {
        "size": str(row["size"]),
        "from scratch": scratch,
        "runs": str(row["scratch_runs"] or ""),
        "curve of": row["run"],
        "ELBO": pair(row["curve_elbo"], row["curve_sd"], "{:.2f}"),
        "seeds": str(row["curve_runs"]),
        "increase": increase,
        "excess": number(row["excess"], "{:+.2f}") + (" (more)" if missed else ""),
        "allowed": "" if row["excess"] is None else number(row["allowed"], "{:.2f}"),
    }
