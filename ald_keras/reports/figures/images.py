"""What a model makes of data, and of nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ald_keras.reports.figures.style import INK, SERIES, WIDTH, new_figure, styled
from ald_keras.reports.figures.tiles import (
    picture_kind,
    show_tiles,
    some_frames,
    tiles_height,
    to_unit,
)

Array = NDArray[np.float32]

_COLUMNS = 10
_CLIPS = 3
_VECTORS = 4

# Inches that a letter of a row's label takes.
_LETTER = 0.07


@styled
def reconstruction_figure(versions: Mapping[str, Array]) -> Figure:
    """Data beside what models make of them.

    Images stand in columns, one row a version; of clips, three with up to ten frames as
    columns; of vectors, four as lines.

    Args:
        versions: Mapping from names to arrays of one shape `(samples, *data_shape)`;
            the data themselves come first.

    Raises:
        ValueError: If samples of this shape cannot be shown.
    """
    arrays = [np.asarray(values, np.float32) for values in versions.values()]
    kind = _kind_of(arrays[0])
    if kind == "vector":
        return _line_figure(list(versions), arrays)
    scaled = [to_unit(values, arrays[0]) for values in arrays]
    if kind == "image":
        rows = np.stack([values[:_COLUMNS] for values in scaled])
        return _tile_figure(rows, list(versions))
    count = min(_CLIPS, len(arrays[0]))
    rows = np.stack([some_frames(v[i]) for i in range(count) for v in scaled])
    names = [f"clip {i + 1}, {name}" for i in range(count) for name in versions]
    return _tile_figure(rows, names, "frame")


@styled
def samples_figure(samples: Array, like: Array) -> Figure:
    """What a model decodes from samples of the prior.

    Args:
        samples: Array of shape `(samples, *data_shape)`.
        like: Data, for the scale of the values.

    Raises:
        ValueError: If samples of this shape cannot be shown.
    """
    samples = np.asarray(samples, np.float32)
    kind = _kind_of(samples)
    if kind == "vector":
        return _line_figure(["sample of the prior"], [samples])
    scaled = to_unit(samples, np.asarray(like))
    if kind == "clip":
        rows = np.stack([some_frames(clip) for clip in scaled[:4]])
        names = [f"sample {i + 1}" for i in range(len(rows))]
        return _tile_figure(rows, names, "frame")
    columns = min(_COLUMNS, len(scaled))
    n_rows = min(4, len(scaled) // columns)
    rows = scaled[: n_rows * columns].reshape(n_rows, columns, *scaled.shape[1:])
    return _tile_figure(rows, [""] * n_rows)


def _kind_of(samples: Array) -> str:
    kind = picture_kind(samples.shape[1:])
    if kind is None:
        raise ValueError(
            "Samples must be vectors, images or clips with 1 or 3 channels to be shown."
            f" Received: shape {samples.shape[1:]}"
        )
    return kind


def _tile_figure(rows: Array, names: Sequence[str], columns: str = "") -> Figure:
    labelled = any(names)
    width = WIDTH - 0.25 - _LETTER * max(map(len, names))
    figure = new_figure(tiles_height(rows, width) + (0.55 if columns else 0.1))
    axes = figure.add_subplot()
    show_tiles(axes, rows)
    axes.set_yticks(axes.get_yticks(), labels=names)
    numbers = [str(i + 1) if columns else "" for i in range(rows.shape[1])]
    axes.set_xticks(axes.get_xticks(), labels=numbers)
    axes.set_xlabel(columns)
    if not labelled:
        axes.set_yticks([])
    return figure


def _line_figure(names: Sequence[str], arrays: Sequence[Array]) -> Figure:
    count = min(_VECTORS, len(arrays[0]))
    figure = new_figure(1.3 * count + 0.9)
    panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    positions = range(1, arrays[0].shape[1] + 1)
    for i, axes in enumerate(panels):
        for j, (name, values) in enumerate(zip(names, arrays, strict=True)):
            # The compact model's line lies on the masked one's: both must be seen.
            color = INK if j == 0 else SERIES[j - 1]
            style = (0, (2, 2)) if 1 < j == len(arrays) - 1 else "-"
            axes.plot(positions, values[i], color=color, linestyle=style, label=name)
        axes.set_ylabel(f"value,\nsample {i + 1}")
    panels[-1].set_xlabel("position in the vector")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure
