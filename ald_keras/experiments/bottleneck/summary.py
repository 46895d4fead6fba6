"""Numbers of an experiment on bottlenecks: how close to the references gates come."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

from ald_keras.experiments.bottleneck.plan import ALD, REFERENCE
from ald_keras.experiments.core.result import Row
from ald_keras.experiments.core.runs import Run
from ald_keras.experiments.core.statistics import (
    fix_statistics,
    mean_of,
    size_statistics,
    with_sd,
)

# Metrics with a mean and a deviation; squared errors are of the test part.
METRICS = ("error_to_tau", "squared_error", "squared_error_of_means")

# Keys of every row.
COLUMNS = (
    *("run", "reference", "start", "budget", "runs", "epochs", "tau"),
    *("dims_mean", "dims_sd", "dims_low", "dims_high", "dims_min", "dims_max"),
    *(f"{name}_{statistic}" for name in METRICS for statistic in ("mean", "sd")),
    *("feasible", "decided", "feasible_and_decided", "close", "all_three"),
    *("fixed", "fixed_epoch", "max_multiplier", "seconds", "reference_seconds"),
)

# Open gates beyond the reference's dimensions that are still close.
CLOSE = 1

GATED = "gated"

# What is known of a gated run's bound.
_BOUND = {"tau", "error", "feasible", "undecided_gates"}


@dataclasses.dataclass(frozen=True)
class BottleneckSummary:
    """An experiment in numbers.

    Args:
        rows: One mapping a row of the table, all with the keys `COLUMNS`, `run` being
            `GATED` or `ALD`; `None` where there is no value. `met`, `decided`,
            `close` (at most `CLOSE` open gates more than the reference has dimensions)
            and so on count runs.
        budgets: One mapping a budget with such counts over all sizes.
    """

    rows: list[Row]
    budgets: list[Row]


def summarize_bottlenecks(runs: Sequence[Run]) -> BottleneckSummary:
    """Put an experiment's runs into numbers.

    Args:
        runs: What `read_runs` gave.

    Raises:
        ValueError: If a gated run does not belong to the reference that is there.
    """
    references = {(r.size, r.seed): r for r in runs if r.group == REFERENCE}
    gated: dict[tuple[int, int, float], list[Run]] = {}
    ald: dict[int, list[Run]] = {}
    for run in runs:
        budget = budget_of(run)
        if budget is not None:
            _check_bound(run, references.get((run.size, run.seed)))
            key = (run.size, run.config.latent_dim, budget)
            gated.setdefault(key, []).append(run)
        elif run.group == ALD:
            ald.setdefault(run.size, []).append(run)
    keyed: dict[tuple[float, int, float], Row] = {
        key: _gated_row(key, members, references) for key, members in gated.items()
    }
    for start, members in ald.items():
        # Below the gated runs of the smallest reference with this start.
        reference = min((n for n, s, _ in gated if s == start), default=math.inf)
        keyed[reference, start, math.inf] = _row(ALD, start, members)
    by_budget: dict[float, list[Run]] = {}
    for (_, _, budget), members in gated.items():
        by_budget.setdefault(budget, []).extend(members)
    return BottleneckSummary(
        rows=[keyed[key] for key in sorted(keyed)],
        budgets=[
            {"budget": budget, **_counts(by_budget[budget])}
            for budget in sorted(by_budget)
        ],
    )


def budget_of(run: Run) -> float | None:
    """Budget of a gated run, or `None` of other runs."""
    budget: float | None = run.job.facts.get("budget")
    return budget


def _check_bound(run: Run, reference: Run | None) -> None:
    bound = run.record.get("bound") or {}
    if not bound.keys() >= _BOUND:
        raise ValueError(
            f"{run.job.name}: `bound` in run.json must hold {sorted(_BOUND)}. "
            f"Received: {sorted(bound)}"
        )
    if reference is None:
        return
    lowest = (reference.record.get("bound") or {}).get("lowest_error")
    if lowest != bound["tau"]:
        raise ValueError(
            f"{run.job.name} must have the lowest error of "
            f"{reference.job.name} as its bound: move it away. "
            f"Received: {bound['tau']} there, {lowest} of the reference"
        )


def _gated_row(
    key: tuple[int, int, float],
    runs: Sequence[Run],
    references: Mapping[tuple[int, int], Run],
) -> Row:
    size, start, budget = key
    bounds = [run.record["bound"] for run in runs]
    found = [references.get((run.size, run.seed)) for run in runs]
    measured = [run.record for run in found if run is not None]
    limits = [record["bound"].get("max_multiplier") for record in measured]
    return {
        **_row(GATED, start, runs),
        "reference": size,
        "budget": budget,
        "tau": mean_of(bound["tau"] for bound in bounds),
        **with_sd("error_to_tau", [bound["error"] / bound["tau"] for bound in bounds]),
        **_counts(runs),
        "max_multiplier": mean_of(limits),
        "reference_seconds": mean_of(record.get("seconds") for record in measured),
    }


def _row(name: str, start: int, runs: Sequence[Run]) -> Row:
    """Values of gated runs and of those of ALD alike."""
    fixed = fix_statistics([run.record for run in runs])
    row: Row = {
        **dict.fromkeys(COLUMNS),
        "run": name,
        "start": start,
        "runs": len(runs),
        "epochs": runs[0].config.epochs,
        **size_statistics([run.active_dims for run in runs]),
        "fixed": fixed["fixed"],
        "fixed_epoch": fixed["fixed_epoch"],
        "seconds": mean_of(run.record.get("seconds") for run in runs),
    }
    for metric in ("squared_error", "squared_error_of_means"):
        row |= with_sd(metric, [run.metric(metric) for run in runs])
    return row


def _counts(runs: Iterable[Run]) -> Row:
    """Of how many gated runs something is true."""
    ends = [_end(run) for run in runs]
    return {
        "runs": len(ends),
        "feasible": sum(feasible for feasible, _, _ in ends),
        "decided": sum(decided for _, decided, _ in ends),
        "feasible_and_decided": sum(f and decided for f, decided, _ in ends),
        "close": sum(close for _, _, close in ends),
        "all_three": sum(all(each) for each in ends),
    }


def feasible_and_decided(run: Run) -> bool:
    """Whether a gated run ended with all gates decided, within its bound."""
    feasible, decided, _ = _end(run)
    return feasible and decided


def _end(run: Run) -> tuple[bool, bool, bool]:
    """Whether tau is met, all gates are decided, and few enough are open."""
    bound = run.record["bound"]
    return (
        bool(bound["feasible"]),
        bound["undecided_gates"] == 0,
        run.active_dims <= run.size + CLOSE,
    )
