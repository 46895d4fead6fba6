"""Figures of an experiment on bottlenecks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ald_keras.experiments.bottleneck.summary import budget_of, feasible_and_decided
from ald_keras.experiments.core.runs import Run
from ald_keras.experiments.core.saved_runs import load_curves
from ald_keras.reports.drawings import Drawing
from ald_keras.reports.figures import OpenGates, gates_figure, starts_figure


def draw_bottlenecks(runs: Sequence[Run]) -> list[Drawing]:
    """Draw the gated runs of an experiment on bottlenecks.

    Args:
        runs: The experiment's whole runs.

    Returns:
        Drawings: open gates by the reference's size; the runs of each budget.
    """
    groups: dict[float, list[Run]] = {}
    for run in runs:
        budget = budget_of(run)
        if budget is not None:
            groups.setdefault(budget, []).append(run)
    if not groups:
        return []
    ordered = {budget: groups[budget] for budget in sorted(groups)}
    each = [_narrowing(budget, gated) for budget, gated in ordered.items()]
    return [_gates(ordered), *each]


def _gates(groups: Mapping[float, Sequence[Run]]) -> Drawing:
    ends = [
        OpenGates(
            f"budget {budget:g}",
            run.size,
            run.active_dims,
            feasible_and_decided(run),
        )
        for budget, runs in groups.items()
        for run in runs
    ]
    caption = (
        "Gates open at the end of each run, under the lowest error of a network of n "
        "dimensions; hollow where tau was not met or gates were undecided. Budget: "
        "epochs as a multiple of the reference's."
    )
    alt = f"Open gates of {len(ends)} runs by the dimensions of their references."
    return Drawing("gates", gates_figure(ends), caption, alt)


def _narrowing(budget: float, runs: Sequence[Run]) -> Drawing:
    curves = []
    for size in sorted({run.size for run in runs}):
        members = [run for run in runs if run.size == size]
        ends = ", ".join(str(run.active_dims) for run in members)
        curves += [load_curves(run.folder, f"n = {size}: {ends}") for run in members]
    caption = (
        f"Gated runs with {budget:g} times the epochs of their references. The legend "
        "gives the dimensions of the reference and the open gates they ended with."
    )
    alt = f"Open gates and loss over epochs of {len(runs)} gated runs."
    return Drawing(f"gates-b{budget:g}", starts_figure(curves), caption, alt)
