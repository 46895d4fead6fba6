"""What a result has cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ald_keras.reports.figures.style import GREY, MARKERS, SERIES, new_figure, styled


@dataclasses.dataclass(frozen=True)
class Cost:
    """A result with what it has cost, as mean over seeds.

    Args:
        label: What is called so; several may be.
        seconds: Float > 0.
        elbo: Float, test ELBO, nats per sample.
        elbo_sd: Float >= 0, its standard deviation, or `None` of one seed.
        background: Boolean, shown in grey. Defaults to `False`.
    """

    label: str
    seconds: float
    elbo: float
    elbo_sd: float | None
    background: bool = False


@styled
def costs_figure(costs: Sequence[Cost]) -> Figure:
    """Test ELBO against seconds of training.

    Args:
        costs: At least one; those with one label share a mark.
    """
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    labels = list(dict.fromkeys(cost.label for cost in costs if not cost.background))
    named: set[str] = set()
    for cost in costs:
        place = -1 if cost.background else labels.index(cost.label)
        axes.errorbar(
            [cost.seconds],
            [cost.elbo],
            yerr=[cost.elbo_sd or 0.0],
            linestyle="none",
            marker=MARKERS[(place + 1) % len(MARKERS)],
            markersize=4 if cost.background else 8,
            color=GREY if cost.background else SERIES[place % len(SERIES)],
            capsize=3,
            label=None if cost.label in named else cost.label,
            zorder=2 if cost.background else 3,
        )
        named.add(cost.label)
    _log_seconds(axes)
    axes.set_ylabel("test ELBO, nats per sample")
    figure.legend(
        *_in_order(axes.get_legend_handles_labels(), labels),
        loc="outside lower center",
        ncols=4,
    )
    return figure


def _in_order(
    legend: tuple[list[Artist], list[str]], labels: Sequence[str]
) -> tuple[list[Artist], list[str]]:
    """What is in the background last."""
    found = dict(zip(legend[1], legend[0], strict=True))
    order = [*labels, *(label for label in found if label not in labels)]
    return [found[label] for label in order], order


def _log_seconds(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.2, high * 1.2)
    subs = (1.0, 2.0, 5.0) if high / low < 1e3 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("seconds of training, all trials of a search (logarithmic)")
