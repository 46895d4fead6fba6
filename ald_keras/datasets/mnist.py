"""MNIST and Fashion-MNIST, from a folder or from TensorFlow Datasets."""

import pathlib

import numpy as np
import numpy.typing as npt

from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.idx import read_idx
from ald_keras.datasets.npz_file import read_arrays
from ald_keras.datasets.tfds_source import load_from_tfds

_PARTS = ("x_train", "y_train", "x_test", "y_test")
_IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
_SOURCES = {
    "mnist": (
        "mnist.npz from https://storage.googleapis.com/tensorflow/tf-keras-datasets/ "
        "or the four files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
        "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz from "
        "https://storage.googleapis.com/cvdf-datasets/mnist/"
    ),
    "fashion_mnist": (
        "the four files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
        "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz from "
        "https://github.com/zalandoresearch/fashion-mnist"
    ),
}
_IMAGE_SHAPE = (28, 28)


def load_mnist(data_dir: pathlib.Path | None) -> RawDataset:
    """Load MNIST: 60,000 training and 10,000 test images of handwritten digits.

    Source: LeCun, Cortes and Burges. A folder may hold ``mnist.npz`` as Keras publishes
    it, or the four IDX files, gzipped or not: the archive is taken first, then files in
    the subfolder ``mnist``, then files in the folder itself. TensorFlow Datasets keeps
    the images in an order of its own, so `limit` selects others there.

    Args:
        data_dir: The folder, or `None` for TensorFlow Datasets.

    Returns:
        A `RawDataset` with uint8 samples of shape `(28, 28, 1)`.

    Raises:
        FileNotFoundError: If the folder holds no such files.
        ValueError: If a file is damaged or holds something else.
        ConnectionError: If TensorFlow Datasets cannot download the images.
        ImportError: If TensorFlow Datasets is not installed.
    """
    return _load("mnist", data_dir)


def load_fashion_mnist(data_dir: pathlib.Path | None) -> RawDataset:
    """Load Fashion-MNIST: 60,000 training and 10,000 test images of clothing.

    Source: Xiao, Rasul and Vollgraf, arXiv 1708.07747. The files are looked for as
    `load_mnist` does, as ``fashion_mnist.npz`` and in the subfolder ``fashion_mnist``.
    The IDX files bear the same names as MNIST's: keep the two in their subfolders.

    Args:
        data_dir: The folder, or `None` for TensorFlow Datasets.

    Returns:
        A `RawDataset` with uint8 samples of shape `(28, 28, 1)`.

    Raises:
        FileNotFoundError: If the folder holds no such files.
        ValueError: If a file is damaged or holds something else.
        ConnectionError: If TensorFlow Datasets cannot download the images.
        ImportError: If TensorFlow Datasets is not installed.
    """
    return _load("fashion_mnist", data_dir)


def _load(name: str, data_dir: pathlib.Path | None) -> RawDataset:
    if data_dir is None:
        return load_from_tfds(name, download_hint=_SOURCES[name])
    archive = data_dir / f"{name}.npz"
    if archive.is_file():
        source, arrays = str(archive), read_arrays(archive, _PARTS)
    else:
        source, arrays = _read_idx_files(name, data_dir)
    missing = [part for part in _PARTS if part not in arrays]
    if missing:
        raise ValueError(f"{source}: lacks the arrays {', '.join(missing)}.")
    for part in ("x_train", "x_test"):
        _check_images(source, part, arrays[part])
    return RawDataset(
        source,
        arrays["x_train"][..., np.newaxis],
        arrays["y_train"],
        arrays["x_test"][..., np.newaxis],
        arrays["y_test"],
    )


def _read_idx_files(
    name: str, data_dir: pathlib.Path
) -> tuple[str, dict[str, npt.NDArray[np.generic]]]:
    for folder in (data_dir / name, data_dir):
        files = {part: _find_idx(folder, stem) for part, stem in _IDX_FILES.items()}
        found = {part: file for part, file in files.items() if file is not None}
        if len(found) == len(_IDX_FILES):
            return str(folder), {
                part: read_idx(file, ndim=3 if part.startswith("x") else 1)
                for part, file in found.items()
            }
        if found:
            absent = [_IDX_FILES[part] for part in _PARTS if part not in found]
            raise FileNotFoundError(
                f"{folder} lacks {', '.join(absent)} (or the same with .gz) beside "
                f"the other files of {name!r}."
            )
    raise FileNotFoundError(
        f"No {name!r} in {data_dir}: looked for {name}.npz, and for "
        f"{', '.join(_IDX_FILES.values())} (or the same with .gz) there and in "
        f"{data_dir / name}. Download {_SOURCES[name]}"
    )


def _find_idx(folder: pathlib.Path, stem: str) -> pathlib.Path | None:
    for file in (folder / f"{stem}.gz", folder / stem):
        if file.is_file():
            return file
    return None


def _check_images(source: str, part: str, images: npt.NDArray[np.generic]) -> None:
    if images.dtype != np.uint8 or images.shape[1:] != _IMAGE_SHAPE:
        raise ValueError(
            f"{source}: {part} must hold uint8 images of shape {_IMAGE_SHAPE}. "
            f"Received: dtype={images.dtype}, shape={images.shape}"
        )
