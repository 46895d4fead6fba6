"""The figures of experiments with their captions."""

from __future__ import annotations

import dataclasses
import pathlib
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from ald_keras.experiments.bottleneck.plan import budget_of
from ald_keras.experiments.bottleneck.summary import met_and_decided
from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.summary import (
    ROUND,
    SCRATCH,
    TRIAL,
    ComparisonSummary,
)
from ald_keras.experiments.core.edge import TOLERANCE, right_answer
from ald_keras.experiments.core.runs import FIXED, ONE_SHOT, Run, run_name
from ald_keras.experiments.core.saved_runs import load_curves
from ald_keras.experiments.core.summary import baseline_of, fixed_figures, mean_and_sd
from ald_keras.experiments.curve.summary import elbo_at, read_size_curves
from ald_keras.metrics import SizeCurve
from ald_keras.reports.drawings import Drawing
from ald_keras.reports.figures import (
    Cost,
    Curves,
    OpenGates,
    SizeLine,
    SizePoint,
    costs_figure,
    gates_figure,
    scratch_figure,
    size_curve_figure,
    sizes_figure,
    starts_figure,
)


def draw_experiment(output: pathlib.Path, runs: Sequence[Run]) -> list[Drawing]:
    """Draw what the runs of an experiment on stability allow.

    Args:
        output: The experiment's folder.
        runs: Its whole runs.

    Returns:
        Drawings: the ELBO by size; for each rule its runs from all starts, and its
        commonest answer against that size from scratch.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    fixed = groups.pop(FIXED, [])
    groups.pop(ONE_SHOT, None)
    drawings = [_sizes(fixed, groups)] if fixed or groups else []
    for group, members in groups.items():
        drawings += _rule(output, group, members, fixed)
    return drawings


def draw_comparison(
    output: pathlib.Path,
    runs: Sequence[Run],
    comparison: Comparison,
    summary: ComparisonSummary,
) -> list[Drawing]:
    """Draw what the runs of a comparison allow.

    Args:
        output: The comparison's folder.
        runs: Its whole runs.
        comparison: Its searches and rules.
        summary: Its numbers.

    Returns:
        Drawings: the ELBO by seconds; the ELBO by size, with the trials of the first
        search; for each rule its runs, and its commonest answer against that size from
        scratch.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    first = comparison.searches[0]
    trials = groups.get(first.group(first.epochs), [])
    fixed = [dataclasses.replace(trial, group=FIXED) for trial in trials]
    rules = {rule: groups[rule] for rule in comparison.rules if rule in groups}
    drawings = [_costs(summary)]
    pruned = [run for members in rules.values() for run in members]
    curves = read_size_curves(output, pruned, elastic=False)
    drawings += _curve_drawings(curves, fixed_figures(fixed))
    if fixed or rules:
        drawings.append(_sizes(fixed, rules, definitive=False))
    for rule, members in rules.items():
        drawings += _rule(output, rule, members, groups.get(FIXED, []))
    return drawings


def draw_curves(output: pathlib.Path, runs: Sequence[Run]) -> list[Drawing]:
    """Draw size curves, each kind of elastic run beside the sizes from scratch.

    Args:
        output: The experiment's folder.
        runs: Its whole runs.
    """
    return _curve_drawings(read_size_curves(output, runs), fixed_figures(runs))


def _curve_drawings(
    groups: Mapping[str, Mapping[int, SizeCurve]],
    scratch: Mapping[int, Sequence[float]],
) -> list[Drawing]:
    """Each kind of run beside the sizes from scratch."""
    return [
        curve_drawing(
            f"size-curve-{group}",
            {f"one run, seed {seed}": curve for seed, curve in curves.items()},
            scratch,
        )
        for group, curves in groups.items()
    ]


def curve_drawing(
    name: str,
    curves: Mapping[str, SizeCurve],
    scratch: Mapping[int, Sequence[float]],
) -> Drawing:
    """Draw size curves beside sizes from scratch.

    Args:
        name: Name of the drawing.
        curves: Mapping from labels to curves, at least one.
        scratch: Mapping from sizes to test ELBO, one a seed; may be empty.
    """
    lines = [
        SizeLine(label, curve.sizes, curve.increase, curve.standard_error)
        for label, curve in curves.items()
    ]
    full = statistics.fmean(elbo_at(c, c.sizes[-1]) for c in curves.values())
    points = []
    for size in sorted(scratch):
        mean, sd = mean_and_sd(scratch[size])
        points.append(SizePoint(size, full - (mean or 0.0), sd))
    gains = [curve.gain for curve in curves.values() if curve.gain is not None]
    tolerance = TOLERANCE * statistics.fmean(gains) if gains else None
    caption = (
        "Loss at each latent size, above that of the full size: of one network, and of "
        "networks trained at that size. Unless the one network was trained with "
        "sampled sizes, its curve is an upper bound."
    )
    alt = f"Increase of the loss by latent size, {len(points)} sizes from scratch."
    figure = size_curve_figure(lines, points, tolerance)
    return Drawing(name, figure, caption, alt)


def draw_bottlenecks(output: pathlib.Path, runs: Sequence[Run]) -> list[Drawing]:
    """Draw the gated runs of an experiment on bottlenecks.

    Args:
        output: The experiment's folder.
        runs: Its whole runs.

    Returns:
        Drawings: open gates by the reference's size; the runs of each budget.
    """
    groups: dict[float, list[Run]] = {}
    for run in runs:
        budget = budget_of(run.group)
        if budget is not None:
            groups.setdefault(budget, []).append(run)
    if not groups:
        return []
    ordered = {budget: groups[budget] for budget in sorted(groups)}
    each = [_narrowing(output, budget, gated) for budget, gated in ordered.items()]
    return [_gates(ordered), *each]


