"""Statistics over seeds, and what rows of several experiments have in common."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from ald_keras._typing import JSON
from ald_keras.experiments.core.result import Row
from ald_keras.experiments.core.runs import Run

# How a search for the size may end without an answer.
_INCONCLUSIVE = ("collapsed", "at_floor")


def metrics_by_size(runs: Iterable[Run], name: str = "elbo") -> dict[int, list[float]]:
    """A metric of the test part by the size of the runs, one value a seed."""
    metrics: dict[int, list[float]] = {}
    for run in runs:
        metrics.setdefault(run.size, []).append(run.record["test"][name])
    return metrics


def mean_baseline_nll(runs: Iterable[Run]) -> float | None:
    """Mean baseline NLL of runs, nats per sample, or `None` where it is not known."""
    return mean_of(run.record.get("baseline_nll") for run in runs)


def groups_of(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs by the group of their job."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    return groups


def size_statistics(sizes: Sequence[float]) -> Row:
    """Mean, deviation, interval of the mean and range of final sizes."""
    low, high = t_interval(sizes)
    return {
        **with_sd("dims", sizes),
        "dims_low": low,
        "dims_high": high,
        "dims_min": int(min(sizes)),
        "dims_max": int(max(sizes)),
    }


def fix_statistics(records: Sequence[JSON]) -> Row:
    """How many sizes were fixed, and after how many epochs (from 1) and steps."""
    fixed = [record for record in records if record.get("fixed_epoch") is not None]
    epochs = [record["fixed_epoch"] + 1 for record in fixed]
    steps = [
        record.get("fixed_step") or record["steps"] / record["epochs"] * epoch
        for record, epoch in zip(fixed, epochs, strict=True)
    ]
    return {
        "fixed": len(fixed),
        "not_fixed": len(records) - len(fixed),
        "inconclusive": sum(r.get("status") in _INCONCLUSIVE for r in records),
        "fixed_epoch": mean_of(epochs),
        "fixed_step": mean_of(steps),
    }


def with_sd(name: str, values: Iterable[float | None]) -> Row:
    """Columns `NAME_mean` and `NAME_sd`, as `mean_and_sd` gives them."""
    mean, sd = mean_and_sd(values)
    return {f"{name}_mean": mean, f"{name}_sd": sd}


def mean_of(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are not `None`; `None` for the mean of nothing."""
    return mean_and_sd(values)[0]


def mean_and_sd(values: Iterable[float | None]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation.

    Args:
        values: Numbers; `None` is left out.

    Returns:
        Two floats; `None` for the mean of nothing, and for a deviation of fewer than
        two.
    """
    kept = [float(value) for value in values if value is not None]
    mean = statistics.fmean(kept) if kept else None
    return mean, statistics.stdev(kept) if len(kept) > 1 else None


def t_interval(
    values: Sequence[float], level: float = 0.95
) -> tuple[float | None, float | None]:
    """Student's interval for the mean of independent values.

    Args:
        values: Finite numbers.
        level: Float in (0, 1). Defaults to 0.95.

    Returns:
        Lower and upper end; `None` for fewer than two values.
    """
    if len(values) < 2:
        return None, None
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    # Loads slowly, and only a summary needs it.
    from scipy import stats

    half = float(stats.t.ppf(0.5 + level / 2, len(values) - 1)) * sd
    half /= math.sqrt(len(values))
    return mean - half, mean + half
