"""All data sets by name."""

import os
import pathlib

import numpy as np
import numpy.typing as npt

from ald_keras._validation import (
    check_choice,
    check_integer,
    check_options,
    check_scaling,
)
from ald_keras.datasets.dataset import (
    Dataset,
    RawDataset,
    Samples,
    encode_labels,
    scale,
)
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.datasets.splits import split_validation
from ald_keras.datasets.standardized import standardize as standardize_columns
from ald_keras.metrics.arrays import NamedArrays
from ald_keras.registries import DATASETS


def load_dataset(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    *,
    limit: int | None = None,
    val_fraction: float = 0.1,
    standardize: bool = False,
    noise: float = 1.0,
    **options: object,
) -> Dataset:
    """Load a data set and split it as the paper does (arXiv 2312.06280, section 4).

    A share of the training part, chosen with the seed, becomes the validation part.
    The test part is kept apart, for final metrics only. Images come as float32 in
    [0, 1] (uint8 divided by 255), other data keep their values. Large data sets come as
    `LazySamples`, which do so batch by batch.

    Args:
        name: One of the keys of `DATASETS`.
        data_dir: Folder with the files; relative paths among the options start there.
            Defaults to `None`: each data set's own source.
        seed: Non-negative integer that decides the validation part. Defaults to 0.
        limit: Use only the first `limit` samples of the training part, before the
            validation part is split off; the test part stays whole. Where a data set
            comes without a test part, the training part is in random order by then.
            Defaults to `None`: all.
        val_fraction: Share of the training part used for validation, in (0, 1).
            Defaults to 0.1.
        standardize: Boolean, centre each column of numbers of a table and divide it by
            its standard deviation, both of the training part's known values; a
            constant column is only centred. Conditions, and the 0 and 1 of categories,
            stay. Defaults to `False`.
        noise: Float > 0, with `standardize`: standard deviations that count as noise
            under a likelihood of unit scale. Columns are divided by it too. Defaults
            to 1.
        **options: What the loader itself takes, for example `path`.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: If a name, option or value is wrong, or a file is damaged.
        FileNotFoundError: If a named file or folder does not exist.
        ConnectionError: If data that are not on this machine cannot be downloaded.
        ImportError: If a package that reads the data is missing.

    Example:
    >>> load_dataset("digits").data_shape
    (8, 8, 1)
    """
    loader = DATASETS[check_choice("name", name, DATASETS)]
    check_integer("seed", seed, 0)
    standardized, noise = check_scaling(standardize, noise)
    check_options(f"Data set {name!r}", loader, options)
    path = options.get("path", "")
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"`path` must be text. Received: path={path!r}")
    folder = None if data_dir is None else _expand(data_dir)
    if folder is not None and not folder.is_dir():
        raise FileNotFoundError(
            f"`data_dir` must be an existing folder. Received: data_dir={folder}"
        )
    may_miss = options.get("missing") is not None
    raw = loader(folder, **options)
    n = _count_training_samples(raw, limit)
    train, val = split_validation(n, val_fraction, seed)
    if standardized:
        raw = standardize_columns(raw, train, noise, may_miss)
    labels, test_labels, class_names = _number_labels(raw)
    return Dataset(
        name=name,
        x_train=_take(raw.x, train, raw.source, may_miss),
        y_train=None if labels is None else labels[train],
        x_val=_take(raw.x, val, raw.source, may_miss),
        y_val=None if labels is None else labels[val],
        x_test=_take(raw.x_test, slice(None), raw.source, may_miss),
        y_test=test_labels,
        n_classes=None if class_names is None else len(class_names),
        class_names=class_names,
        columns=raw.columns,
    )


def _expand(data_dir: str | os.PathLike[str]) -> pathlib.Path:
    try:
        return pathlib.Path(data_dir).expanduser()
    except RuntimeError as error:  # a `~` of nobody
        raise ValueError(
            f"`data_dir` must be an existing folder. Received: data_dir={data_dir} "
            f"({error})"
        ) from error


def _count_training_samples(raw: RawDataset, limit: int | None) -> int:
    if limit is None:
        return len(raw.x)
    limit = check_integer("limit", limit)
    if not 2 <= limit <= len(raw.x):
        raise ValueError(
            f"`limit` must be at least 2 and at most the {len(raw.x)} training "
            f"samples of {raw.source}. Received: limit={limit}"
        )
    return limit


def _take(
    x: Samples, rows: npt.NDArray[np.int64] | slice, source: str, may_miss: bool
) -> Samples:
    if isinstance(x, NamedArrays):
        each = {
            name: _take(part, rows, source, may_miss and name == "x")
            for name, part in x.parts.items()
        }
        return NamedArrays(each)
    if isinstance(x, LazySamples):
        return x if isinstance(rows, slice) else x.take(rows)
    return scale(x[rows], source, may_miss)


def _number_labels(
    raw: RawDataset,
) -> tuple[
    npt.NDArray[np.int64] | None, npt.NDArray[np.int64] | None, tuple[str, ...] | None
]:
    if raw.y is None or raw.y_test is None:
        return None, None, None
    if raw.class_names is not None:
        y, y_test = raw.y.astype(np.int64), raw.y_test.astype(np.int64)
        return y, y_test, raw.class_names
    codes, names = encode_labels(np.concatenate([raw.y, raw.y_test]), raw.source)
    return codes[: len(raw.y)], codes[len(raw.y) :], names