def _gates(groups: Mapping[float, Sequence[Run]]) -> Drawing:
    ends = [
        OpenGates(
            f"budget {budget:g}",
            run.start,
            int(run.record["active_dims"]),
            met_and_decided(run),
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


def _narrowing(output: pathlib.Path, budget: float, runs: Sequence[Run]) -> Drawing:
    curves = []
    for size in sorted({run.start for run in runs}):
        members = [run for run in runs if run.start == size]
        ends = ", ".join(str(run.record["active_dims"]) for run in members)
        curves += [_curves(output, run, f"n = {size}: {ends}") for run in members]
    caption = (
        f"Gated runs with {budget:g} times the epochs of their references. The legend "
        "gives the dimensions of the reference and the open gates they ended with."
    )
    alt = f"Open gates and loss over epochs of {len(runs)} gated runs."
    return Drawing(f"gates-b{budget:g}", starts_figure(curves), caption, alt)


def _costs(summary: ComparisonSummary) -> Drawing:
    titles = dict.fromkeys((TRIAL, SCRATCH), "one fixed size")
    spread = {row["run"] for row in summary.rows if row["workers"]}
    costs = [
        Cost(
            titles.get(str(row["what"]), str(row["run"])),
            row["seconds_mean"],
            row["elbo_mean"],
            row["elbo_sd"],
            background=row["what"] in titles,
        )
        for row in summary.rows
        if row["what"] != ROUND and row["run"] not in spread
    ]
    caption = (
        "Test ELBO, the higher the better, and what it has cost: a search all its "
        "trials, a rule its one run. Means over seeds, with standard deviations."
    )
    if spread:
        caption += (
            " Searches that were spread over workers are left out: their seconds are "
            "not those of one machine."
        )
    alt = "Test ELBO against seconds of training of searches and of pruning runs."
    return Drawing("costs", costs_figure(costs), caption, alt)


def _rule(
    output: pathlib.Path, group: str, runs: Sequence[Run], fixed: Sequence[Run]
) -> list[Drawing]:
    return [_starts(output, group, runs), *_scratch(output, group, runs, fixed)]


def _sizes(
    fixed: Sequence[Run], groups: dict[str, list[Run]], definitive: bool = True
) -> Drawing:
    """The ELBO by size, and the right answer unless too few sizes were trained."""
    elbos = fixed_figures(fixed)
    edge = right_answer(elbos, baseline_of(fixed)) if elbos and definitive else None
    found = {
        group: [
            (int(run.record["active_dims"]), float(run.record["test"]["elbo"]))
            for run in members
        ]
        for group, members in groups.items()
    }
    answer = None if edge is None else edge.size
    least = None if edge is None else edge.least
    figure = sizes_figure(elbos, found, answer, least)
    caption = "Test ELBO by latent dimensions, the higher the better."
    if edge is not None:
        caption += (
            f" The right answer, {edge.size}, is the smallest size that loses at most "
            f"{100 * TOLERANCE:g} % of the best size's gain."
        )
    alt = "Test ELBO of networks of fixed size by size, and of pruned networks."
    return Drawing("sizes", figure, caption, alt)


def _starts(output: pathlib.Path, group: str, runs: Sequence[Run]) -> Drawing:
    curves = []
    for start in sorted({run.start for run in runs}, reverse=True):
        members = [run for run in runs if run.start == start]
        ends = ", ".join(str(run.record["active_dims"]) for run in members)
        curves += [_curves(output, run, f"from {start}: {ends}") for run in members]
    seeds = len({run.seed for run in runs})
    caption = (
        f"Runs of “{group}” from each starting size, {seeds} "
        f"seed{'s' if seeds > 1 else ''}. The legend gives the sizes they ended with."
    )
    alt = f"Active dimensions and loss over epochs of {len(runs)} runs of {group}."
    return Drawing(f"starts-{group}", starts_figure(curves), caption, alt)


def _scratch(
    output: pathlib.Path, group: str, runs: Sequence[Run], fixed: Sequence[Run]
) -> list[Drawing]:
    """The commonest answer of which there are runs from scratch; else nothing."""
    trained = {run.start for run in fixed}
    sizes = Counter(run.record["active_dims"] for run in runs)
    # Of equally common ones the smaller, so that the figure is always the same.
    size = min(
        (size for size in sizes if size in trained),
        key=lambda size: (-sizes[size], size),
        default=None,
    )
    if size is None:
        return []
    pruned = [
        _curves(output, run, f"pruned to {size} by “{group}”")
        for run in runs
        if run.record["active_dims"] == size
    ]
    scratch = [
        _curves(output, run, f"{size} dimensions from scratch")
        for run in fixed
        if run.start == size
    ]
    caption = (
        f"{len(pruned)} runs that “{group}” ended with {size} dimensions, and "
        f"{len(scratch)} of this size trained from scratch; the lines across are means."
    )
    alt = f"Metrics of runs pruned to {size} dimensions and of runs from scratch."
    return [Drawing(f"scratch-{group}", scratch_figure(pruned, scratch), caption, alt)]


def _curves(output: pathlib.Path, run: Run, label: str) -> Curves:
    return load_curves(output / run_name(run.group, run.start, run.seed), label)
