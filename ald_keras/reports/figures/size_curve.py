"""Loss and metrics as a function of the latent size, measured in one run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, SymmetricalLogLocator

from ald_keras.reports.figures.comparison import log_sizes
from ald_keras.reports.figures.curves import title_and_unit
from ald_keras.reports.figures.style import BLUE, GREY, INK, SERIES, new_figure, styled

# Below this many nats the axis of the increase is linear, above it logarithmic.
_LINEAR = 1.0

# Up to this many sizes stand on a linear axis.
_LONGEST_LINEAR = 30

# Values beyond, which only a damaged file holds, are cut off.
_HIGHEST = 1e12


@dataclasses.dataclass(frozen=True)
class SizeLine:
    """The size curve of one run.

    Args:
        label: Text, how a legend names it.
        sizes: Integers, ascending.
        increase: Increase of the loss at each, nats per sample.
        standard_error: Standard error of each increase, nats per sample.
        metrics: Mapping from further metrics to one value at each size. Defaults to
            none.
    """

    label: str
    sizes: Sequence[int]
    increase: Sequence[float]
    standard_error: Sequence[float]
    metrics: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class SizePoint:
    """Runs of one size trained from scratch.

    Args:
        size: Integer.
        mean: Mean increase of the loss over the curve's full size, nats per sample.
        sd: Standard deviation over seeds, or `None` for one seed.
    """

    size: int
    mean: float
    sd: float | None = None


@styled
def size_curve_figure(
    lines: Sequence[SizeLine],
    scratch: Sequence[SizePoint] = (),
    tolerance: float | None = None,
    answer: int | None = None,
) -> Figure:
    """The increase of the loss at each size, and a panel for each further metric.

    Args:
        lines: Curves, one a run, at least one; the metrics of the first are shown.
        scratch: Sizes trained from scratch to compare with. Defaults to none.
        tolerance: Float, nats that a smaller size may cost, or `None`. Defaults to
            `None`.
        answer: Integer, the smallest size within it, or `None`. Defaults to `None`.
    """
    names = list(lines[0].metrics)
    heights = [2.9, *[1.35] * len(names)]
    figure = new_figure(sum(heights) + 0.38 * len(names) + 0.9)
    panels = figure.subplots(
        len(heights),
        1,
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )[:, 0]
    _draw_increase(panels[0], lines, scratch, tolerance)
    for axes, name in zip(panels[1:], names, strict=True):
        for line, color in zip(lines, _colors(lines), strict=True):
            if name in line.metrics:
                axes.plot(line.sizes, line.metrics[name], color=color, marker=".")
        title, unit = title_and_unit(name)
        axes.set_title(title)
        axes.set_ylabel(unit)
    if answer is not None:
        for axes in panels:
            axes.axvline(answer, color=INK, linewidth=1.2, zorder=1.5)
        panels[0].plot([], [], color=INK, linewidth=1.2, label=_answer(answer))
    sizes = sorted({size for line in lines for size in line.sizes})
    _size_axis(panels[-1], sorted({*sizes, *(point.size for point in scratch)}))
    panels[0].legend(loc="upper right", frameon=True, framealpha=0.9, edgecolor="none")
    figure.align_ylabels(list(panels))
    return figure


def _size_axis(axes: Axes, sizes: Sequence[int]) -> None:
    if sizes[-1] > _LONGEST_LINEAR:
        log_sizes(axes, sizes)
        return
    axes.set_xlabel("latent dimensions")
    axes.set_xlim(sizes[0] - 0.5, sizes[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(15, integer=True, steps=[1, 2, 5, 10]))


def _colors(lines: Sequence[SizeLine]) -> list[str]:
    if len(lines) == 1:
        return [BLUE]
    return [SERIES[i % len(SERIES)] for i in range(len(lines))]


def _answer(size: int) -> str:
    return f"smallest size within the tolerance: {size}"


def _draw_increase(
    axes: Axes,
    lines: Sequence[SizeLine],
    scratch: Sequence[SizePoint],
    tolerance: float | None,
) -> None:
    for line, color in zip(lines, _colors(lines), strict=True):
        axes.errorbar(
            line.sizes,
            line.increase,
            yerr=[2 * error for error in line.standard_error],
            color=color,
            marker="o",
            markersize=3.5,
            capsize=2,
            label=f"{line.label} (bars: two standard errors)",
        )
    if scratch:
        axes.errorbar(
            [point.size for point in scratch],
            [point.mean for point in scratch],
            yerr=[point.sd or 0.0 for point in scratch],
            color=INK,
            linestyle="none",
            marker="s",
            markersize=4,
            capsize=2,
            label="each size trained from scratch"
            + (", mean and sd" if any(p.sd is not None for p in scratch) else ""),
        )
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    if tolerance is not None:
        axes.axhline(
            tolerance,
            color=INK,
            linestyle="--",
            linewidth=1.0,
            label=f"tolerance: {tolerance:.3g} nats",
        )
    axes.set_yscale("symlog", linthresh=_LINEAR, linscale=0.7)
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=_LINEAR))
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    axes.set_ylim(*_limits(lines, scratch))
    axes.set_title(
        "Loss above that of the full size (linear up to 1, then logarithmic)"
    )
    axes.set_ylabel("nats per sample")


def _limits(
    lines: Sequence[SizeLine], scratch: Sequence[SizePoint]
) -> tuple[float, float]:
    values = [value for line in lines for value in line.increase]
    values += [point.mean - (point.sd or 0.0) for point in scratch]
    lowest = max(min(values), -_HIGHEST)
    # A tick below 0 only where something is there.
    low = -0.6 if lowest > -0.5 else -1.2 if lowest > -1.0 else 1.5 * lowest
    highest = min(max(*values, 2.0), _HIGHEST)
    return low, 10 ** math.ceil(math.log10(1.5 * highest))


def _number(value: float, _: int) -> str:
    return f"{value:g}".replace("-", "−")
