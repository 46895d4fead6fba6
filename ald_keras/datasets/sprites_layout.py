"""The files that SPRITES comes in: where they lie and what they must hold."""

import pathlib

import numpy as np
import numpy.typing as npt

from ald_keras.datasets.npz_file import read_arrays

ACTIONS = tuple(
    f"{action}_{direction}"
    for action in ("walk", "spellcard", "slash")
    for direction in ("front", "left", "right")
)
CLIP_SHAPE = (8, 64, 64, 3)
PARTS = ("train", "test")
ARCHIVE = "sprites_palette.npz"
_ARRAYS = ("index", "palette", "n_train")
SUBFOLDER = "sprites"

Palette = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], int]


def find_files(folder: pathlib.Path) -> pathlib.Path | None:
    """Find the data in a folder or its subfolder ``sprites``.

    Args:
        folder: Any path-like object of `pathlib`'s interface.

    Returns:
        The archive, or the folder with the authors' files, or `None`.

    Raises:
        FileNotFoundError: If a folder holds some of the authors' files but not all.
    """
    places = (folder, folder / SUBFOLDER)
    for place in places:
        if (place / ARCHIVE).is_file():
            return place / ARCHIVE
    names = [npy_name(action, part) for part in PARTS for action in ACTIONS]
    for place in places:
        missing = [name for name in names if not (place / name).is_file()]
        if not missing:
            return place
        if len(missing) < len(names):
            raise FileNotFoundError(
                f"{place} lacks {', '.join(missing)} beside the other files of "
                "'sprites'."
            )
    return None


def npy_name(action: str, part: str) -> str:
    """Name of the authors' file of one action in one part."""
    return f"{action}_frames_{part}.npy"


def read_palette(archive: pathlib.Path) -> Palette:
    """Read ``sprites_palette.npz``.

    Args:
        archive: The file.

    Returns:
        Colour indices of shape `(characters, 9, 8, 64, 64)`, colours of shape
        `(colours, 3)`, and how many of the characters are for training.

    Raises:
        ValueError: If the file is damaged or holds something else.
    """
    arrays: dict[str, np.ndarray] = read_arrays(archive, _ARRAYS)
    missing = [name for name in _ARRAYS if name not in arrays]
    if missing:
        raise ValueError(f"{archive}: lacks the arrays {', '.join(missing)}.")
    index, palette, n_train = (arrays[name] for name in _ARRAYS)
    shape = (len(ACTIONS), *CLIP_SHAPE[:-1])
    for name, array, expected in (
        ("index", index, shape),
        ("palette", palette, (3,)),
    ):
        if array.dtype != np.uint8 or array.shape[1:] != expected or not len(array):
            raise ValueError(
                f"{archive}: {name} must be uint8 of shape (n, "
                f"{', '.join(map(str, expected))}). "
                f"Received: dtype={array.dtype}, shape={array.shape}"
            )
    if index.max() >= len(palette):
        raise ValueError(
            f"{archive}: index must lie within the {len(palette)} colours of the "
            f"palette. Received: {index.max()}"
        )
    if n_train.ndim or n_train.dtype.kind not in "iu" or not 0 < n_train < len(index):
        raise ValueError(
            f"{archive}: n_train must be an integer that leaves some of the "
            f"{len(index)} characters on each side. Received: n_train={n_train}"
        )
    return index, palette, int(n_train)


def check_clips(source: str, clips: np.ndarray) -> npt.NDArray[np.float32]:
    """Check that an array holds clips as the authors store them.

    Args:
        source: Where the array came from, for the error message.
        clips: The array.

    Returns:
        `clips`.

    Raises:
        ValueError: If it is not float32 of shape `(n, 8, 64, 64, 3)`, or empty.
    """
    shape, dtype = getattr(clips, "shape", ()), getattr(clips, "dtype", None)
    if dtype != np.float32 or shape[1:] != CLIP_SHAPE or 0 in shape:
        raise ValueError(
            f"{source}: must hold float32 clips of shape (n, "
            f"{', '.join(map(str, CLIP_SHAPE))}). "
            f"Received: dtype={dtype}, shape={shape}"
        )
    return clips
