"""Figures of an experiment on stability, some of which a comparison has too."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from ald_keras.experiments.core.jobs import FIXED, ONE_SHOT
from ald_keras.experiments.core.runs import Run
from ald_keras.experiments.core.saved_runs import (
    load_curve_when_fixed,
    load_curves,
    scratch_points,
)
from ald_keras.experiments.core.smallest_size import (
    TOLERANCE,
    smallest_sufficient_size,
)
from ald_keras.experiments.core.statistics import (
    groups_of,
    mean_baseline_nll,
    metrics_by_size,
)
from ald_keras.reports.drawings import Drawing
from ald_keras.reports.figures import (
    SizeLine,
    scratch_figure,
    size_curve_figure,
    sizes_figure,
    starts_figure,
)


def draw_stability(runs: Sequence[Run]) -> list[Drawing]:
    """Draw what the runs of an experiment on stability allow.

    Args:
        runs: Its whole runs.

    Returns:
        Drawings: the ELBO by size; for each rule its runs from all starts, the size
        curves that its sizes were fixed on, and its most frequent size against that
        size from scratch.
    """
    groups = groups_of(runs)
    fixed = groups.pop(FIXED, [])
    groups.pop(ONE_SHOT, None)
    drawings = [sizes_drawing(fixed, groups)] if fixed or groups else []
    for group, members in groups.items():
        drawings += rule_drawings(group, members, fixed)
    return drawings


def sizes_drawing(
    fixed: Sequence[Run], groups: Mapping[str, Sequence[Run]], definitive: bool = True
) -> Drawing:
    """Draw the ELBO by size.

    Args:
        fixed: Runs of fixed size.
        groups: Pruning runs by rule.
        definitive: Boolean, mark the smallest sufficient size: enough sizes were
            trained. Defaults to `True`.
    """
    elbos = metrics_by_size(fixed)
    found = {
        group: [(run.active_dims, float(run.record["test"]["elbo"])) for run in members]
        for group, members in groups.items()
    }
    caption = "Test ELBO by latent dimensions, the higher the better."
    size = required = None
    if elbos and definitive:
        sufficient = smallest_sufficient_size(elbos, mean_baseline_nll(fixed))
        size, required = sufficient.size, sufficient.required
        caption += (
            f" The smallest sufficient size, {size}, loses at most "
            f"{100 * TOLERANCE:g} % of the best size's gain."
        )
    figure = sizes_figure(elbos, found, size, required)
    alt = "Test ELBO of networks of fixed size by size, and of pruned networks."
    return Drawing("sizes", figure, caption, alt)


def rule_drawings(
    group: str, runs: Sequence[Run], fixed: Sequence[Run]
) -> list[Drawing]:
    """Draw a rule's runs from all starts, and its most frequent size from scratch.

    Args:
        group: The rule or variant.
        runs: Its runs.
        fixed: Runs of fixed size; without one of a size found the second is left out.
    """
    curves = []
    for start in sorted({run.size for run in runs}, reverse=True):
        members = [run for run in runs if run.size == start]
        ends = ", ".join(str(run.active_dims) for run in members)
        curves += [load_curves(run.folder, f"from {start}: {ends}") for run in members]
    seeds = len({run.seed for run in runs})
    caption = (
        f"Runs of “{group}” from each starting size, {seeds} "
        f"seed{'s' if seeds > 1 else ''}. The legend gives the sizes they ended with."
    )
    alt = f"Active dimensions and loss over epochs of {len(runs)} runs of {group}."
    starts = Drawing(f"starts-{group}", starts_figure(curves), caption, alt)
    return [starts, *_when_fixed(group, runs, fixed), *_scratch(group, runs, fixed)]


def _when_fixed(group: str, runs: Sequence[Run], fixed: Sequence[Run]) -> list[Drawing]:
    """The size curves that sizes were fixed on, beside the sizes from scratch."""
    lines: dict[int, SizeLine] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        line = load_curve_when_fixed(run.folder, f"from {run.size}, seed {run.seed}")
        if line is not None:
            lines.setdefault(run.size, line)
    if not lines:
        return []
    elbos = metrics_by_size(fixed)
    best = max((statistics.fmean(values) for values in elbos.values()), default=0.0)
    points = scratch_points(elbos, best)
    caption = (
        f"The size curves on which “{group}” fixed the size, with the first seed from "
        "each starting size: loss at each size above that of the dimensions active "
        "then, on the probe. Points: networks of a fixed size, above the best of them, "
        "on the test part."
    )
    alt = f"Increase of the loss by latent size when {len(lines)} sizes were fixed."
    figure = size_curve_figure(list(lines.values()), points)
    return [Drawing(f"curves-{group}", figure, caption, alt)]


def _scratch(group: str, runs: Sequence[Run], fixed: Sequence[Run]) -> list[Drawing]:
    trained = {run.size for run in fixed}
    sizes = Counter(run.active_dims for run in runs)
    # Of equally frequent ones the smaller, so that the figure is always the same.
    size = min(
        (size for size in sizes if size in trained),
        key=lambda size: (-sizes[size], size),
        default=None,
    )
    if size is None:
        return []
    pruned = [
        load_curves(run.folder, f"pruned to {size} by “{group}”")
        for run in runs
        if run.active_dims == size
    ]
    scratch = [
        load_curves(run.folder, f"{size} dimensions from scratch")
        for run in fixed
        if run.size == size
    ]
    caption = (
        f"{len(pruned)} runs that “{group}” ended with {size} dimensions, and "
        f"{len(scratch)} of this size trained from scratch; the lines across are means."
    )
    alt = f"Metrics of runs pruned to {size} dimensions and of runs from scratch."
    return [Drawing(f"scratch-{group}", scratch_figure(pruned, scratch), caption, alt)]
