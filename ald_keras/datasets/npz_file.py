"""NumPy archives: the user's own, and the layout Keras keeps MNIST in."""

import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.splits import hold_out
from ald_keras.datasets.tables import (
    ColumnRoles,
    categories,
    check_missing,
    known_numbers,
    one_hot,
    with_conditions,
)

_KEYS = ("x", "x_train", "x_test", "y", "y_train", "y_test")
_DEFAULT_TEST_FRACTION = 0.1


def load_npz(
    data_dir: pathlib.Path | None,
    *,
    path: str | os.PathLike[str],
    conditions: Sequence[str] = (),
    missing: str | None = None,
    test_fraction: float | None = None,
    data_seed: int = 0,
) -> RawDataset:
    """Load arrays from an ``.npz`` file.

    The file holds the samples as `x` or `x_train`, their labels (if any) as `y` or
    `y_train`, and perhaps a test part as `x_test` and `y_test`. Other keys are ignored.
    uint8 is divided by 255, floats keep their values.

    Args:
        data_dir: Folder at which a relative `path` starts, or `None`.
        path: The file.
        conditions: Names of arrays that become conditions of the model; where there is
            a test part, each as `NAME_train` and `NAME_test`. Numbers of shape `(n,)`
            become one column, texts one column for each. Defaults to none.
        missing: `"nan"` takes NaN for missing values, or `None`: they are errors.
            Defaults to `None`.
        test_fraction: Share of the samples held out as test part, in (0, 1), where the
            file has none. Defaults to `None`, which is 0.1; a file with its own test
            part takes no other value.
        data_seed: Non-negative integer that chooses the test part. Defaults to 0: the
            same for every seed of a run.

    Returns:
        A `RawDataset`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or pickled, or its keys do not fit together.
    """
    may_miss = check_missing(missing)
    file = pathlib.Path(data_dir or "", path).expanduser()
    names = ColumnRoles(None, conditions).conditions
    more = (f"{name}{part}" for name in names for part in ("", "_train", "_test"))
    arrays = read_arrays(file, (*_KEYS, *more))
    x = _pick(file, arrays, "x")
    if x is None:
        raise ValueError(
            f"{file}: must hold the samples as 'x' or 'x_train'. "
            f"Received: {_held_keys(file)}. Save them so: np.savez(path, x=samples)."
        )
    y = _flatten_labels(_pick(file, arrays, "y"))
    if "x_test" in arrays:
        if test_fraction is not None:
            raise ValueError(
                f"`test_fraction` must be left out: {file} has its own test part. "
                f"Received: test_fraction={test_fraction}"
            )
        y_test = _flatten_labels(arrays.get("y_test"))
        _share_categories(arrays, names, may_miss)
        x = _with_conditions(file, x, arrays, names, "_train", may_miss)
        x_test = _with_conditions(
            file, arrays["x_test"], arrays, names, "_test", may_miss
        )
        return RawDataset(str(file), x, y, x_test, y_test)
    if "y_test" in arrays:
        raise ValueError(f"{file}: holds 'y_test' but no 'x_test'.")
    fraction = _DEFAULT_TEST_FRACTION if test_fraction is None else test_fraction
    x = _with_conditions(file, x, arrays, names, "", may_miss)
    return hold_out(str(file), x, y, fraction, data_seed)


def _share_categories(
    arrays: dict[str, npt.NDArray[np.generic]], names: Sequence[str], may_miss: bool
) -> None:
    """Make texts of a training and a test part columns of the same categories."""
    for name in names:
        parts = [f"{name}_train", f"{name}_test"]
        if not all(part in arrays and arrays[part].ndim == 1 for part in parts):
            continue
        both = np.concatenate([arrays[part] for part in parts])
        if known_numbers("conditions", name, both, may_miss) is not None:
            continue
        known = categories(both)
        for part in parts:
            arrays[part] = one_hot(arrays[part], known=known)


def _with_conditions(
    file: pathlib.Path,
    x: npt.NDArray[np.generic],
    arrays: Mapping[str, npt.NDArray[np.generic]],
    names: Sequence[str],
    part: str,
    may_miss: bool,
) -> Any:
    """The data, with conditions where there are some."""
    if not names:
        return x
    absent = [f"{name}{part}" for name in names if f"{name}{part}" not in arrays]
    if absent:
        raise ValueError(f"{file}: must hold {absent}. Received: {sorted(arrays)}")
    columns = {name: arrays[f"{name}{part}"] for name in names}
    return with_conditions(x, columns, may_miss)


def read_arrays(
    path: pathlib.Path, keys: Iterable[str]
) -> dict[str, npt.NDArray[np.generic]]:
    """Read those of the named arrays that an ``.npz`` file holds.

    Args:
        path: The file.
        keys: Names of the arrays.

    Returns:
        The arrays found, by name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no npz archive, is damaged, or holds pickled objects.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}")
    try:
        # Opened here, since NumPy leaves a damaged file open.
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("a single array, not an archive")
            with archive:
                return {key: _array(archive, key) for key in keys if key in archive}
    # Archives and headers that are damaged or made up fail in ways of their own, among
    # them one that claims more values than there is memory.
    except Exception as error:
        if "pickle" in str(error).lower():
            error = ValueError("pickled objects are not read, only plain arrays")
        raise ValueError(f"{path}: not a readable npz file ({error})") from error


def _held_keys(path: pathlib.Path) -> list[str]:
    """Names of all arrays of a file that `read_arrays` has read."""
    with np.load(path, allow_pickle=False) as archive:
        return sorted(archive)[:20]


def _array(archive: Mapping[str, object], key: str) -> npt.NDArray[np.generic]:
    array = archive[key]
    if not isinstance(array, np.ndarray):  # NumPy gives what is none as bytes
        raise ValueError(f"{key!r} is no array")
    return array


def _pick(
    path: pathlib.Path, arrays: Mapping[str, npt.NDArray[np.generic]], key: str
) -> npt.NDArray[np.generic] | None:
    if key in arrays and f"{key}_train" in arrays:
        raise ValueError(f"{path}: must hold '{key}' or '{key}_train', not both.")
    return arrays.get(key, arrays.get(f"{key}_train"))


def _flatten_labels(
    y: npt.NDArray[np.generic] | None,
) -> npt.NDArray[np.generic] | None:
    # Labels are often kept as a column, as in Keras's CIFAR-10.
    return y[:, 0] if y is not None and y.ndim == 2 and y.shape[1] == 1 else y
