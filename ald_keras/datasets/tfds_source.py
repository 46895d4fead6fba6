"""Data sets that TensorFlow Datasets knows, downloaded once and then kept."""

import contextlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np

from ald_keras._typing import JSON
from ald_keras.datasets.dataset import RawDataset

_PROBE_SECONDS = 10
_INSTALL = "pip install tensorflow-datasets importlib_resources tensorflow"


def load_from_tfds(name: str, download_hint: str) -> RawDataset:
    """Load the parts ``train`` and ``test`` of an image data set with labels.

    Args:
        name: Name in the catalogue of TensorFlow Datasets.
        download_hint: What to download by hand, and from where, as text.

    Returns:
        A `RawDataset` with samples as stored there.

    Raises:
        ImportError: If TensorFlow Datasets is not installed.
        ConnectionError: If the data are neither on this machine nor can be downloaded.
    """
    builder = open_builder(name, download_hint)
    import tensorflow_datasets as tfds

    parts = builder.as_dataset(
        split=["train", "test"], batch_size=-1, as_supervised=True
    )
    (x, y), (x_test, y_test) = tfds.as_numpy(parts)
    return RawDataset(
        f"TensorFlow Datasets {builder.info.full_name}",
        np.asarray(x),
        np.asarray(y),
        np.asarray(x_test),
        np.asarray(y_test),
    )


def open_builder(name: str, download_hint: str) -> Any:
    """Open a data set of the catalogue, and download it if it is not there yet.

    The data are kept where TensorFlow Datasets keeps its own
    (``~/tensorflow_datasets``, or the folder named by the environment variable
    ``TFDS_DATA_DIR``).

    Args:
        name: Name in the catalogue of TensorFlow Datasets.
        download_hint: What to download by hand, and from where, as text.

    Returns:
        A `tfds.core.DatasetBuilder` that is prepared.

    Raises:
        ImportError: If TensorFlow Datasets is not installed.
        ConnectionError: If the data are neither on this machine nor can be downloaded.
    """
    with naming_the_package(name):
        import tensorflow_datasets as tfds

        builder = tfds.builder(name)
    if not builder.is_prepared():
        try:
            _probe(next(iter(builder.url_infos)))
            builder.download_and_prepare()
        # Download, checksum, disk and conversion each raise types of their own.
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ConnectionError(
                f"{name!r} is not on this machine and TensorFlow Datasets could not "
                f"prepare it ({reason}). Download {download_hint}, and pass their "
                "folder as `data_dir` (`--data-dir`)."
            ) from error
    return builder


def iterate_examples(builder: Any, split: str) -> Iterator[JSON]:
    """Read the examples of one part, one at a time.

    Args:
        builder: A prepared `tfds.core.DatasetBuilder`.
        split: Name of the part.

    Yields:
        Mapping from the names of the features to NumPy arrays and scalars.
    """
    import tensorflow_datasets as tfds

    # A cache would hold every decoded sample beside the caller's own copy.
    config = tfds.ReadConfig(try_autocache=False)
    yield from tfds.as_numpy(builder.as_dataset(split=split, read_config=config))


@contextlib.contextmanager
def naming_the_package(name: str) -> Iterator[None]:
    """Make an import of TensorFlow Datasets that fails name the pip command.

    Args:
        name: Name of the data set, for the message.

    Raises:
        ImportError: If the import within fails.
    """
    # Release 4.9.10 needs importlib_resources as well, without declaring it.
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"Loading {name!r} without `data_dir` needs TensorFlow Datasets "
            f"({error}). Install it with: {_INSTALL}"
        ) from error


def _probe(url: str) -> None:
    """Fail within seconds when the host cannot be reached; TFDS retries for minutes."""
    try:
        request = urllib.request.Request(url, method="HEAD")
        urllib.request.urlopen(request, timeout=_PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return
