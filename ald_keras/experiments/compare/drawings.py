"""Figures of a comparison."""

from __future__ import annotations

import pathlib

from ald_keras.experiments.compare.plan import ComparisonPlan
from ald_keras.experiments.compare.summary import (
    ROUND,
    SCRATCH,
    TRIAL,
    ComparisonSummary,
)
from ald_keras.experiments.core.jobs import FIXED
from ald_keras.experiments.core.runs import read_runs
from ald_keras.experiments.core.statistics import groups_of, metrics_by_size
from ald_keras.experiments.curve.drawings import curve_drawings
from ald_keras.experiments.curve.summary import read_size_curves
from ald_keras.experiments.stability.drawings import rule_drawings, sizes_drawing
from ald_keras.reports.drawings import Drawing
from ald_keras.reports.figures import Cost, costs_figure


def draw_comparison(
    plan: ComparisonPlan, output: pathlib.Path, summary: ComparisonSummary
) -> list[Drawing]:
    """Draw what the runs of a comparison allow.

    Args:
        plan: Its searches, rules and seeds.
        output: Its folder.
        summary: Its numbers.

    Returns:
        Drawings: the ELBO by seconds; the size curve of each rule; the ELBO by size,
        with the trials of the first search; for each rule its runs, and its most
        frequent size against that size from scratch.
    """
    groups = groups_of(run for run in read_runs(output) if run.seed < plan.seeds)
    first = plan.comparison.hp_searches[0]
    trials = groups.get(first.group(first.epochs), [])
    rules = {rule: groups[rule] for rule in plan.comparison.rules if rule in groups}
    pruned = [run for members in rules.values() for run in members]
    curves = read_size_curves(pruned, elastic=False)
    drawings = [_costs(summary), *curve_drawings(curves, metrics_by_size(trials))]
    if trials or rules:
        drawings.append(sizes_drawing(trials, rules, definitive=False))
    for rule, members in rules.items():
        drawings += rule_drawings(rule, members, groups.get(FIXED, []))
    return drawings


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
