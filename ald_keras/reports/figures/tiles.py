"""Many small images as one."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

Array = NDArray[np.float32]

# Pixels between two images, and of a side at least, so that the gaps stay thin.
_GAP = 2
_LEAST_SIDE = 56

# Frames of a clip that are shown.
_FRAMES = 10


def picture_kind(shape: tuple[int, ...]) -> str | None:
    """How samples of a shape are shown.

    Args:
        shape: Shape of one sample.

    Returns:
        `"image"` for `(height, width)` and with 1 or 3 channels, `"clip"` for frames
        of these, `"vector"` for a row of numbers, `None` for anything else.
    """
    if len(shape) == 1:
        return "vector"
    if len(shape) == 2:
        return "image"
    if shape[-1] not in (1, 3):
        return None
    return {3: "image", 4: "clip"}.get(len(shape))


def some_frames(clip: Array) -> Array:
    """At most ten frames of a clip, evenly over its length."""
    count = min(len(clip), _FRAMES)
    return clip[np.linspace(0, len(clip) - 1, count).round().astype(int)]


def tile(rows: Array) -> Array:
    """One image of many.

    Args:
        rows: Array of shape `(rows, columns, height, width)`, or with channels after
            that, in [0, 1].

    Returns:
        Array of shape `(height, width, 3)`, with white lines between the images.
    """
    rows = _enlarged(rows)
    n_rows, columns, height, width, channels = rows.shape
    page = np.ones(
        (n_rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels),
        dtype=np.float32,
    )
    for i in range(n_rows):
        for j in range(columns):
            top, left = i * (height + _GAP), j * (width + _GAP)
            page[top : top + height, left : left + width] = rows[i, j]
    return np.repeat(page, 3, axis=2) if channels == 1 else page


def _enlarged(rows: Array) -> Array:
    """The same with channels, small images larger by a whole factor."""
    if rows.ndim == 4:
        rows = rows[..., None]
    factor = -(-_LEAST_SIDE // min(rows.shape[2:4]))
    return rows.repeat(factor, axis=2).repeat(factor, axis=3) if factor > 1 else rows


def to_unit(images: Array, like: Array) -> Array:
    """Images in [0, 1], on the scale of the data.

    Args:
        images: Array of any shape.
        like: The data: where they lie in [0, 1], values stay as they are; else the
            least becomes 0 and the largest 1.
    """
    low, high = float(like.min()), float(like.max())
    if low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    return np.clip((images - low) / (high - low or 1.0), 0.0, 1.0)


def show_tiles(axes: Axes, rows: Array) -> None:
    """Show images in rows, with a tick at the middle of each row and column.

    Args:
        axes: Where.
        rows: As `tile` takes it.
    """
    axes.imshow(tile(rows), interpolation="nearest", aspect="equal")
    height, width = _enlarged(rows[:1, :1]).shape[2:4]
    axes.set_yticks([i * (height + _GAP) + height / 2 - 0.5 for i in range(len(rows))])
    axes.set_xticks(
        [j * (width + _GAP) + width / 2 - 0.5 for j in range(rows.shape[1])]
    )
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def tiles_height(rows: Array, width: float) -> float:
    """Inches that tiles need which are `width` inches wide."""
    height, wide = tile(rows).shape[:2]
    return width * height / wide
