"""dSprites: the official npz file, or TensorFlow Datasets."""

import pathlib
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_integer
from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.generated import random_stream
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.datasets.npz_file import read_arrays
from ald_keras.datasets.splits import split_test
from ald_keras.datasets.tfds_source import iterate_examples, open_builder

_NAME = "dsprites"
_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
_HINT = f"{_FILE} (27 MB) from https://github.com/google-deepmind/dsprites-dataset"
_SHAPES = ("square", "ellipse", "heart")
_IMAGE_SHAPE = (64, 64)
# In the order of the columns of `latents_classes`; the first is the one colour.
_LABELS = ("shape", "scale", "orientation", "x_position", "y_position")
_TEST_FRACTION = 0.1
# Images unpacked from the file at a time.
_BLOCK = 4096

_Integers = npt.NDArray[np.int64]


def load_dsprites(
    data_dir: pathlib.Path | None,
    *,
    samples: int | None = 20000,
    data_seed: int = 0,
) -> RawDataset:
    """Load dSprites: binary images of 64 x 64 pixels, all mixtures of five factors.

    Source: Matthey, Higgins, Hassabis and Lerchner 2017,
    https://github.com/google-deepmind/dsprites-dataset. The 737,280 images show three
    shapes (the label) in 6 sizes, 40 rotations and 32 x 32 places. A folder may hold
    ``dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz`` as published; it is looked for
    there and in the subfolder ``dsprites``.

    The set has no official test part: 10 % of the images taken are held out, the same
    for every `seed`. Images are kept as bits, 512 bytes each (all of them: 377 MB), and
    become float32 as they are read.

    Args:
        data_dir: The folder, or `None` for TensorFlow Datasets.
        samples: Integer >= 2, how many images to take, chosen at random; `None` for
            all. Defaults to 20000.
        data_seed: Non-negative integer that decides which images are taken, and which
            of them are the test part. Defaults to 0.

    Returns:
        A `RawDataset` with lazy samples of shape `(64, 64, 1)`.

    Raises:
        FileNotFoundError: If the folder does not hold the file.
        ValueError: If the file is damaged or holds something else, or if it holds fewer
            images than asked for.
        ConnectionError: If TensorFlow Datasets cannot download the images.
        ImportError: If TensorFlow Datasets is needed and not installed.
    """
    check_integer("data_seed", data_seed, 0)
    if samples is not None:
        check_integer("samples", samples, 2)
    if data_dir is None:
        source, images, labels = _load_tfds(samples, data_seed)
    else:
        source, images, labels = _load_file(_find_file(data_dir), samples, data_seed)
    lazy = LazySamples(images, source)
    train, test = split_test(len(labels), _TEST_FRACTION, data_seed)
    return RawDataset(
        source, lazy.take(train), labels[train], lazy.take(test), labels[test], _SHAPES
    )


