"""Images of one shape each, of which place, size, turn and kind vary as asked."""

import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_choice, check_integer, check_real
from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.generated import draw_parts, random_stream
from ald_keras.datasets.shape_drawing import SHAPES, draw_shapes

FACTORS = ("x", "y", "scale", "rotation", "shape")

_NAME = "rendered_shapes"
# Within these any shape at any angle, edge included, lies wholly inside the image.
_RANGES = {"x": (0.25, 0.75), "y": (0.25, 0.75), "scale": (0.5, 1.0)}
_REST = {
    "x": 0.5,
    "y": 0.5,
    "scale": 0.75,
    "rotation": 0.0,
    "shape": SHAPES.index("heart"),
}
_SMALLEST = 16

Factors = dict[str, npt.NDArray[np.float64] | npt.NDArray[np.int64]]


def load_rendered_shapes(
    data_dir: pathlib.Path | None,
    *,
    factors: Sequence[str] = FACTORS,
    rotation_range: float = 360.0,
    size: int = 64,
    samples: int = 10000,
    test_samples: int = 2000,
    data_seed: int = 0,
) -> RawDataset:
    """Draw white shapes on black, in the manner of dSprites but from scratch.

    Each image shows one square, ellipse or heart. The factors named vary independently
    and uniformly: centroid (x and y, the middle half of the image), scale (0.5 to 1),
    rotation, and the kind of shape; the others rest in the middle, at scale 0.75,
    upright, a heart. A factor's values are the same whatever else varies.

    How many latent dimensions that is: one each for x, y and scale. A full turn is a
    closed loop, which takes two, and a quarter turn closes for the square, half
    a turn for the ellipse; hearts turned by less than 360 degrees take one. The kind of
    shape comes in steps and may go along in the others.

    Args:
        data_dir: Not used: the images are drawn.
        factors: Which vary: names among `x`, `y`, `scale`, `rotation` and `shape`.
            Defaults to all.
        rotation_range: Degrees over which rotation varies, from 0, in (0, 360].
            Defaults to 360.
        size: Integer >= 16, width and height in pixels. Defaults to 64.
        samples: Positive integer, size of the training part; fewer are the first of
            more. Defaults to 10000.
        test_samples: Positive integer, size of the test part. Defaults to 2000.
        data_seed: Non-negative integer that decides the images. Defaults to 0.

    Returns:
        A `RawDataset` with uint8 samples of shape `(size, size, 1)`; the labels are the
        shapes where they vary.

    Raises:
        ValueError: If a factor is unknown or named twice, or an option out of range.
    """
    del data_dir
    check_integer("size", size, _SMALLEST)
    _check_factors(factors)
    labelled = "shape" in factors

    def draw(part: str, count: int) -> tuple[np.ndarray, np.ndarray | None]:
        drawn = draw_factors(
            count,
            factors,
            rotation_range=rotation_range,
            data_seed=data_seed,
            part=part,
        )
        return draw_shapes(**drawn, size=size), drawn["shape"] if labelled else None

    names = SHAPES if labelled else None
    return draw_parts(_NAME, draw, samples, test_samples, names)


def draw_factors(
    samples: int,
    factors: Sequence[str] = FACTORS,
    *,
    rotation_range: float = 360.0,
    data_seed: int = 0,
    part: str = "train",
) -> Factors:
    """Draw the factors of `load_rendered_shapes`, as `draw_shapes` takes them.

    Args:
        samples: Positive integer.
        factors: Names of those that vary. Defaults to all.
        rotation_range: Degrees, in (0, 360]. Defaults to 360.
        data_seed: Non-negative integer. Defaults to 0.
        part: `"train"` or `"test"`. Defaults to `"train"`.

    Returns:
        One array of shape `(samples,)` for each of the five factors: positions as
        shares of the image, rotation in radians, `shape` as a position in `SHAPES`.

    Raises:
        ValueError: If a factor is unknown or named twice, or an option out of range.
    """
    check_integer("samples", samples, 1)
    _check_factors(factors)
    check_real("rotation_range", rotation_range, above=0.0, at_most=360.0)
    ranges = {**_RANGES, "rotation": (0.0, np.deg2rad(rotation_range))}
    drawn: Factors = {}
    for name in FACTORS:
        random = random_stream(data_seed, _NAME, part, name)
        if name not in factors:
            drawn[name] = np.full(samples, _REST[name])
        elif name == "shape":
            drawn[name] = random.integers(len(SHAPES), size=samples)
        else:
            drawn[name] = random.uniform(*ranges[name], samples)
    return drawn


def _check_factors(factors: Sequence[str]) -> None:
    if isinstance(factors, str) or not isinstance(factors, Sequence) or not factors:
        raise ValueError(
            f"`factors` must be a list of one or more of {', '.join(FACTORS)}. "
            f"Received: factors={factors!r}"
        )
    for name in factors:
        check_choice("factors", name, FACTORS)
    if len(set(factors)) < len(factors):
        raise ValueError(
            f"`factors` must name each factor once. Received: factors={factors!r}"
        )
