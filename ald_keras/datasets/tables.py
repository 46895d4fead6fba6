"""Columns of tables as data, conditions and labels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_choice
from ald_keras.files.csv_rows import check_columns
from ald_keras.metrics.arrays import NamedArrays

# Cells that stand for a missing value.
_MISSING = ("", "na", "n/a", "nan", "null", "none")


@dataclasses.dataclass(frozen=True)
class ColumnRoles:
    """What the columns of a table are for; all others are numbers of the data.

    Args:
        label: Name of the column of labels, or `None`.
        conditions: Names of columns that become conditions of their own: numbers as
            they are, texts as one column for each that occurs (one-hot).
        categorical: Names of columns of the data that hold categories: one column for
            each that occurs.

    Raises:
        TypeError: If a list of names is none.
        ValueError: If a column has two roles.
    """

    label: str | None = None
    conditions: Sequence[str] = ()
    categorical: Sequence[str] = ()

    def __post_init__(self) -> None:
        for role in ("conditions", "categorical"):
            names = getattr(self, role)
            if isinstance(names, str) or not isinstance(names, Sequence):
                raise TypeError(
                    f"`{role}` must be a list of columns. Received: {role}={names!r}"
                )
        named = [*([self.label] if self.label else []), *self.conditions]
        named += self.categorical
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(
                "`label_column`, `conditions` and `categorical` must name a column "
                f"once. Received: {twice} more than once"
            )
        condition_names(self.conditions)

    @property
    def texts(self) -> set[str]:
        """Columns that need not hold numbers."""
        label = [self.label] if self.label else []
        return {*label, *self.conditions, *self.categorical}

    def check_known(self, source: str, columns: Sequence[str]) -> None:
        """Raise a `ValueError` unless every column named is there once."""
        check_columns(source, self.texts, columns)


def condition_names(columns: Sequence[str]) -> dict[str, str]:
    """Names of inputs for columns: letters, digits and `_` stay, others become `_`.

    Args:
        columns: Names of columns or arrays that become conditions.

    Raises:
        ValueError: If two become the same, or one that of data or code.
    """
    names = {column: re.sub(r"\W", "_", column, flags=re.ASCII) for column in columns}
    taken = [*names.values(), "x", "z", "data", "latent"]
    empty = {column for column, name in names.items() if not name.strip("_")}
    wrong = sorted(empty | {c for c, name in names.items() if taken.count(name) > 1})
    if wrong:
        raise ValueError(
            "`conditions` must have names of their own, other than 'x', 'z', 'data' "
            f"and 'latent'. Received: {wrong}. Rename the columns."
        )
    return names


def check_missing(missing: str | None) -> bool:
    """Whether missing values are read, as NaN."""
    if missing is not None:
        check_choice("missing", missing, ("nan",))
    return missing is not None


def is_missing(value: Any) -> bool:
    """Whether a value is absent, or a text such as NA says that it is."""
    return is_absent(value) or str(value).strip().lower() in _MISSING


def assemble(
    numbers: npt.NDArray[np.floating],
    texts: Mapping[str, Any],
    roles: ColumnRoles,
    may_miss: bool,
) -> tuple[Any, npt.NDArray[np.generic] | None]:
    """Data, with conditions where there are some, and labels.

    Args:
        numbers: The columns that hold numbers of the data, shape `(rows, columns)`.
        texts: The other columns by name, of the roles that they have.
        roles: The roles.
        may_miss: Boolean, categories of the data may be missing: all of their columns
            are 0 then.

    Returns:
        Array of the data, or `NamedArrays` of `"x"` and the conditions; and the labels
        or `None`.

    Raises:
        ValueError: If a label, a condition or, without `may_miss`, a category is
            missing.
    """
    parts = [numbers]
    for name in roles.categorical:
        if not may_miss:
            check_known("categorical", name, texts[name])
        parts.append(one_hot(texts[name], is_missing if may_miss else is_absent))
    conditions = {name: texts[name] for name in roles.conditions}
    x = with_conditions(np.concatenate(parts, axis=1), conditions)
    if roles.label is None:
        return x, None
    return x, labels_of(roles.label, texts[roles.label])


def with_conditions(x: Any, columns: Mapping[str, Any]) -> Any:
    """Data, as `NamedArrays` with conditions where there are some.

    Args:
        x: The data.
        columns: Values of each condition by its column's name: arrays of shape
            `(rows, width)`, or single values of which numbers become one column and
            texts one column each.

    Raises:
        ValueError: If a value is missing, or names are not of their own.
    """
    if not columns:
        return x
    names = condition_names(list(columns))
    found = {names[name]: condition_of(name, v) for name, v in columns.items()}
    return NamedArrays({"x": x, **found})


def is_absent(value: Any) -> bool:
    """Whether there is no value: an empty text, `None` or NaN."""
    return value is None or value != value or value == ""


def check_known(role: str, name: str, values: Any) -> None:
    """Raise a `ValueError` that names a column if one of its values is missing."""
    absent = [row for row, value in enumerate(values) if is_absent(value)]
    if absent:
        raise ValueError(
            f"`{role}`: no value of the column {name!r} may be missing. Received: none "
            f"in row {absent[0] + 1}"
        )


def one_hot(
    values: Any,
    missing: Callable[[Any], bool] = is_absent,
    known: Sequence[str] | None = None,
) -> npt.NDArray[np.float64]:
    """One column for each value that occurs, in sorted order; missing ones are 0.

    Args:
        values: The values, of which each stands for its text.
        missing: Which ones are missing. Defaults to `is_absent`.
        known: The values that occur. Defaults to `None`: those of `values`.
    """
    texts = np.array([str(value).strip() for value in values])
    there = np.array([not missing(value) for value in values])
    names = np.unique(texts[there]) if known is None else np.array(known)
    return ((texts[:, None] == names[None, :]) & there[:, None]).astype("float64")


def condition_of(name: str, values: Any) -> npt.NDArray[np.float64]:
    """A condition, shape `(rows, width)`: numbers in one column, texts one-hot.

    Raises:
        ValueError: If a value is missing.
    """
    if getattr(values, "ndim", 1) > 1:
        return np.asarray(values, "float64")
    check_known("conditions", name, values)
    numbers = as_numbers(values)
    return one_hot(values) if numbers is None else numbers[:, None]


def labels_of(name: str, values: Any) -> npt.NDArray[np.generic]:
    """Labels as numbers where all are, else as texts: as numbers 10 sorts after 9.

    Raises:
        ValueError: If one is missing.
    """
    check_known("label_column", name, values)
    numbers = as_numbers(values)
    return np.array([str(v) for v in values]) if numbers is None else numbers


def as_numbers(values: Any) -> npt.NDArray[np.float64] | None:
    """All values as numbers, or `None` where one is none."""
    try:
        return np.array([float(value) for value in values])
    except (TypeError, ValueError):
        return None
