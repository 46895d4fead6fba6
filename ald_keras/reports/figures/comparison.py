"""Runs beside each other (arXiv 2312.06280, Fig. 3 and 4)."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from ald_keras.metrics.catalog import METRICS
from ald_keras.reports.figures.curves import Curves, title_and_unit
from ald_keras.reports.figures.style import (
    BLUE,
    GREY,
    INK,
    MARKERS,
    SERIES,
    VERMILLION,
    epoch_axis,
    new_figure,
    spaced,
    styled,
)
from ald_keras.reports.figures.training import readable_limits

# Metrics of the test part, those of the paper.
_FINAL = (
    "reconstruction_loss",
    "silhouette",
    "frechet_reconstruction",
    "frechet_generation",
)

# Characters of a line of a title above a narrow panel.
_TITLE_WIDTH = 18

# Of an axis of final figures, as a share of their mean.
_LEAST_SPAN = 0.05


@styled
def scratch_figure(pruned: Sequence[Curves], scratch: Sequence[Curves]) -> Figure:
    """Pruned runs against the same size trained from scratch.

    Above, the metrics that both sides recorded over epochs; below, the final figures on
    the test part.

    Args:
        pruned: Runs of one rule that ended with one size, one a seed.
        scratch: Runs that had this size from the beginning.
    """
    sides = ((pruned, BLUE, "o"), (scratch, VERMILLION, "s"))
    shared = [
        name
        for name in pruned[0].values
        if all(name in run.values for run in (*pruned, *scratch))
    ]
    final = [
        key for key in _FINAL if all(key in run.test for run in (*pruned, *scratch))
    ]
    n_rows = (len(shared) + 1) // 2
    figure = new_figure(2.3 * n_rows + (2.5 if final else 0) + 0.5)
    heights = [2.3 * n_rows] * bool(shared) + [2.5] * bool(final)
    parts = iter(
        figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    )
    if shared:
        panels = next(parts)[0].subplots(n_rows, min(2, len(shared)), squeeze=False)
        for axes in panels.flat[len(shared) :]:
            axes.set_visible(False)
        for axes, name in zip(panels.flat, shared, strict=False):
            _draw_curves(axes, name, sides)
    if final:
        part = next(parts)[0]
        part.suptitle("Final figures on the test part", fontsize=10)
        small = part.subplots(1, len(final), squeeze=False)[0]
        for axes, key in zip(small, final, strict=True):
            _draw_final(axes, key, sides)
    handles = [
        Line2D([], [], color=color, marker=marker, label=runs[0].label)
        for runs, color, marker in sides
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_curves(axes: Axes, name: str, sides: Sequence[tuple]) -> None:
    limits = []
    for runs, color, _ in sides:
        for run in runs:
            axes.plot(*run.points(name), color=color, alpha=0.8)
            limits.append(readable_limits(run.values[name]))
    axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    title, unit = title_and_unit(name)
    axes.set_title(f"{title}, validation")
    axes.set_ylabel(unit)
    epoch_axis(axes, max(run.epochs[-1] for runs, *_ in sides for run in runs))


def _draw_final(axes: Axes, key: str, sides: Sequence[tuple]) -> None:
    for position, (runs, color, marker) in enumerate(sides):
        values = [run.test[key] for run in runs]
        axes.plot(
            [position] * len(values),
            values,
            linestyle="none",
            marker=marker,
            markersize=6,
            color=color,
            alpha=0.8,
        )
        mean = statistics.fmean(values)
        axes.plot([position - 0.25, position + 0.25], [mean] * 2, color=color)
    axes.set_title(textwrap.fill(METRICS[key].title, _TITLE_WIDTH))
    axes.set_ylabel(METRICS[key].unit)
    axes.set_xticks([0, 1], labels=["pruned", "fixed"])
    axes.set_xlim(-0.6, 1.6)
    everything = [run.test[key] for runs, *_ in sides for run in runs]
    axes.set_ylim(*_honest_limits(everything))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _honest_limits(values: Sequence[float]) -> tuple[float, float]:
    """Limits that make no mountain of a difference of some per mille."""
    middle = (min(values) + max(values)) / 2
    half = max(0.7 * (max(values) - min(values)), _LEAST_SPAN * abs(middle) / 2, 1e-6)
    return middle - half, middle + half


@styled
def starts_figure(runs: Sequence[Curves]) -> Figure:
    """Active dimensions and reconstruction loss from several starting sizes.

    Where all runs have a bound on the squared error, that error instead, as a multiple
    of its bound.

    Args:
        runs: Runs of one rule; those with one label share a colour. Where the size was
            fixed there is a dot.
    """
    figure = new_figure(5.4)
    panels = figure.subplots(2, 1, sharex=True)
    labels = list(dict.fromkeys(run.label for run in runs))
    colors = {label: SERIES[i % len(SERIES)] for i, label in enumerate(labels)}
    for run in runs:
        color = colors[run.label]
        panels[0].step(run.epochs, run.dims, where="mid", color=color, alpha=0.8)
        if run.fixed is not None:
            panels[0].plot(run.fixed.epoch, run.fixed.dims, "o", color=color, zorder=3)
    panels[0].set_title("Active latent dimensions (dot: size fixed)")
    panels[0].set_ylabel("dimensions")
    panels[0].set_ylim(bottom=0)
    _draw_losses(panels[1], runs, colors)
    epoch_axis(panels[1], max(run.epochs[-1] for run in runs))
    handles = [
        Line2D([], [], color=color, label=label) for label, color in colors.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    figure.align_ylabels(list(panels))
    return figure


def _draw_losses(axes: Axes, runs: Sequence[Curves], colors: Mapping[str, str]) -> None:
    bounded = all("squared_error" in run.bounds for run in runs)
    limits = []
    for run in runs:
        losses = list(run.values.get("reconstruction", ()))
        if bounded:
            bound = run.bounds["squared_error"]
            losses = [error / bound for error in run.values["squared_error"]]
        if losses:
            axes.plot(run.epochs, losses, color=colors[run.label], alpha=0.8)
            limits.append(readable_limits(losses))
    axes.set_title("Reconstruction loss, validation data")
    axes.set_ylabel("nats per sample")
    if bounded:
        axes.axhline(1.0, color=INK, linestyle="--", linewidth=1.2)
        limits.append((0.98, 1.02))
        axes.set_title("Squared error, validation data (dashed: the bound)")
        axes.set_ylabel("multiple of the bound")
    if limits:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))


@styled
def sizes_figure(
    fixed: Mapping[int, Sequence[float]],
    found: Mapping[str, Sequence[tuple[int, float]]],
    answer: int | None = None,
    sufficient: float | None = None,
) -> Figure:
    """Test ELBO by size: fixed sizes as a curve, what the rules found as dots.

    Args:
        fixed: Mapping from fixed sizes to test ELBOs, one a seed, nats per sample.
        found: Mapping from rules to pairs of final size and test ELBO.
        answer: Integer, the right answer, or `None`. Defaults to `None`.
        sufficient: Float, the ELBO of a sufficient size, or `None`. Defaults to `None`.
    """
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    sizes = sorted(fixed)
    _draw_fixed_sizes(axes, {size: fixed[size] for size in sizes})
    for index, (name, pairs) in enumerate(found.items()):
        axes.plot(
            *zip(*pairs, strict=True),
            linestyle="none",
            marker=MARKERS[index + 1],
            color=SERIES[index % len(SERIES)],
            alpha=0.8,
            label=name,
            zorder=3,
        )
    if sufficient is not None:
        axes.axhline(
            sufficient, color=INK, linestyle=":", linewidth=1.2, label="sufficient"
        )
    if answer is not None:
        axes.axvline(answer, color=INK, linewidth=1.0, label=f"right answer: {answer}")
    shown = sorted({*sizes, *(size for pairs in found.values() for size, _ in pairs)})
    log_sizes(axes, shown)
    axes.set_ylabel("test ELBO, nats per sample")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _draw_fixed_sizes(axes: Axes, fixed: Mapping[int, Sequence[float]]) -> None:
    if not fixed:
        return
    axes.errorbar(
        list(fixed),
        [statistics.fmean(values) for values in fixed.values()],
        yerr=[
            statistics.stdev(values) if len(values) > 1 else 0.0
            for values in fixed.values()
        ],
        color=GREY,
        marker="o",
        markersize=4,
        capsize=3,
        label="fixed sizes, mean and sd",
    )


def log_sizes(axes: Axes, sizes: Sequence[int]) -> None:
    """Sizes on a logarithmic axis, since the largest lie far from the others."""
    axes.set_xscale("log")
    low, high = sizes[0] / 1.08, sizes[-1] * 1.08
    scale = [math.log(size) for size in sizes]
    chosen = spaced(scale, math.log(low), math.log(high), 0.035)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks([sizes[i] for i in chosen], labels=[str(sizes[i]) for i in chosen])
    axes.set_xlim(low, high)
    axes.set_xlabel("latent dimensions (logarithmic)")
