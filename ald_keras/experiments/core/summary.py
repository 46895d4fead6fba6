"""Numbers of an experiment: what its runs come to, row by row."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scipy import stats

from ald_keras.experiments.core.edge import Edge, right_answer
from ald_keras.experiments.core.runs import FIXED, ONE_SHOT, Run, differences

Row = dict[str, Any]

# Figures of the test part, in nats per sample where they are losses.
FIGURES = (
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
    *("fixed", "not_fixed", "no_finding", "fixed_epoch", "fixed_step"),
    *(f"{name}_{figure}" for name in FIGURES for figure in ("mean", "sd")),
    *("elbo_to_best", "elbo_to_same_size", "same_size_runs", "seconds"),
)

# What a run and the fixed sizes it is compared with may differ in.
_MAY_DIFFER = ("rule", "method", "latent_dim", "seed", "probe")


@dataclasses.dataclass(frozen=True)
class Summary:
    """An experiment in numbers.

    Args:
        rows: One mapping a row of the table, all with the same keys; `None` where there
            is nothing to say.
        answer: The right answer, or `None` without fixed runs.
        reconstruction: The same for the reconstruction loss, negated.
        largest_fixed: Integer, the largest fixed size, or `None`.
        active_units: Float, mean active units of the largest fixed size, or `None`.
    """

    rows: list[Row]
    answer: Edge | None
    reconstruction: Edge | None
    largest_fixed: int | None
    active_units: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return dataclasses.asdict(self)


def fixed_figures(runs: Iterable[Run], name: str = "elbo") -> dict[int, list[float]]:
    """A figure of the fixed runs' test part by size, one value a seed."""
    figures: dict[int, list[float]] = {}
    for run in runs:
        if run.group == FIXED:
            figures.setdefault(run.start, []).append(run.record["test"][name])
    return figures


def baseline_of(runs: Iterable[Run]) -> float | None:
    """Mean baseline NLL of the fixed runs, or `None` where it is not known."""
    found = [run.record.get("baseline_nll") for run in runs if run.group == FIXED]
    return mean_and_sd(found)[0]


def summarize(runs: Sequence[Run], guesses: Mapping[str, Any]) -> Summary:
    """Put an experiment's runs into numbers.

    Args:
        runs: What `read_runs` gave.
        guesses: Mapping from estimates to `dims` and `seconds`; may be empty.
    """
    elbos = fixed_figures(runs)
    losses = fixed_figures(runs, "reconstruction_loss")
    baseline = baseline_of(runs)
    answer = right_answer(elbos, baseline) if elbos else None
    gains = {size: [-loss for loss in losses[size]] for size in losses}
    largest = max(elbos, default=None)
    units = [
        float(run.record["test"]["active_units"])
        for run in runs
        if run.group == FIXED and run.start == largest
    ]
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    last = {FIXED: 1, ONE_SHOT: 2}
    rows: list[Row] = []
    for group in sorted(groups, key=lambda name: (last.get(name, 0), name)):
        comparable = _is_comparable(groups[group], groups.get(FIXED, []))
        rows += _group_rows(group, groups[group], elbos if comparable else {})
    rows += [_guess_row(name, guess) for name, guess in guesses.items()]
    return Summary(
        rows=rows,
        answer=answer,
        reconstruction=right_answer(gains, baseline) if gains else None,
        largest_fixed=largest,
        active_units=statistics.fmean(units) if units else None,
    )


def _is_comparable(runs: Sequence[Run], fixed: Sequence[Run]) -> bool:
    """Whether fixed runs differ from these in their sizes alone."""
    if not fixed or runs[0].group in (FIXED, ONE_SHOT):
        return bool(fixed)
    return not differences(runs[0].config, fixed[0].config, _MAY_DIFFER)


def _group_rows(
    group: str, runs: Sequence[Run], elbos: Mapping[int, Sequence[float]]
) -> list[Row]:
    starts = sorted({run.start for run in runs}, reverse=group != FIXED)
    rows = [
        _row(group, start, [run for run in runs if run.start == start], elbos)
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
    records = [run.record for run in runs]
    row: Row = {
        "run": group,
        "start": start,
        "runs": len(runs),
        **size_figures([float(record["active_dims"]) for record in records]),
        **(_EMPTY_FIX if group == FIXED else fix_figures(records)),
    }
    for name in FIGURES:
        values = [record["test"].get(name) for record in records]
        row[f"{name}_mean"], row[f"{name}_sd"] = mean_and_sd(values)
    return {
        **row,
        **_elbo_differences(records, elbos, group == FIXED),
        "seconds": mean_and_sd([record.get("seconds") for record in records])[0],
    }


def size_figures(sizes: Sequence[float]) -> Row:
    """Mean, deviation, interval of the mean and range of final sizes."""
    low, high = t_interval(sizes)
    mean, sd = mean_and_sd(sizes)
    return {
        "dims_mean": mean,
        "dims_sd": sd,
        "dims_low": low,
        "dims_high": high,
        "dims_min": int(min(sizes)),
        "dims_max": int(max(sizes)),
    }


_EMPTY_FIX: Row = dict.fromkeys(
    ("fixed", "not_fixed", "no_finding", "fixed_epoch", "fixed_step")
)


def fix_figures(records: Sequence[Mapping[str, Any]]) -> Row:
    """When sizes were fixed: after so many epochs, counted from 1, and steps."""
    fixed = [record for record in records if record.get("fixed_epoch") is not None]
    epochs = [record["fixed_epoch"] + 1 for record in fixed]
    steps = [
        record.get("fixed_step") or record["steps"] / record["epochs"] * epoch
        for record, epoch in zip(fixed, epochs, strict=True)
    ]
    return {
        "fixed": len(fixed),
        "not_fixed": len(records) - len(fixed),
        # The callback's own words for collapse, and for a size at the lower limit.
        "no_finding": sum("no finding" in (r.get("outcome") or "") for r in records),
        "fixed_epoch": mean_and_sd(epochs)[0],
        "fixed_step": mean_and_sd(steps)[0],
    }


def _elbo_differences(
    records: Sequence[Mapping[str, Any]],
    elbos: Mapping[int, Sequence[float]],
    is_fixed: bool,
) -> Row:
    """Mean ELBO minus that of the best fixed size, and of the run's own size."""
    row: Row = {"elbo_to_best": None, "elbo_to_same_size": None, "same_size_runs": None}
    if not elbos:
        return row
    best = right_answer(elbos).best
    mean, _ = mean_and_sd([record["test"]["elbo"] for record in records])
    row["elbo_to_best"] = None if mean is None else mean - best
    if is_fixed:
        return row
    same = [
        record["test"]["elbo"] - statistics.fmean(elbos[record["active_dims"]])
        for record in records
        if record["active_dims"] in elbos
    ]
    row["elbo_to_same_size"], row["same_size_runs"] = mean_and_sd(same)[0], len(same)
    return row


def _guess_row(name: str, guess: Mapping[str, Any]) -> Row:
    dims = guess["dims"]
    row: Row = dict.fromkeys(COLUMNS)
    ends = {key: dims for key in ("dims_mean", "dims_min", "dims_max")}
    return {**row, "run": name, "runs": 1, **ends, "seconds": guess["seconds"]}


def mean_and_sd(values: Iterable[Any]) -> tuple[float | None, float | None]:
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
    half = float(stats.t.ppf(0.5 + level / 2, len(values) - 1)) * sd
    half /= math.sqrt(len(values))
    return mean - half, mean + half
