"""Open gates against the dimensions of the networks whose error was the bound."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ald_keras.reports.figures.style import (
    GREY,
    INK,
    MARKERS,
    SERIES,
    new_figure,
    styled,
)

# Share of the distance between two references that their runs take.
_SPREAD = 0.7


@dataclasses.dataclass(frozen=True)
class OpenGates:
    """What a gated run ended with.

    Args:
        label: What is called so; several may be.
        reference: Integer, dimensions of the network whose error was the bound.
        gates: Integer, open gates at the end.
        is_feasible: Boolean, whether the bound was met with all gates decided.
    """

    label: str
    reference: int
    gates: int
    is_feasible: bool


@styled
def gates_figure(runs: Sequence[OpenGates]) -> Figure:
    """Open gates by reference, side by side; hollow marks where the bound did not hold.

    Args:
        runs: At least one; those with one label share a mark.
    """
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    labels = list(dict.fromkeys(run.label for run in runs))
    references = sorted({run.reference for run in runs})
    for place, size in enumerate(references):
        here = [run for run in runs if run.reference == size]
        here.sort(key=lambda run: labels.index(run.label))
        axes.hlines(size, place - 0.45, place + 0.45, color=INK, linewidth=1.0)
        axes.hlines(size + 1, place - 0.45, place + 0.45, color=GREY, linestyle=":")
        for index, run in enumerate(here):
            series = labels.index(run.label)
            color = SERIES[series % len(SERIES)]
            axes.plot(
                place + _SPREAD * ((index + 0.5) / len(here) - 0.5),
                run.gates,
                marker=MARKERS[series % len(MARKERS)],
                markersize=7,
                color=color,
                markerfacecolor=color if run.is_feasible else "white",
                zorder=3,
            )
    axes.set_xticks(range(len(references)), labels=[str(size) for size in references])
    axes.set_xlim(-0.6, len(references) - 0.4)
    axes.set_xlabel("dimensions of the reference, n")
    axes.set_ylabel("open gates at the end")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    axes.margins(y=0.1)
    figure.legend(handles=_handles(labels), loc="outside lower center", ncols=3)
    return figure


def _handles(labels: Sequence[str]) -> list[Line2D]:
    marks = [
        Line2D(
            *([], []),
            linestyle="none",
            marker=MARKERS[index % len(MARKERS)],
            color=SERIES[index % len(SERIES)],
            label=label,
        )
        for index, label in enumerate(labels)
    ]
    return [
        *marks,
        Line2D([], [], color=INK, linewidth=1.0, label="n"),
        Line2D([], [], color=GREY, linestyle=":", label="n + 1"),
    ]
