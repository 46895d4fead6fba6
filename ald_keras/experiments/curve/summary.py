"""Numbers of size curves beside the same sizes trained from scratch."""

from __future__ import annotations

import dataclasses
import pathlib
import statistics
from collections.abc import Mapping, Sequence

from ald_keras.experiments.core.jobs import FIXED
from ald_keras.experiments.core.result import NothingToReportError, Row
from ald_keras.experiments.core.runs import Run
from ald_keras.experiments.core.statistics import (
    groups_of,
    mean_and_sd,
    mean_of,
    metrics_by_size,
)
from ald_keras.metrics import SizeCurve
from ald_keras.rules.tolerance import TOLERANCE
from ald_keras.runs.run_files import load_curve

# A curve is to agree with sizes from scratch from so far below the smallest sufficient
# size up.
BELOW = 2


@dataclasses.dataclass(frozen=True)
class CurveSummary:
    """An experiment on size curves in numbers.

    Args:
        rows: One mapping for each size and group of elastic runs (`run`): mean test
            ELBO, sd and number of seeds from scratch and of the curve (`scratch_elbo`,
            `scratch_sd`, `scratch_runs`, `curve_elbo`, ...) in nats per sample, mean
            `increase` and `standard_error` of the curve, `excess` (ELBO from scratch
            minus the curve's) and what is `allowed` (the larger of 0.5 % of the gain
            and two sd from scratch); `None` where a size was not run.
        runs: Mapping from each group of elastic runs to `smallest_sufficient_size` (of
            those from scratch), `within` (whether no excess from two below it up
            exceeds what is allowed), `full` (ELBO at the full size minus that from
            scratch), `smallest` (each seed's smallest size within 0.5 % of the gain),
            `seconds` and `grid_seconds` (of all sizes, one seed).
        gain: Float, baseline NLL minus the best loss from scratch or of a curve.
    """

    rows: list[Row]
    runs: dict[str, Row]
    gain: float | None


def read_size_curves(
    runs: Sequence[Run], elastic: bool = True
) -> dict[str, dict[int, SizeCurve]]:
    """Size curves of runs without a fixed size: by group, then by seed.

    Args:
        runs: An experiment's whole runs.
        elastic: Boolean, leave out runs in which no sizes were sampled. Defaults to
            `True`.

    Raises:
        ValueError: If a file is damaged, naming it.
    """
    found: dict[str, dict[int, SizeCurve]] = {}
    for run in runs:
        curve = load_curve(run.folder)
        wanted = run.record.get("elastic") or not elastic
        if run.group != FIXED and wanted and curve is not None:
            found.setdefault(run.group, {})[run.seed] = curve
    return found


def summarize_curves(output: pathlib.Path, runs: Sequence[Run]) -> CurveSummary:
    """Put an experiment's runs into numbers.

    Args:
        output: The experiment's folder.
        runs: What `read_runs` returned.

    Raises:
        NothingToReportError: If there is no whole elastic run.
        ValueError: If a file is damaged.
    """
    curves = read_size_curves(runs)
    if not curves:
        raise NothingToReportError(f"{output} holds no whole elastic run to report on.")
    groups = groups_of(runs)
    fixed = groups.get(FIXED, [])
    scratch = metrics_by_size(fixed)
    gain = _gain(curves, scratch)
    rows = {
        group: _rows(group, list(members.values()), scratch, gain)
        for group, members in curves.items()
    }
    return CurveSummary(
        [row for each in rows.values() for row in each],
        {
            group: {
                **_against_scratch(rows[group], gain),
                "smallest": [
                    curve.smallest_size()
                    for curve in members.values()
                    if curve.gain is not None
                ],
                "seconds": mean_of(r.record.get("seconds") for r in groups[group]),
                "grid_seconds": _grid_seconds(fixed),
            }
            for group, members in curves.items()
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
                "increase": mean_of(increase),
                "standard_error": mean_of(errors),
                "excess": excess,
                "allowed": max(TOLERANCE * (gain or 0.0), 2 * (sd or 0.0), 0.0),
            }
        )
    return rows


def _against_scratch(rows: Sequence[Row], gain: float | None) -> Row:
    """The smallest sufficient size, and how a curve agrees with sizes from scratch."""
    known = [row for row in rows if row["scratch_elbo"] is not None]
    if not known or gain is None:
        return dict.fromkeys(("smallest_sufficient_size", "within", "full"))
    best = max(row["scratch_elbo"] for row in known)
    allowed = TOLERANCE * max(gain, 0.0)
    size = min(r["size"] for r in known if best - r["scratch_elbo"] <= allowed)
    near = [row for row in known if row["size"] >= size - BELOW]
    excesses = [(row["excess"], row["allowed"]) for row in near]
    full = rows[-1]["excess"]
    return {
        "smallest_sufficient_size": size,
        "within": all(e is not None and e <= limit for e, limit in excesses),
        "full": None if full is None else -full,
    }


def _grid_seconds(fixed: Sequence[Run]) -> float | None:
    """Seconds of one run of each size: means over seeds, summed up."""
    sizes = {run.size for run in fixed}
    means = [
        mean_of(run.record.get("seconds") for run in fixed if run.size == size)
        for size in sizes
    ]
    return sum(mean for mean in means if mean is not None) if means else None
