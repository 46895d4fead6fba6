"""A folder of images, with or without a subfolder for each class."""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_flag
from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.splits import hold_out

if TYPE_CHECKING:
    from PIL import Image

# Pillow's other formats are left out: it hands EPS over to Ghostscript, a program.
_FORMATS = (
    *("BMP", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM"),
    *("TGA", "TIFF", "WEBP"),
)

# Pillow's modes of one channel, and of one with transparency.
_GREY = ("1", "L", "LA")


def load_image_folder(
    data_dir: pathlib.Path | None,
    *,
    path: str | os.PathLike[str],
    size: Sequence[int] | None = None,
    grayscale: bool | None = None,
    test_fraction: float = 0.1,
    data_seed: int = 0,
) -> RawDataset:
    """Load every image of a folder, for example EuroSAT's unpacked ``2750``.

    Each subfolder is a class, numbered in sorted order; images that lie in the folder
    itself carry no labels. Files are read in sorted order with Pillow (PNG, JPEG, BMP,
    GIF, TIFF, WebP, PPM, JPEG 2000, TGA, PCX with 8 bits a channel; of an animation the
    first frame); hidden files and folders are skipped. Transparency is dropped.

    Args:
        data_dir: Folder at which a relative `path` starts, or `None`.
        path: The folder.
        size: Height and width to which each image is resized, bilinear with
            antialiasing. Defaults to `None`: all images must be of one size.
        grayscale: Whether to read one channel (luma) instead of red, green and blue.
            Defaults to `None`: where all files are grey.
        test_fraction: Share of the images held out as test part, in (0, 1).
            Defaults to 0.1.
        data_seed: Non-negative integer that chooses the test part. Defaults to 0: the
            same for every seed of a run.

    Returns:
        A `RawDataset` with uint8 samples of shape `(height, width, channels)`.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.
        ValueError: If a file cannot be read, if sizes differ, or if the folder holds
            both images and subfolders.
        ImportError: If Pillow is not installed.
    """
    folder = pathlib.Path(data_dir or "", path).expanduser()
    if grayscale is not None:
        check_flag("grayscale", grayscale)
    target = _check_size(size)
    files, labels, class_names = list_images(folder)
    if grayscale is None:
        grayscale = all(map(_is_grey, files))
    x = _read_images(files, target, grayscale)
    return hold_out(str(folder), x, labels, test_fraction, data_seed, class_names)


def _check_size(size: Sequence[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    numbers = list(size) if isinstance(size, Sequence) else []
    if len(numbers) != 2 or not all(type(n) is int and n >= 1 for n in numbers):
        raise ValueError(
            "`size` must be two positive integers (height, width). "
            f"Received: size={size!r}"
        )
    return numbers[0], numbers[1]


def list_images(
    folder: pathlib.Path,
) -> tuple[list[pathlib.Path], npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """List a folder of images, or of one subfolder a class, in sorted order.

    Args:
        folder: The folder.

    Returns:
        The files, their labels `0 .. k - 1` (`None` without subfolders), and the names
        of the `k` subfolders.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.
        ValueError: If the folder holds both images and subfolders.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"No such folder: {folder}")
    entries = _visible(folder)
    classes = [entry for entry in entries if entry.is_dir()]
    if classes and len(classes) < len(entries):
        loose = next(entry for entry in entries if not entry.is_dir())
        raise ValueError(
            f"{folder}: must hold images, or subfolders of images, not both. "
            f"Received: folder {classes[0].name!r} beside file {loose.name!r}"
        )
    if not entries:
        raise FileNotFoundError(f"{folder}: holds no images.")
    if not classes:
        return entries, None, ()
    files: list[pathlib.Path] = []
    labels: list[int] = []
    for label, subfolder in enumerate(classes):
        members = _visible(subfolder)
        if not members:
            raise FileNotFoundError(f"{subfolder}: holds no images.")
        files.extend(members)
        labels.extend([label] * len(members))
    names = tuple(subfolder.name for subfolder in classes)
    return files, np.asarray(labels, np.int64), names


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(e for e in folder.iterdir() if not e.name.startswith("."))


def _read_images(
    files: list[pathlib.Path], size: tuple[int, int] | None, grayscale: bool
) -> npt.NDArray[np.uint8]:
    first = read_image(files[0], str(files[0]), size, grayscale)
    images = np.empty((len(files), *first.shape), np.uint8)
    for index, file in enumerate(files):
        image = read_image(file, str(file), size, grayscale) if index else first
        if image.shape != first.shape:
            raise ValueError(
                f"{file}: all images must be of one size; pass `size` to resize them. "
                f"Received: {image.shape[:2]} after {first.shape[:2]}"
            )
        images[index] = image
    return images


def read_image(
    file: pathlib.Path | IO[bytes],
    source: str,
    size: tuple[int, int] | None = None,
    grayscale: bool = False,
) -> npt.NDArray[np.uint8]:
    """Read one image with Pillow.

    Args:
        file: The file, or a binary stream that can seek.
        source: What to call it in an error message.
        size: Height and width to resize to. Defaults to `None`: as it is.
        grayscale: Whether to read one channel instead of three. Defaults to `False`.

    Returns:
        uint8 array, shape `(height, width, channels)`.

    Raises:
        ValueError: If the file cannot be read.
        ImportError: If Pillow is not installed.
    """
    with _opened(file, source) as opened:
        image = _convert(opened, "L" if grayscale else "RGB")
    if size is not None:
        from PIL import Image

        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    array = np.asarray(image, np.uint8)
    return array[..., np.newaxis] if grayscale else array


@contextlib.contextmanager
def _opened(file: pathlib.Path | IO[bytes], source: str) -> Iterator["Image.Image"]:
    """An image whose header is read, and errors that name it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Reading images needs Pillow. Install it with: pip install pillow"
        ) from error
    try:
        if isinstance(file, pathlib.Path) and not file.is_file():
            raise ValueError("no file")  # a pipe would be waited for
        with Image.open(file, formats=_FORMATS) as image:
            yield image
    # Pillow's formats raise many types for damaged files.
    except Exception as error:
        raise ValueError(f"{source}: not a readable image ({error})") from error


def _is_grey(file: pathlib.Path) -> bool:
    with _opened(file, str(file)) as image:
        return image.mode in _GREY


def _convert(image: "Image.Image", mode: str) -> "Image.Image":
    # Pillow cuts 16-bit and float values off at 255 instead of scaling them.
    if image.mode[0] in "IF":
        raise ValueError(f"more than 8 bits a channel, mode {image.mode}")
    # A palette with transparency converts without a warning only by way of RGBA.
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    return image.convert(mode)
