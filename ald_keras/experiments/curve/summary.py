"""Numbers of size curves beside the same sizes trained from scratch."""

from __future__ import annotations

import dataclasses
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ald_keras.experiments.core.runs import FIXED, Run, run_name
from ald_keras.experiments.core.summary import Row, fixed_figures, mean_and_sd
from ald_keras.metrics import SizeCurve
from ald_keras.metrics.size_curve import TOLERANCE
from ald_keras.runs.run_files import load_curve

# Sizes below the edge down to which a curve is to agree with sizes from scratch.
BELOW = 2

COLUMNS = (
    *("size", "scratch_elbo", "scratch_sd", "scratch_runs", "run", "curve_elbo"),
    *("curve_sd", "curve_runs", "increase", "standard_error", "excess", "allowed"),
)


@dataclasses.dataclass(frozen=True)
class CurveSummary:
    """An experiment on size curves in numbers.

    Args:
        rows: One mapping for each size and kind of elastic run, keys `COLUMNS`: test
            ELBO from scratch and of the curve in nats per sample (mean and sd over
            seeds), mean increase and standard error of the curve, `excess` (ELBO from
            scratch minus the curve's) and what is `allowed` (the larger of 0.5 % of the
            gain and two sd from scratch); `None` where a size was not run.
        runs: Mapping from each kind of elastic run to `edge` (smallest size whose loss
            from scratch is within 0.5 % of the gain of the best), `within` (whether no
            excess from two below the edge up exceeds what is allowed), `full` (ELBO at
            the full size minus that from scratch), `smallest` (each seed's smallest
            size within 0.5 % of the gain), `seconds` and `grid_seconds` (of all sizes,
            one seed).
        gain: Float, baseline NLL minus the best loss from scratch or of a curve.
    """

    rows: list[Row]
    runs: dict[str, Row]
    gain: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return dataclasses.asdict(self)


def read_size_curves(
    output: pathlib.Path, runs: Sequence[Run], elastic: bool = True
) -> dict[str, dict[int, SizeCurve]]:
    """Size curves of runs without a fixed size: by kind of run, then by seed.

    Args:
        output: The experiment's folder.
        runs: Its whole runs.
        elastic: Boolean, leave out runs in which no sizes were sampled. Defaults to
            `True`.

    Raises:
        ValueError: If a file is damaged, naming it.
    """
    found: dict[str, dict[int, SizeCurve]] = {}
    for run in runs:
        curve = load_curve(output / run_name(run.group, run.start, run.seed))
        wanted = run.record.get("elastic") or not elastic
        if run.group != FIXED and wanted and curve is not None:
            found.setdefault(run.group, {})[run.seed] = curve
    return found


def summarize_curves(output: pathlib.Path, runs: Sequence[Run]) -> CurveSummary:
    """Put an experiment's runs into numbers.

    Args:
        output: The experiment's folder.
        runs: What `read_runs` gave.

    Raises:
        ValueError: If there is no whole elastic run, or a file is damaged.
    """
    groups = read_size_curves(output, runs)
    if not groups:
        raise ValueError(f"{output} holds no whole elastic run to report on.")
    scratch = fixed_figures(runs)
    gain = _gain(groups, scratch)
    rows = [
        row
        for group, curves in groups.items()
        for row in _rows(group, list(curves.values()), scratch, gain)
    ]
    seconds = {
        group: [r.record.get("seconds") for r in runs if r.group == group]
        for group in (*groups, FIXED)
    }
    return CurveSummary(
        rows,
        {
            group: {
                **_against_scratch([r for r in rows if r["run"] == group], gain),
                "smallest": _smallest(curves),
                "seconds": mean_and_sd(seconds[group])[0],
                "grid_seconds": _grid_seconds(runs),
            }
            for group, curves in groups.items()
        },
        gain,
    )


def _gain(
    groups: Mapping[str, Mapping[int, SizeCurve]],
    scratch: Mapping[int, Sequence[float]],
) -> float | None:
    curves = [curve for group in groups.values() for curve in group.values()]
    baselines = [c.baseline_nll for c in curves if c.baseline_nll is not None]
    if not baselines:
        return None
    best = (
        max(statistics.fmean(elbos) for elbos in scratch.values())
        if scratch
        else (max(elbo_at(c, s) for c in curves for s in c.sizes))
    )
    return statistics.fmean(baselines) + best


def elbo_at(curve: SizeCurve, size: int) -> float:
    """ELBO at a measured size, or at the full one where that is smaller, in nats."""
    at = curve.sizes.index(min(size, curve.sizes[-1]))
    return -curve.metrics["reconstruction"][at] - curve.metrics["kl"][at]


def _rows(
    group: str,
    curves: Sequence[SizeCurve],
    scratch: Mapping[int, Sequence[float]],
    gain: float | None,
) -> list[Row]:
    measured = {size for curve in curves for size in curve.sizes}
    rows = []
    for size in sorted(measured | set(scratch)):
        mean, sd = mean_and_sd(scratch.get(size, ()))
        # A curve stands at its full size for all larger ones: idle dimensions that
        # were removed would add nothing.
        own = [c for c in curves if size in c.sizes or size > c.sizes[-1]]
        at = [curve.sizes.index(min(size, curve.sizes[-1])) for curve in own]
        elbo, curve_sd = mean_and_sd([elbo_at(curve, size) for curve in own])
        increase = [c.increase[i] for c, i in zip(own, at, strict=True)]
        errors = [c.standard_error[i] for c, i in zip(own, at, strict=True)]
        excess = None if mean is None or elbo is None else mean - elbo
        rows.append(
            {
                "size": size,
                "scratch_elbo": mean,
                "scratch_sd": sd,
                "scratch_runs": len(scratch.get(size, ())),
                "run": group,
                "curve_elbo": elbo,
                "curve_sd": curve_sd,
                "curve_runs": len(own),
                "increase": mean_and_sd(increase)[0],
                "standard_error": mean_and_sd(errors)[0],
                "excess": excess,
                "allowed": max(TOLERANCE * (gain or 0.0), 2 * (sd or 0.0), 0.0),
            }
        )
    return rows


def _against_scratch(rows: Sequence[Row], gain: float | None) -> Row:
    """Where the edge is, and how a curve agrees with the sizes from scratch."""
    known = [row for row in rows if row["scratch_elbo"] is not None]
    if not known or gain is None:
        return {"edge": None, "within": None, "full": None}
    best = max(row["scratch_elbo"] for row in known)
    allowed = TOLERANCE * max(gain, 0.0)
    edge = min(r["size"] for r in known if best - r["scratch_elbo"] <= allowed)
    near = [row for row in known if row["size"] >= edge - BELOW]
    excesses = [(row["excess"], row["allowed"]) for row in near]
    full = rows[-1]["excess"]
    return {
        "edge": edge,
        "within": all(e is not None and e <= limit for e, limit in excesses),
        "full": None if full is None else -full,
    }


def _smallest(curves: Mapping[int, SizeCurve]) -> list[int]:
    return [c.smallest_size() for c in curves.values() if c.gain is not None]


def _grid_seconds(runs: Sequence[Run]) -> float | None:
    """Seconds of one run of each size: means over seeds, summed up."""
    by_size: dict[int, list[Any]] = {}
    for run in runs:
        if run.group == FIXED:
            by_size.setdefault(run.start, []).append(run.record.get("seconds"))
    means = [mean_and_sd(values)[0] for values in by_size.values()]
    return sum(mean for mean in means if mean is not None) if means else None
