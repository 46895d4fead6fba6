"""Figures of training runs: plain data in, a `matplotlib.figure.Figure` out.

The only room that loads matplotlib; nothing of it is global.
"""

from ald_keras.reports.figures.comparison import (
    scratch_figure,
    sizes_figure,
    starts_figure,
)
from ald_keras.reports.figures.costs import Cost, costs_figure
from ald_keras.reports.figures.curves import Curves, Event
from ald_keras.reports.figures.gates import OpenGates, gates_figure
from ald_keras.reports.figures.images import reconstruction_figure, samples_figure
from ald_keras.reports.figures.latents import codes_figure, kl_figure, traversal_figure
from ald_keras.reports.figures.size_curve import SizeLine, SizePoint, size_curve_figure
from ald_keras.reports.figures.style import Figure, to_png
from ald_keras.reports.figures.tiles import picture_kind
from ald_keras.reports.figures.training import training_figure

__all__ = [
    "Cost",
    "Curves",
    "Event",
    "Figure",
    "OpenGates",
    "SizeLine",
    "SizePoint",
    "codes_figure",
    "costs_figure",
    "gates_figure",
    "kl_figure",
    "picture_kind",
    "reconstruction_figure",
    "samples_figure",
    "scratch_figure",
    "size_curve_figure",
    "sizes_figure",
    "starts_figure",
    "to_png",
    "training_figure",
    "traversal_figure",
]
