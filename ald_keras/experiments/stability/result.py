"""Result of an experiment on stability: sentences, table, figures."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING

from ald_keras._typing import JSON
from ald_keras.experiments.core.command import Kind
from ald_keras.experiments.core.jobs import FIXED, ONE_SHOT
from ald_keras.experiments.core.result import (
    Cells,
    NothingToReportError,
    Result,
    Row,
    mean_cell,
    number,
    pair,
)
from ald_keras.experiments.core.runs import find_runs, read_runs
from ald_keras.experiments.core.smallest_size import TOLERANCE
from ald_keras.experiments.stability.plan import ESTIMATES
from ald_keras.experiments.stability.summary import StabilitySummary, summarize

if TYPE_CHECKING:
    from ald_keras.reports.drawings import Drawing

LABELS = {
    "fixed": "fixed size",
    "oneshot": "one-shot removal",
    "pca_95": "PCA, 95 % of the variance",
    "minka": "PCA, Minka's estimate",
    "two_nn": "TwoNN",
}

NOTES = (
    "Mean ± standard deviation over runs; epochs are counted from 1; ELBO and "
    "reconstruction loss in nats per sample of the test part."
)


def stability_result(output: pathlib.Path, settings: JSON) -> Result:
    """The result of the runs that are there, as `Kind.summarize` describes it."""
    runs = read_runs(output)
    estimates: JSON = {}
    for run in find_runs(output):
        estimates |= run.record.get("estimates", {})
    if not runs and not estimates:
        raise NothingToReportError(f"{output} holds no whole run to report on.")
    summary = summarize(runs, estimates)

    def draw() -> list[Drawing]:
        # Loads matplotlib.
        from ald_keras.experiments.stability.drawings import draw_stability

        return draw_stability(runs)

    return Result(
        answers(summary),
        summary.rows,
        [cells(row) for row in summary.rows],
        NOTES,
        {**dataclasses.asdict(summary), ESTIMATES: estimates},
        draw,
    )


KIND = Kind("stability", stability_result)


def answers(summary: StabilitySummary) -> list[str]:
    """The smallest sufficient size, and what each rule found over all its starts."""
    last = {row["run"]: row for row in summary.rows if row["fixed"] is not None}
    found = [
        f"Rule “{name}”: {_range(row)} dimensions, {row['dims_mean']:.1f} on average "
        f"over {row['runs']} runs, {row['fixed']} of them fixed."
        for name, row in last.items()
        if name != ONE_SHOT
    ]
    return _sufficient_lines(summary) + found


def _range(row: Row) -> str:
    low, high = row["dims_min"], row["dims_max"]
    return str(low) if low == high else f"{low} to {high}"


def _sufficient_lines(summary: StabilitySummary) -> list[str]:
    found, reconstruction = summary.smallest_sufficient_size, summary.by_reconstruction
    if found is None or reconstruction is None:
        return ["Smallest sufficient size: unknown, no fixed size has been trained."]
    share = f"{100 * TOLERANCE:g} %"
    lines = [
        f"Smallest sufficient size: {found.size} dimensions, the smallest fixed size "
        f"whose mean test ELBO, {found.value:.2f} nats, loses at most {share} of the "
        f"gain of the best, {found.best:.2f} nats with {found.best_size}.",
        f"Active units of the largest fixed size, {summary.largest_fixed}: "
        f"{summary.active_units:.1f}. Smallest sufficient size by the test "
        f"reconstruction loss: {reconstruction.size} dimensions (within {share} of the "
        f"gain of {-reconstruction.best:.2f} nats).",
    ]
    if found.size == summary.largest_fixed:
        lines.append("This is the largest size trained: a larger one may be better.")
    return lines


def cells(row: Row) -> Cells:
    """A row as text by the name of its column."""
    start, sized = row["start"], row["run"] == FIXED
    fixed = interval = spread = ""
    if row["fixed"] is not None:
        fixed = f"{row['fixed']} / {row['not_fixed']}"
        count = row["inconclusive"]
        fixed += f" ({count} inconclusive)" if count else ""
    if row["dims_low"] is not None and not sized:
        interval = f"{row['dims_low']:.1f} to {row['dims_high']:.1f}"
    if start is not None and not sized:
        spread = f"{row['dims_min']} to {row['dims_max']}"
    same = number(row["elbo_to_same_size"], "{:+.2f}")
    if same and row["same_size_runs"] < row["runs"]:
        same += f" ({row['same_size_runs']} runs)"
    dims_sd = None if sized else row["dims_sd"]
    whole = dims_sd is None and isinstance(row["dims_min"], int)
    slow = (row["seconds"] or 0) >= 10
    return {
        "run": str(LABELS.get(row["run"], row["run"])),
        "start": "" if start is None else str(start),
        "runs": str(row["runs"]),
        "dimensions": pair(
            row["dims_mean"], dims_sd, "{:.0f}" if whole else "{:.1f}", "{:.1f}"
        ),
        "95 % interval": interval,
        "min to max": spread,
        "fixed / not": fixed,
        "epoch": number(row["fixed_epoch"], "{:.0f}"),
        "step": number(row["fixed_step"], "{:.0f}"),
        "ELBO": mean_cell(row, "elbo", "{:.2f}"),
        "reconstruction": mean_cell(row, "reconstruction_loss", "{:.2f}"),
        "silhouette": mean_cell(row, "silhouette", "{:.3f}"),
        "Frechet, rec.": mean_cell(row, "frechet_reconstruction", "{:.3g}"),
        "Frechet, gen.": mean_cell(row, "frechet_generation", "{:.3g}"),
        "ELBO to best": number(row["elbo_to_best"], "{:+.2f}"),
        "to same size": same,
        "seconds": number(row["seconds"], "{:.0f}" if slow else "{:.2f}"),
    }
