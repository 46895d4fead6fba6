"""EuroSAT's RGB images, from a folder, the zip, or TensorFlow Datasets."""

import pathlib
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import sklearn.model_selection

from ald_keras._validation import check_integer
from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.image_folder import list_images, read_image
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.datasets.tfds_source import iterate_examples, open_builder

_CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)
_IMAGE_SHAPE = (64, 64, 3)
_FOLDER = "2750"
_ARCHIVE = "EuroSAT.zip"
_HINT = (
    "EuroSAT.zip (RGB, 90 MB) from https://github.com/phelber/EuroSAT or "
    "https://zenodo.org/records/7711810"
)
_TEST_FRACTION = 0.1
# Fixed, so that runs with different seeds are evaluated on the same test part.
_TEST_SEED = 0

_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError)

_Labels = npt.NDArray[np.int64]


def load_eurosat(data_dir: pathlib.Path | None, *, every: int = 1) -> RawDataset:
    """Load EuroSAT: 27,000 satellite images of 64 x 64 pixels, ten kinds of land use.

    Source: Helber, Bischke, Dengel and Borth, arXiv 1709.00029. A folder may hold the
    images unpacked, as ``2750/<Class>/<Class>_<n>.jpg``, or ``EuroSAT.zip``, which is
    read without unpacking it; each is looked for there and in the subfolder
    ``EuroSAT``, the images first.

    The set has no official test part: 10 % of the images are held out here, stratified
    by class and the same for every `seed`. The images stay bytes (332 MB) and become
    float32 as they are read.

    Args:
        data_dir: The folder, or `None` for TensorFlow Datasets.
        every: Positive integer, take only each `every`-th image of the list sorted by
            class and file name, from the first on; the test part is then 10 % of
            these. Defaults to 1: all.

    Returns:
        A `RawDataset` with lazy samples of shape `(64, 64, 3)`.

    Raises:
        FileNotFoundError: If the folder holds neither images nor zip.
        ValueError: If a file is damaged or holds something else, or if `every` leaves
            too few images.
        ConnectionError: If TensorFlow Datasets cannot download the images.
        ImportError: If Pillow or TensorFlow Datasets is needed and not installed.
    """
    check_integer("every", every, 1)
    if data_dir is None:
        source, images, labels = _load_tfds(every)
    else:
        source, images, labels = _load_files(data_dir, every)
    samples = LazySamples(images, source)
    train, test = _split(labels, every)
    return RawDataset(
        source,
        samples.take(train),
        labels[train],
        samples.take(test),
        labels[test],
        _CLASSES,
    )


def _load_files(
    data_dir: pathlib.Path, every: int
) -> tuple[str, npt.NDArray[np.uint8], _Labels]:
    places = (data_dir, data_dir / "EuroSAT")
    for place in places:
        if (place / _FOLDER).is_dir():
            return _load_folder(place / _FOLDER, every)
    for place in places:
        if (place / _ARCHIVE).is_file():
            return _load_zip(place / _ARCHIVE, every)
    raise FileNotFoundError(
        f"No 'eurosat' in {data_dir}: looked for the folder {_FOLDER} and for "
        f"{_ARCHIVE} there and in {places[1]}. Download {_HINT}"
    )


def _load_folder(
    folder: pathlib.Path, every: int
) -> tuple[str, npt.NDArray[np.uint8], _Labels]:
    files, labels, names = list_images(folder)
    _check_classes(str(folder), names)
    images = (read_image(file, str(file)) for file in files[::every])
    chosen = np.asarray(labels)[::every]
    return str(folder), _stack(str(folder), images, len(chosen)), chosen


def _load_zip(
    archive: pathlib.Path, every: int
) -> tuple[str, npt.NDArray[np.uint8], _Labels]:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _list_members(opened)
            _check_classes(str(archive), sorted({name for name, *_ in members}))
            members = members[::every]
            images = (_read_member(opened, archive, member) for *_, member in members)
            stacked = _stack(str(archive), images, len(members))
    # RuntimeError: encrypted, or compressed in a way that Python does not know.
    except (*_ZIP_ERRORS, RuntimeError, UnicodeDecodeError) as error:
        raise ValueError(f"{archive}: not a readable zip file ({error})") from error
    labels = np.array([_CLASSES.index(name) for name, *_ in members])
    return str(archive), stacked, labels


def _list_members(opened: zipfile.ZipFile) -> list[tuple[str, str, str]]:
    """Class, file name and member of each image in the zip, in sorted order."""
    paths = [
        (pathlib.PurePosixPath(name).parts, name)
        for name in opened.namelist()
        if not name.endswith("/")
    ]
    return sorted(
        (parts[1], parts[2], name)
        for parts, name in paths
        if len(parts) == 3 and parts[0] == _FOLDER and not parts[2].startswith(".")
    )


def _read_member(
    opened: zipfile.ZipFile, archive: pathlib.Path, member: str
) -> npt.NDArray[np.uint8]:
    with opened.open(member) as stream:
        return read_image(stream, f"{archive}/{member}")


def _load_tfds(every: int) -> tuple[str, npt.NDArray[np.uint8], _Labels]:
    builder = open_builder("eurosat/rgb", _HINT)
    source = f"TensorFlow Datasets {builder.info.full_name}"
    count = builder.info.splits["train"].num_examples
    keys: list[tuple[int, str]] = []

    def images() -> Iterator[npt.NDArray[np.uint8]]:
        for example in iterate_examples(builder, "train"):
            keys.append((int(example["label"]), example["filename"].decode()))
            yield example["image"]

    stacked = _stack(source, images(), count)
    # Kept there in an order of its own: sorted, the splits are those of the files.
    order = sorted(range(count), key=keys.__getitem__)[::every]
    return source, stacked[order], np.array([keys[row][0] for row in order])


def _check_classes(source: str, names: tuple[str, ...] | list[str]) -> None:
    if tuple(names) != _CLASSES:
        found = ", ".join(names[:20]) or "none"
        raise ValueError(
            f"{source}: must hold the ten classes of EuroSAT ({', '.join(_CLASSES)}). "
            f"Received: {found}"
        )


def _stack(
    source: str, images: Iterator[npt.NDArray[np.uint8]], count: int
) -> npt.NDArray[np.uint8]:
    stacked = np.empty((count, *_IMAGE_SHAPE), np.uint8)
    for row, image in enumerate(images):
        if image.shape != _IMAGE_SHAPE:
            raise ValueError(
                f"{source}: images must have shape {_IMAGE_SHAPE}. "
                f"Received: {image.shape} at position {row} of those read"
            )
        stacked[row] = image
    return stacked


def _split(labels: _Labels, every: int) -> tuple[_Labels, _Labels]:
    try:
        train, test = sklearn.model_selection.train_test_split(
            np.arange(len(labels)),
            test_size=_TEST_FRACTION,
            stratify=labels,
            random_state=_TEST_SEED,
        )
    except ValueError as error:
        raise ValueError(
            "`every` must leave enough images of each class for a test part. "
            f"Received: every={every}, {len(labels)} images"
        ) from error
    return train, test
