"""Numbers of an experiment on bottlenecks: how close to the references gates come."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ald_keras.experiments.bottleneck.plan import ALD, REFERENCE, budget_of
from ald_keras.experiments.core.runs import Run, run_name
from ald_keras.experiments.core.summary import (
    Row,
    fix_figures,
    mean_and_sd,
    size_figures,
)

# Figures with a mean and a deviation; squared errors are of the test part.
FIGURES = ("error_to_tau", "squared_error", "squared_error_of_means")

# Keys of every row.
COLUMNS = (
    *("run", "reference", "start", "budget", "runs", "epochs", "tau"),
    *("dims_mean", "dims_sd", "dims_low", "dims_high", "dims_min", "dims_max"),
    *(f"{name}_{figure}" for name in FIGURES for figure in ("mean", "sd")),
    *("met", "decided", "met_and_decided", "close", "all_three"),
    *("fixed", "fixed_epoch", "max_multiplier", "seconds", "reference_seconds"),
)

# Open gates beyond the reference's dimensions that are still close.
CLOSE = 1

GATED = "gated"

# What is known of a gated run's bound.
_BOUND = {"tau", "error", "met", "undecided_gates"}


@dataclasses.dataclass(frozen=True)
class BottleneckSummary:
    """An experiment in numbers.

    Args:
        rows: One mapping a row of the table, all with the keys `COLUMNS`, `run` being
            `GATED` or `ALD`; `None` where there is nothing to say. `met`, `decided`,
            `close` (at most `CLOSE` open gates more than the reference has dimensions)
            and so on count runs.
        budgets: One mapping a budget with such counts over all sizes.
    """

    rows: list[Row]
    budgets: list[Row]

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return dataclasses.asdict(self)


def summarize_bottlenecks(runs: Sequence[Run]) -> BottleneckSummary:
    """Put an experiment's runs into numbers.

    Args:
        runs: What `read_runs` gave.

    Raises:
        ValueError: If a gated run does not belong to the reference that is there.
    """
    references = {(r.start, r.seed): r for r in runs if r.group == REFERENCE}
    gated: dict[tuple[int, int, float], list[Run]] = {}
    ald: dict[int, list[Run]] = {}
    for run in runs:
        budget = budget_of(run.group)
        if budget is not None:
            _check_bound(run, references.get((run.start, run.seed)))
            key = (run.start, run.config.latent_dim, budget)
            gated.setdefault(key, []).append(run)
        elif run.group == ALD:
            ald.setdefault(run.start, []).append(run)
    keyed: dict[tuple[float, int, float], Row] = {
        key: _gated_row(key, members, references) for key, members in gated.items()
    }
    for start, members in ald.items():
        # Below the gated runs of the smallest reference with this start.
        reference = min((n for n, s, _ in gated if s == start), default=math.inf)
        keyed[reference, start, math.inf] = _row(ALD, start, members)
    return BottleneckSummary(
        rows=[keyed[key] for key in sorted(keyed)],
        budgets=[
            {"budget": budget, **_counts(_of_budget(gated, budget))}
            for budget in sorted({budget for _, _, budget in gated})
        ],
    )


def _of_budget(
    gated: dict[tuple[int, int, float], list[Run]], budget: float
) -> Iterator[Run]:
    for key, runs in gated.items():
        if key[2] == budget:
            yield from runs


def _check_bound(run: Run, reference: Run | None) -> None:
    bound = run.record.get("bound") or {}
    name = run_name(run.group, run.start, run.seed)
    if not bound.keys() >= _BOUND:
        raise ValueError(
            f"{name}: `bound` in run.json must hold {sorted(_BOUND)}. "
            f"Received: {sorted(bound)}"
        )
    if reference is None:
        return
    lowest = (reference.record.get("bound") or {}).get("lowest_error")
    if lowest != bound["tau"]:
        raise ValueError(
            f"{name} must have the lowest error of "
            f"{run_name(REFERENCE, run.start, run.seed)} as its bound: move it away. "
            f"Received: {bound['tau']} there, {lowest} of the reference"
        )


def _gated_row(
    key: tuple[int, int, float],
    runs: Sequence[Run],
    references: dict[tuple[int, int], Run],
) -> Row:
    size, start, budget = key
    bounds = [run.record["bound"] for run in runs]
    found = [references.get((run.start, run.seed)) for run in runs]
    measured = [run.record for run in found if run is not None]
    limits = [record["bound"].get("max_multiplier") for record in measured]
    ratios = [bound["error"] / bound["tau"] for bound in bounds]
    return {
        **_row(GATED, start, runs),
        "reference": size,
        "budget": budget,
        "tau": mean_and_sd([bound["tau"] for bound in bounds])[0],
        **_with_sd("error_to_tau", ratios),
        **{k: v for k, v in _counts(runs).items() if k != "runs"},
        "max_multiplier": mean_and_sd(limits)[0],
        "reference_seconds": mean_and_sd(r.get("seconds") for r in measured)[0],
    }


def _row(name: str, start: int, runs: Sequence[Run]) -> Row:
    """What is known of gated runs and of those of ALD alike."""
    records = [run.record for run in runs]
    fixed = fix_figures(records)
    return {
        **dict.fromkeys(COLUMNS),
        "run": name,
        "start": start,
        "runs": len(runs),
        "epochs": runs[0].config.epochs,
        **size_figures([float(record["active_dims"]) for record in records]),
        **_test_figures(records),
        "fixed": fixed["fixed"],
        "fixed_epoch": fixed["fixed_epoch"],
        "seconds": mean_and_sd(record.get("seconds") for record in records)[0],
    }


def _test_figures(records: Sequence[dict[str, Any]]) -> Row:
    figures: Row = {}
    for name in ("squared_error", "squared_error_of_means"):
        figures |= _with_sd(name, [record["test"].get(name) for record in records])
    return figures


def _with_sd(name: str, values: Iterable[Any]) -> Row:
    mean, sd = mean_and_sd(values)
    return {f"{name}_mean": mean, f"{name}_sd": sd}


def _counts(runs: Iterable[Run]) -> Row:
    """Of how many gated runs something is true."""
    told = [_told(run) for run in runs]
    return {
        "runs": len(told),
        "met": sum(met for met, _, _ in told),
        "decided": sum(decided for _, decided, _ in told),
        "met_and_decided": sum(met and decided for met, decided, _ in told),
        "close": sum(close for _, _, close in told),
        "all_three": sum(all(each) for each in told),
    }


def met_and_decided(run: Run) -> bool:
    """Whether a gated run ended with all gates decided, its bound met."""
    met, decided, _ = _told(run)
    return met and decided


def _told(run: Run) -> tuple[bool, bool, bool]:
    """Whether the bound is met, all gates are decided, and few enough are open."""
    bound = run.record["bound"]
    return (
        bool(bound["met"]),
        bound["undecided_gates"] == 0,
        run.record["active_dims"] <= run.start + CLOSE,
    )
