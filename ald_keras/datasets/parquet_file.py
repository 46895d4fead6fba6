"""A table in Parquet, one sample a row."""

from __future__ import annotations

import importlib.util
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.splits import hold_out
from ald_keras.datasets.tables import ColumnRoles, assemble, check_missing


def load_parquet(
    data_dir: pathlib.Path | None,
    *,
    path: str | os.PathLike[str],
    label_column: str | None = None,
    conditions: Sequence[str] = (),
    categorical: Sequence[str] = (),
    missing: str | None = None,
    test_fraction: float = 0.1,
    data_seed: int = 0,
) -> RawDataset:
    """Load a table whose columns are features, and perhaps labels and conditions.

    Values are not scaled here: see `standardize` of `load_dataset`. A likelihood that
    wants [0, 1] needs them so in the file.

    Args:
        data_dir: Folder at which a relative `path` starts, or `None`.
        path: The file.
        label_column: Name of the column of labels. Defaults to `None`: no labels.
        conditions: Names of columns that become conditions of the model, each by its
            own name: numbers as they are, texts one-hot. Defaults to none.
        categorical: Names of columns of the data that hold categories, which become
            one column of 0 and 1 for each. They come last. Defaults to none.
        missing: `"nan"` reads missing values as NaN, or `None`: they are errors.
            Defaults to `None`.
        test_fraction: Share of the rows held out as test part, in (0, 1).
            Defaults to 0.1.
        data_seed: Non-negative integer that chooses the test part. Defaults to 0: the
            same for every seed of a run.

    Returns:
        A `RawDataset` with float64 samples of shape `(features,)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If pandas, or a package with which it reads Parquet, is missing.
        ValueError: If the file is damaged, a column that is needed is not there, or one
            does not hold numbers.
    """
    file = pathlib.Path(data_dir or "", path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"No such file: {file}")
    roles = ColumnRoles(label_column, conditions, categorical)
    may_miss = check_missing(missing)
    frame = _read(file)
    columns = [str(name) for name in frame.columns]
    frame.columns = columns
    roles.positions(str(file), columns)
    features = [name for name in columns if name not in roles.texts]
    wrong = [n for n in features if getattr(frame[n].dtype, "kind", "O") not in "biuf"]
    if wrong:
        raise ValueError(
            f"{file}: must hold numbers in each column of the data. Received: other "
            f"values in {wrong[:20]}. Name them as `categorical`, or leave them out of "
            "the file."
        )
    numbers = frame[features].to_numpy("float64", na_value=np.nan)
    if not may_miss and not np.isfinite(numbers).all():
        bad = [
            n for i, n in enumerate(features) if not np.isfinite(numbers[:, i]).all()
        ]
        raise ValueError(
            f"{file}: must hold finite numbers. Received: others in {bad[:20]}. With "
            "missing='nan' missing values are left out of the likelihood."
        )
    texts = {name: _values(frame[name]) for name in roles.texts}
    x, y, found = assemble(numbers, features, texts, roles, may_miss)
    return hold_out(str(file), x, y, test_fraction, data_seed, columns=found)


def _values(column: Any) -> list[Any]:
    """A column's values; `None` where one is missing, whatever pandas has for it."""
    return column.astype(object).where(column.notna(), None).tolist()


def _read(file: pathlib.Path) -> Any:
    if importlib.util.find_spec("pandas") is None:
        raise ImportError("`dataset: parquet` needs pandas: pip install pandas pyarrow")
    import pandas

    try:
        return pandas.read_parquet(file)
    except ImportError as error:  # which names the packages that can read it
        raise ImportError(
            "`dataset: parquet` needs a package that reads Parquet: pip install pyarrow"
        ) from error
    except Exception as error:  # of many kinds, those of the packages that read it
        raise ValueError(f"{file}: not a readable Parquet file ({error})") from error
