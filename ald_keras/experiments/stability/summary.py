"""Numbers of an experiment on stability, row by row."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from ald_keras.experiments.core.jobs import FIXED, ONE_SHOT, differences
from ald_keras.experiments.core.result import Row
from ald_keras.experiments.core.runs import Run
from ald_keras.experiments.core.smallest_size import (
    SufficientSize,
    smallest_sufficient_size,
)
from ald_keras.experiments.core.statistics import (
    fix_statistics,
    groups_of,
    mean_baseline_nll,
    mean_of,
    metrics_by_size,
    size_statistics,
    with_sd,
)
from ald_keras.experiments.stability.dimension_estimates import Estimate

# Metrics of the test part, in nats per sample where they are losses.
METRICS = (
    "elbo",
    "reconstruction_loss",
    "silhouette",
    "frechet_reconstruction",
    "frechet_generation",
)

# Keys of every row.
COLUMNS = (
    *("run", "start", "runs"),
    *("dims_mean", "dims_sd", "dims_low", "dims_high", "dims_min", "dims_max"),
    *("fixed", "not_fixed", "inconclusive", "fixed_epoch", "fixed_step"),
    *(f"{name}_{statistic}" for name in METRICS for statistic in ("mean", "sd")),
    *("elbo_to_best", "elbo_to_same_size", "same_size_runs", "seconds"),
)

# What a run and the fixed sizes it is compared with may differ in.
_MAY_DIFFER = ("rule", "method", "latent_dim", "seed", "probe")


@dataclasses.dataclass(frozen=True)
class StabilitySummary:
    """An experiment in numbers.

    Args:
        rows: One mapping a row of the table, keys `COLUMNS`; `None` where there is no
            value.
        smallest_sufficient_size: That by the test ELBO, or `None` without fixed runs.
        by_reconstruction: The same by the reconstruction loss, negated.
        largest_fixed: Integer, the largest fixed size, or `None`.
        active_units: Float, mean active units of the largest fixed size, or `None`.
    """

    rows: list[Row]
    smallest_sufficient_size: SufficientSize | None
    by_reconstruction: SufficientSize | None
    largest_fixed: int | None
    active_units: float | None


def summarize(
    runs: Sequence[Run], estimates: Mapping[str, Estimate]
) -> StabilitySummary:
    """Put an experiment's runs into numbers.

    Args:
        runs: What `read_runs` returned.
        estimates: Mapping from names to dimension estimates; may be empty.
    """
    groups = groups_of(runs)
    fixed = groups.get(FIXED, [])
    elbos = metrics_by_size(fixed)
    losses = metrics_by_size(fixed, "reconstruction_loss")
    gains = {size: [-loss for loss in losses[size]] for size in losses}
    baseline = mean_baseline_nll(fixed)
    largest = max(elbos, default=None)
    last = {FIXED: 1, ONE_SHOT: 2}
    rows: list[Row] = []
    for group in sorted(groups, key=lambda name: (last.get(name, 0), name)):
        comparable = _is_comparable(groups[group], fixed)
        rows += _group_rows(group, groups[group], elbos if comparable else {})
    return StabilitySummary(
        rows + [_estimate_row(name, value) for name, value in estimates.items()],
        smallest_sufficient_size(elbos, baseline) if fixed else None,
        smallest_sufficient_size(gains, baseline) if fixed else None,
        largest,
        mean_of(r.metric("active_units") for r in fixed if r.size == largest),
    )


def _is_comparable(runs: Sequence[Run], fixed: Sequence[Run]) -> bool:
    """Whether fixed runs differ from these in their sizes alone."""
    if not fixed or runs[0].group in (FIXED, ONE_SHOT):
        return bool(fixed)
    return not differences(runs[0].config, fixed[0].config, _MAY_DIFFER)


def _group_rows(
    group: str, runs: Sequence[Run], elbos: Mapping[int, Sequence[float]]
) -> list[Row]:
    starts = sorted({run.size for run in runs}, reverse=group != FIXED)
    rows = [
        _row(group, start, [run for run in runs if run.size == start], elbos)
        for start in starts
    ]
    if group not in (FIXED, ONE_SHOT) and len(starts) > 1:
        rows.append(_row(group, "all", runs, elbos))
    return rows


def _row(
    group: str,
    start: int | str,
    runs: Sequence[Run],
    elbos: Mapping[int, Sequence[float]],
) -> Row:
    row: Row = {
        **dict.fromkeys(COLUMNS),
        "run": group,
        "start": start,
        "runs": len(runs),
        **size_statistics([run.active_dims for run in runs]),
        "seconds": mean_of(run.record.get("seconds") for run in runs),
    }
    if group != FIXED:
        row |= fix_statistics([run.record for run in runs])
    for name in METRICS:
        row |= with_sd(name, [run.metric(name) for run in runs])
    if elbos:
        row["elbo_to_best"] = row["elbo_mean"] - smallest_sufficient_size(elbos).best
    if elbos and group != FIXED:
        same = [
            run.record["test"]["elbo"] - statistics.fmean(elbos[run.active_dims])
            for run in runs
            if run.active_dims in elbos
        ]
        row |= {"elbo_to_same_size": mean_of(same), "same_size_runs": len(same)}
    return row


def _estimate_row(name: str, estimate: Estimate) -> Row:
    ends = dict.fromkeys(("dims_mean", "dims_min", "dims_max"), estimate["dims"])
    more = {"run": name, "runs": 1, "seconds": estimate["seconds"]}
    return {**dict.fromkeys(COLUMNS), **ends, **more}
