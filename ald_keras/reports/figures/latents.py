"""What the latent dimensions hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ald_keras.reports.figures.style import (
    BLUE,
    CLASSES,
    FAINT,
    GREY,
    MARKER_SIZES,
    MARKERS,
    WIDTH,
    new_figure,
    styled,
)
from ald_keras.reports.figures.tiles import show_tiles, tiles_height, to_unit

Array = NDArray[np.float32]

# Bars that can be labelled one by one.
_MOST_LABELS = 32

# Classes with a colour of their own; more share one.
_MOST_CLASSES = 20


@styled
def kl_figure(kl: Sequence[float], active: Sequence[int]) -> Figure:
    """Mean KL of each latent dimension as bars, the largest first.

    Pruned dimensions follow as grey stubs; their KL is 0.

    Args:
        kl: Mean KL of each dimension, shape `(n_dims,)`, nats per sample.
        active: Indices of the active dimensions.
    """
    order = sorted(active, key=lambda index: (-kl[index], index))
    pruned = [index for index in range(len(kl)) if index not in set(active)]
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    axes.bar(range(len(order)), [kl[index] for index in order], color=BLUE, width=0.8)
    highest = max((kl[index] for index in order), default=0.0) or 1.0
    # They take no more room than the others, whose labels need it.
    step = min(1.0, max(len(order), 8) / max(1, len(pruned)))
    axes.bar(
        [len(order) - 0.5 + step * (i + 0.5) for i in range(len(pruned))],
        [0.02 * highest] * len(pruned),
        color=GREY,
        width=0.8 * step,
    )
    end = len(order) - 0.5 + step * len(pruned)
    axes.set_xlim(-0.7, end + 0.2)
    _name_bars(axes, order, crowded=end > 24)
    axes.set_ylabel("mean KL divergence,\nnats per sample")
    axes.grid(axis="x", visible=False)
    handles = [Patch(color=BLUE, label=f"active: {len(order)} ({sum(kl):.1f} nats)")]
    if pruned:
        handles.append(Patch(color=GREY, label=f"pruned: {len(pruned)} (0 nats)"))
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


def _name_bars(axes: Axes, order: Sequence[int], crowded: bool) -> None:
    if len(order) > _MOST_LABELS:
        axes.set_xticks([])
        axes.set_xlabel("latent dimensions, the most informative first")
        return
    axes.set_xticks(range(len(order)), labels=[str(index) for index in order])
    axes.tick_params(axis="x", length=0, rotation=90 if crowded else 0)
    axes.set_xlabel("latent dimension (its index), the most informative first")


@styled
def traversal_figure(
    images: Array,
    values: Sequence[float],
    dims: Sequence[int],
    kl: Sequence[float],
    like: Array,
) -> Figure:
    """What changes when one dimension does: a row a dimension.

    Args:
        images: Array of shape `(dims, values, *image_shape)`.
        values: What the dimension is set to in each column.
        dims: Index of the dimension of each row.
        kl: Its mean KL, nats per sample.
        like: Data, for the scale of the pixel values.
    """
    rows = to_unit(np.asarray(images, np.float32), np.asarray(like))
    figure = new_figure(tiles_height(rows, WIDTH - 1.1) + 0.85)
    axes = figure.add_subplot()
    show_tiles(axes, rows)
    names = [f"{index}: {nats:.2f} nats" for index, nats in zip(dims, kl, strict=True)]
    axes.set_yticks(axes.get_yticks(), labels=names)
    axes.set_xticks(
        axes.get_xticks(), labels=[f"{value:+g}" if value else "0" for value in values]
    )
    axes.set_xlabel("value of the dimension, standard deviations of the prior")
    axes.set_title("Latent dimension and its mean KL divergence")
    return figure


@styled
def codes_figure(
    points: Array,
    axis_names: tuple[str, str],
    labels: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Codes in a plane, coloured by label.

    Args:
        points: Array of shape `(samples, 2)`.
        axis_names: What is on the two axes, with unit.
        labels: Classes `0 .. k - 1`, shape `(samples,)`. Defaults to `None`.
        class_names: A name a class. Defaults to the numbers.
    """
    figure = new_figure(5.6)
    axes = figure.add_subplot()
    classes = [] if labels is None else sorted(set(int(label) for label in labels))
    if labels is None or len(classes) > _MOST_CLASSES:
        axes.scatter(
            points[:, 0], points[:, 1], s=10, color=BLUE, alpha=0.6, linewidths=0
        )
    else:
        for label in classes:
            named = class_names is not None and label < len(class_names)
            chosen = points[np.asarray(labels) == label]
            # The same colour a second time comes with another marker.
            marker = MARKERS[(label + label // len(CLASSES)) % len(MARKERS)]
            axes.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=MARKER_SIZES.get(marker, MARKER_SIZES["o"]),
                color=CLASSES[label % len(CLASSES)],
                marker=marker,
                alpha=0.75,
                linewidths=0,
                label=class_names[label] if named and class_names else str(label),
            )
        figure.legend(loc="outside right upper", title="class", markerscale=1.5)
    axes.set_xlabel(axis_names[0])
    axes.set_ylabel(axis_names[1])
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0.5)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0.5)
    return figure
