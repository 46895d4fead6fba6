"""Squares, ellipses and hearts, drawn with smooth edges at any place."""

import numpy as np
import numpy.typing as npt

SHAPES = ("square", "ellipse", "heart")
# Side of the square at scale 1, as a share of the image; the others have its area.
SIDE = 0.26
# The longer half axis of the ellipse over the shorter.
_ELONGATION = 2.0
# Images drawn at a time: bounds the memory of the distances.
_BLOCK = 64

_Floats = npt.NDArray[np.float32]


def draw_shapes(
    shape: npt.ArrayLike,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    scale: npt.ArrayLike,
    rotation: npt.ArrayLike,
    size: int = 64,
) -> npt.NDArray[np.uint8]:
    """Draw one white shape on black in each image.

    A pixel's brightness falls from 1 to 0 as its centre goes from half a pixel within
    the outline to half a pixel outside, so it moves smoothly with every argument. At
    equal scale the shapes cover equal areas, `(SIDE * scale * size) ** 2` pixels.

    Args:
        shape: Integers, positions in `SHAPES`, shape `(n,)`.
        x: Centroids from the left edge, as shares of the width, shape `(n,)`.
        y: Centroids from the upper edge, as shares of the height, shape `(n,)`.
        scale: Sizes, above 0; 1 is the largest that `rendered_shapes` draws; `(n,)`.
        rotation: Angles in radians, counterclockwise as seen, shape `(n,)`. At 0 the
            square stands on a side, the ellipse lies, the heart stands on its tip.
        size: Width and height in pixels. Defaults to 64.

    Returns:
        uint8 images, shape `(n, size, size, 1)`.
    """
    kinds = np.asarray(shape)
    places = [np.asarray(each, np.float32) for each in (x, y, scale, rotation)]
    scales = places[2]
    images = np.empty((len(kinds), size, size, 1), np.uint8)
    for kind, distance in enumerate((_square, _ellipse, _heart)):
        rows = np.flatnonzero(kinds == kind)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            pixels = np.float32(SIDE * size) * scales[block, np.newaxis, np.newaxis]
            across, up = _own_axes(size, *(each[block] for each in places))
            inside = np.clip(0.5 - distance(across, up) * pixels, 0, 1)
            images[block, ..., 0] = np.rint(255 * inside)
    return images


def _own_axes(
    size: int, x: _Floats, y: _Floats, scale: _Floats, rotation: _Floats
) -> tuple[_Floats, _Floats]:
    """Pixel centres seen from the shape, in sides of its square."""
    x, y, scale, rotation = (
        each[:, np.newaxis, np.newaxis] for each in (x, y, scale, rotation)
    )
    centres = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)
    unit = np.float32(SIDE) * scale
    right = (centres - x) / unit
    above = (y - centres[:, np.newaxis]) / unit
    cosine, sine = np.cos(rotation), np.sin(rotation)
    across = cosine * right + sine * above
    up = cosine * above - sine * right
    return across, up


# Distances from the outline, negative within, of shapes of area 1 about the centroid.


def _square(across: _Floats, up: _Floats) -> _Floats:
    return _box(across, up, 0.5)


def _box(across: _Floats, up: _Floats, half: float) -> _Floats:
    beyond, above = np.abs(across) - half, np.abs(up) - half
    outside = np.hypot(np.maximum(beyond, 0), np.maximum(above, 0))
    return outside + np.minimum(np.maximum(beyond, above), 0)


def _ellipse(across: _Floats, up: _Floats) -> _Floats:
    short = float(1 / np.sqrt(np.pi * _ELONGATION))
    long = short * _ELONGATION
    level = np.hypot(across / long, up / short)
    slope = np.hypot(across / long**2, up / short**2)
    # First order, so for the neighbourhood of the outline; the core has no slope.
    near = level * (level - 1) / np.maximum(slope, np.float32(1e-6))
    return np.where(level < 0.5, np.float32(-short / 2), near)


# A square on its corner, side 1, with half a disc on each upper side; then scaled.
_HEART_AREA = 1 + np.pi / 4
_HEART_SCALE = float(np.sqrt(_HEART_AREA))
# Height of the centroid above the square's centre, from those of the half discs.
_DISC_HEIGHT = (0.5 + 2 / (3 * np.pi)) / np.sqrt(2)
_HEART_CENTROID = float(np.pi / 4 * _DISC_HEIGHT / _HEART_AREA)


def _heart(across: _Floats, up: _Floats) -> _Floats:
    across = np.abs(across) * np.float32(_HEART_SCALE)
    up = up * np.float32(_HEART_SCALE) + np.float32(_HEART_CENTROID)
    half = np.float32(np.sqrt(0.5))
    square = _box(half * (across + up), half * (up - across), 0.5)
    disc = np.hypot(across - half / 2, up - half / 2) - np.float32(0.5)
    return np.minimum(square, disc) / np.float32(_HEART_SCALE)