class _BitImages:
    """Binary images, eight pixels a byte."""

    def __init__(self, count: int) -> None:
        self._bits = np.empty((count, _IMAGE_SHAPE[0] * _IMAGE_SHAPE[1] // 8), np.uint8)
        self.shape = (count, *_IMAGE_SHAPE, 1)

    def __getitem__(self, rows: _Integers) -> npt.NDArray[np.bool_]:
        pixels = np.unpackbits(self._bits[rows], axis=1)
        return pixels.reshape(-1, *self.shape[1:]).astype(np.bool_)

    def fill(self, start: int, images: npt.NDArray[np.uint8], source: str) -> None:
        """Store images of zeros and ones from row `start` on."""
        if images.size and images.max() > 1:
            raise ValueError(
                f"{source}: images must hold zeros and ones. Received: {images.max()}"
            )
        packed = np.packbits(images.reshape(len(images), -1), axis=1)
        self._bits[start : start + len(images)] = packed

    def take(self, rows: _Integers) -> "_BitImages":
        taken = _BitImages(len(rows))
        taken._bits = self._bits[rows]
        return taken


def _find_file(data_dir: pathlib.Path) -> pathlib.Path:
    for folder in (data_dir, data_dir / _NAME):
        if (folder / _FILE).is_file():
            return folder / _FILE
    raise FileNotFoundError(
        f"No 'dsprites' in {data_dir}: looked for {_FILE} there and in "
        f"{data_dir / _NAME}. Download {_HINT}"
    )


def _load_file(
    file: pathlib.Path, samples: int | None, data_seed: int
) -> tuple[str, _BitImages, _Integers]:
    classes = read_arrays(file, ["latents_classes"]).get("latents_classes")
    columns = len(_LABELS) + 1
    if classes is None or classes.dtype.kind not in "iu" or classes.ndim != 2:
        raise ValueError(f"{file}: lacks the integers latents_classes.")
    labels = classes[:, 1].astype(np.int64)
    if classes.shape[1] != columns or not np.isin(labels, range(len(_SHAPES))).all():
        raise ValueError(
            f"{file}: latents_classes must have {columns} columns, the second of which "
            f"is one of {len(_SHAPES)} shapes. Received: shape={classes.shape}"
        )
    rows = _choose(str(file), len(labels), samples, data_seed)
    images = _BitImages(len(rows))
    done = 0
    for start, block in _read_blocks(file, len(labels)):
        # Rows are in ascending order, so each block holds the next of them.
        end = int(np.searchsorted(rows, start + len(block)))
        images.fill(done, block[rows[done:end] - start], str(file))
        done = end
    return str(file), images, labels[rows]


def _read_blocks(
    file: pathlib.Path, count: int
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """The images of the archive, a block at a time; at once they would take 3 GB."""
    pixels = _IMAGE_SHAPE[0] * _IMAGE_SHAPE[1]
    try:
        with zipfile.ZipFile(file) as archive, archive.open("imgs.npy") as stream:
            _check_header(file, stream, count)
            for start in range(0, count, _BLOCK):
                rows = min(_BLOCK, count - start)
                content = stream.read(rows * pixels)
                if len(content) < rows * pixels:
                    raise EOFError("the images end too early")
                block = np.frombuffer(content, np.uint8).reshape(rows, *_IMAGE_SHAPE)
                yield start, block
    except KeyError as error:
        raise ValueError(f"{file}: lacks the array imgs.") from error
    # RuntimeError: encrypted, or compressed in a way that Python does not know.
    except (EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{file}: not a readable npz file ({error})") from error


def _check_header(file: pathlib.Path, stream: IO[bytes], count: int) -> None:
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, by_column, dtype = read(stream)
    except (ValueError, tokenize.TokenError) as error:
        raise ValueError(f"{file}: not a readable npz file ({error})") from error
    if shape != (count, *_IMAGE_SHAPE) or dtype != np.uint8 or by_column:
        raise ValueError(
            f"{file}: imgs must be uint8 of shape {(count, *_IMAGE_SHAPE)}, row by row."
            f" Received: dtype={dtype}, shape={shape}"
        )


def _load_tfds(
    samples: int | None, data_seed: int
) -> tuple[str, _BitImages, _Integers]:
    builder = open_builder("dsprites", _HINT)
    source = f"TensorFlow Datasets {builder.info.full_name}"
    count = builder.info.splits["train"].num_examples
    images = _BitImages(count)
    keys = np.empty((count, len(_LABELS)), np.int64)
    for row, example in enumerate(iterate_examples(builder, "train")):
        keys[row] = [example[f"label_{name}"] for name in _LABELS]
        images.fill(row, example["image"][np.newaxis, ..., 0], source)
    # Kept there in an order of its own: sorted, the images chosen are the file's.
    order = np.lexsort(keys.T[::-1])
    rows = order[_choose(source, count, samples, data_seed)]
    return source, images.take(rows), keys[rows, 0]


def _choose(source: str, count: int, samples: int | None, data_seed: int) -> _Integers:
    """Rows of the images to take, in ascending order."""
    if samples is None:
        return np.arange(count)
    if samples > count:
        raise ValueError(
            f"`samples` must be at most the {count} images of {source}. "
            f"Received: samples={samples}"
        )
    random = random_stream(data_seed, _NAME, "samples")
    return np.sort(random.permutation(count)[:samples])
