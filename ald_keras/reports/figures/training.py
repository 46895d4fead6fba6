"""Metrics over epochs with the active dimensions above (arXiv 2312.06280, Fig. 2)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ald_keras.reports.figures.curves import Curves, title_and_unit
from ald_keras.reports.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    PURPLE,
    VERMILLION,
    epoch_axis,
    new_figure,
    spaced,
    styled,
)
from ald_keras.rules.decision import ACTION_TITLES

# Marker, colour and fill of each action, from top to bottom.
LANES = {
    "prune": ("v", VERMILLION, True),
    "try": ("v", VERMILLION, False),
    "keep": ("o", GREEN, True),
    "restore": ("^", BLUE, True),
    "open": ("^", PURPLE, True),
    "restart": ("X", PURPLE, True),
}

_CHANGES = ("prune", "try", "restore", "open")

# The first epochs fall so far that the later ones could not be read beside them.
_LEFT_OUT = 0.05

# Lines through the panels for more changes than this would hide the curves.
_MOST_LINES = 40


@styled
def training_figure(curves: Curves) -> Figure:
    """Metrics over epochs, the number of active dimensions on the upper axis.

    A strip above the panels marks each change of the size by its kind. A line through
    all panels marks where the size was fixed, a dashed one where the rule would have
    stopped.

    Args:
        curves: The run; one panel for each of its metrics.
    """
    lanes = [name for name in LANES if any(e.action == name for e in curves.events)]
    changing = lanes or len(set(curves.dims)) > 1
    strip = [0.12 + 0.22 * len(lanes)] if changing else []
    heights = [*strip, *[1.35] * len(curves.values)]
    figure = new_figure(sum(heights) + 0.38 * len(curves.values) + 1.0)
    panels = figure.subplots(
        len(heights),
        1,
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )[:, 0]
    for axes in panels:
        _mark_changes(axes, curves)
    if changing:
        _draw_lanes(panels[0], curves, lanes)
        _name_dims(panels[0], curves)
    for axes, (name, values) in zip(
        panels[len(strip) :], curves.values.items(), strict=True
    ):
        _draw_metric(axes, curves, name, values)
        title, unit = title_and_unit(name, curves.features)
        axes.set_title(title)
        axes.set_ylabel(unit)
    epoch_axis(panels[-1], max(curves.epochs))
    _explain(figure, curves)
    figure.align_ylabels(list(panels[len(strip) :]))
    return figure


def _draw_metric(
    axes: Axes, curves: Curves, name: str, values: Sequence[float]
) -> None:
    shown = list(values)
    if name == "expected_gates":
        axes.step(curves.epochs, curves.dims, where="mid", color=VERMILLION)
        shown = [
            value for pair in zip(values, curves.dims, strict=True) for value in pair
        ]
    epochs, measured = curves.points(name)
    marker = "." if len(measured) < len(values) else ""
    axes.plot(epochs, measured, color=BLUE, marker=marker)
    limits = readable_limits(shown)
    if name in curves.bounds:
        bound = curves.bounds[name]
        axes.axhline(bound, color=INK, linestyle="--", linewidth=1.2)
        limits = min(limits[0], 0.98 * bound), max(limits[1], 1.02 * bound)
    if name == "multiplier":
        axes.set_yscale("log")
        limits = 0.8 * min(values), 1.25 * max(values)
    axes.set_ylim(*limits)


def readable_limits(values: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis that show all but the first epochs.

    Args:
        values: A value an epoch.
    """
    later = values[min(len(values) - 1, max(1, round(_LEFT_OUT * len(values)))) :]
    low, high = min(later), max(later)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return low - room, high + room


def _mark_changes(axes: Axes, curves: Curves) -> None:
    changes = [e for e in curves.events if e.action in _CHANGES]
    if len(changes) <= _MOST_LINES:
        for event in changes:
            axes.axvline(event.epoch, color=FAINT, linewidth=0.8, zorder=0.5)
    if curves.fixed is not None:
        axes.axvline(curves.fixed.epoch, color=INK, linewidth=1.4, zorder=1.5)
    if curves.stop is not None:
        axes.axvline(
            curves.stop.epoch, color=INK, linewidth=1.4, linestyle="--", zorder=1.5
        )


def _draw_lanes(axes: Axes, curves: Curves, lanes: Sequence[str]) -> None:
    for height, name in enumerate(reversed(lanes)):
        marker, color, filled = LANES[name]
        epochs = [event.epoch for event in curves.events if event.action == name]
        axes.plot(
            epochs,
            [height] * len(epochs),
            linestyle="none",
            marker=marker,
            markersize=6,
            color=color,
            markerfacecolor=color if filled else "white",
            zorder=3,
            label=name,
        )
    axes.set_yticks(
        range(len(lanes)), labels=[ACTION_TITLES[name] for name in reversed(lanes)]
    )
    axes.set_ylim(-0.6, len(lanes) - 0.4)
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="x", labelbottom=False)
    axes.grid(axis="x", visible=False)


def _name_dims(axes: Axes, curves: Curves) -> None:
    starts = [
        index
        for index, size in enumerate(curves.dims)
        if index == 0 or size != curves.dims[index - 1]
    ]
    positions = [float(curves.epochs[index]) for index in starts]
    chosen = spaced(positions, 0.5, max(curves.epochs) + 0.5, 0.045)
    if 0 not in chosen:  # the size at the start, in place of those that crowd it
        least = 0.045 * max(curves.epochs)
        chosen = [0, *(i for i in chosen if positions[i] - positions[0] >= least)]
    upper = axes.secondary_xaxis("top")
    upper.set_xticks(
        [positions[i] for i in chosen],
        labels=[str(curves.dims[starts[i]]) for i in chosen],
    )
    upper.set_xlabel("active latent dimensions", labelpad=6)
    upper.spines["top"].set_color(GREY)


def _how_fixed(curves: Curves) -> str:
    floor = curves.fixed is not None and curves.fixed.action == "floor"
    return "lower limit reached" if floor else "size fixed"


def _explain(figure: Figure, curves: Curves) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=INK,
            linestyle="--" if event is curves.stop else "-",
            label=f"{words}: epoch {event.epoch}, {event.dims} dimensions",
        )
        for event, words in (
            (curves.stop, "the rule would have stopped"),
            (curves.fixed, _how_fixed(curves)),
        )
        if event is not None
    ]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
