"""How every figure looks: width, type sizes, colours; and the way to a PNG."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import TypeVar

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Inches. Shown 800 pixels wide, as in a README, 10 points are 14 pixels.
WIDTH = 8.0
DPI = 150

# Okabe and Ito 2008: distinct with any kind of colour blindness.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
SERIES = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
INK, GREY, FAINT = "#222222", "#8C8C8C", "#D4D4D4"

# Petroff 2021 (arXiv 2107.02270), made for ten classes in a scatter plot.
CLASSES = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
MARKERS = ("o", "s", "^", "v", "D", "P", "X", "<", ">", "*")

# Square points that make markers look equally large; the others take the first.
MARKER_SIZES = {"o": 18, "P": 26, "X": 26, "*": 42, "D": 14}

_SETTINGS = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.edgecolor": GREY,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ECECEC",
    "lines.linewidth": 1.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.dpi": 100,
}

F = TypeVar("F", bound=Callable[..., object])


def styled(function: F) -> F:
    """Draw in this style alone, whatever the user's settings; they stay as they are."""

    @functools.wraps(function)
    def draw(*args: object, **options: object) -> object:
        with matplotlib.style.context(["default", _SETTINGS]):
            return function(*args, **options)

    return draw  # type: ignore[return-value]


def new_figure(height: float) -> Figure:
    """An empty figure of the width of all figures.

    Args:
        height: Float, inches.
    """
    figure = _Shown(figsize=(WIDTH, height))
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.06)
    FigureCanvasAgg(figure)
    return figure


class _Shown(Figure):
    """A figure that a notebook shows where `matplotlib.pyplot` was never imported."""

    def _repr_png_(self) -> bytes:
        return to_png(self, dpi=80)


@styled
def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """A figure as a PNG file.

    Args:
        figure: The figure.
        dpi: Integer, pixels an inch. Defaults to 150.
    """
    file = io.BytesIO()
    # Neither date nor version: the same figure is the same file.
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


def spaced(positions: list[float], low: float, high: float, share: float) -> list[int]:
    """Which of some ascending positions can be labelled without touching.

    The last one always is, since it says where things end.

    Args:
        positions: Ascending positions on an axis.
        low: Float, lower end of the axis.
        high: Float, upper end.
        share: Float, least distance of two labels as a share of the axis.

    Returns:
        Indices, ascending.
    """
    least = share * (high - low)
    chosen: list[int] = []
    for index in reversed(range(len(positions))):
        if not chosen or positions[chosen[-1]] - positions[index] >= least:
            chosen.append(index)
    return chosen[::-1]


def epoch_axis(axes: Axes, last: int) -> None:
    """An x axis of epochs, counted from 1.

    Args:
        axes: Whose x axis.
        last: Integer, the last epoch.
    """
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
