"""Figures of size curves."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from ald_keras.experiments.core.jobs import FIXED
from ald_keras.experiments.core.runs import Run
from ald_keras.experiments.core.saved_runs import scratch_points
from ald_keras.experiments.core.statistics import metrics_by_size
from ald_keras.experiments.curve.summary import elbo_at, read_size_curves
from ald_keras.metrics import SizeCurve
from ald_keras.reports.drawings import Drawing
from ald_keras.reports.figures import SizeLine, size_curve_figure
from ald_keras.rules.tolerance import TOLERANCE


def draw_curves(runs: Sequence[Run]) -> list[Drawing]:
    """Draw size curves, each group of elastic runs beside the sizes from scratch.

    Args:
        runs: The experiment's whole runs.
    """
    scratch = metrics_by_size(run for run in runs if run.group == FIXED)
    return curve_drawings(read_size_curves(runs), scratch)


def curve_drawings(
    groups: Mapping[str, Mapping[int, SizeCurve]],
    scratch: Mapping[int, Sequence[float]],
) -> list[Drawing]:
    """Draw each group of size curves beside sizes from scratch.

    Args:
        groups: Size curves by group and seed.
        scratch: Mapping from sizes to test ELBO, one a seed; may be empty.
    """
    return [
        _drawing(f"size-curve-{group}", curves, scratch)
        for group, curves in groups.items()
    ]


def _drawing(
    name: str, curves: Mapping[int, SizeCurve], scratch: Mapping[int, Sequence[float]]
) -> Drawing:
    lines = [
        SizeLine(f"one run, seed {seed}", c.sizes, c.increase, c.standard_error)
        for seed, c in curves.items()
    ]
    full = statistics.fmean(elbo_at(c, c.sizes[-1]) for c in curves.values())
    points = scratch_points(scratch, full)
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
