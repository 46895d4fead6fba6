"""What every figure must be: labelled, and without text upon text."""

from __future__ import annotations

import io
import itertools

import numpy as np
from matplotlib.text import Text
from PIL import Image


def check_figure(figure) -> None:
    """Texts are inside the figure and apart; every axis in use says what it shows."""
    figure.canvas.draw()
    boxes = [(text.get_text(), box_of(text)) for text in shown_texts(figure)]
    width, height = figure.canvas.get_width_height()
    assert boxes
    for words, box in boxes:
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -1, words
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        apart = (
            min(first.x1, second.x1) - max(first.x0, second.x0) < 1
            or min(first.y1, second.y1) - max(first.y0, second.y0) < 1
        )
        assert apart, f"{one!r} and {other!r} overlap"


def shown_texts(figure):
    """Texts that are drawn: matplotlib also holds labels beyond an axis's limits."""
    ticks = {}
    for axes in all_axes(figure):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                shown = low - slack <= tick.get_loc() <= high + slack
                ticks[tick.label1] = ticks[tick.label2] = shown and axis.get_visible()
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and ticks.get(text, True):
            yield text


def all_axes(figure):
    for axes in figure.get_axes():
        if axes.get_visible():
            yield axes
            yield from axes.child_axes


def box_of(text):
    return text.get_window_extent(text.get_figure(root=True).canvas.get_renderer())


def decode(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
