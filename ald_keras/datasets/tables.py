"""Columns of tables as data, conditions and labels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_choice
from ald_keras.datasets.columns import Column
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
        named = [*self._labels, *self.conditions, *self.categorical]
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
        return {*self._labels, *self.conditions, *self.categorical}

    @property
    def _labels(self) -> list[str]:
        return [] if self.label is None else [self.label]

    def positions(
        self, source: str, columns: Sequence[str], label: int | None = None
    ) -> dict[str, int]:
        """Where each column with a role is, by its name.

        Args:
            source: Where the table came from, for the message.
            columns: Names of all columns.
            label: Position of the column of labels where it is known. Defaults to
                `None`: by its name, as the others.

        Raises:
            ValueError: If a column named is not there, or more than once.
        """
        found = {} if self.label is None or label is None else {self.label: label}
        for name in sorted(self.texts - set(found)):
            check_columns(source, [name], columns)
            found[name] = list(columns).index(name)
        return found


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
    features: Sequence[str],
    texts: Mapping[str, Any],
    roles: ColumnRoles,
    may_miss: bool,
) -> tuple[Any, npt.NDArray[np.generic] | None, tuple[Column, ...]]:
    """Data, with conditions where there are some, labels, and the data's columns.

    Args:
        numbers: The columns that hold numbers of the data, shape `(rows, columns)`.
        features: Their names.
        texts: The other columns by name, of the roles that they have.
        roles: The roles.
        may_miss: Boolean, values of the data may be missing: NaN, for a category in
            all of its columns.

    Returns:
        Array of the data, or `NamedArrays` of `"x"` and the conditions; the labels or
        `None`; and what each column of the data is.

    Raises:
        ValueError: If a label, a condition or, without `may_miss`, a category is
            missing.
    """
    parts, columns = [numbers], [Column(name) for name in features]
    for name in roles.categorical:
        if not may_miss:
            check_known("categorical", name, texts[name])
        missing = is_missing if may_miss else is_absent
        known = categories(texts[name], missing)
        parts.append(one_hot(texts[name], missing, known))
        columns += [Column(f"{name}={each}", is_number=False) for each in known]
    conditions = {name: texts[name] for name in roles.conditions}
    x = with_conditions(np.concatenate(parts, axis=1), conditions, may_miss)
    y = None
    if roles.label is not None:
        y = labels_of(roles.label, texts[roles.label], may_miss)
    return x, y, tuple(columns)


def with_conditions(x: Any, columns: Mapping[str, Any], may_miss: bool = False) -> Any:
    """Data, as `NamedArrays` with conditions where there are some.

    Args:
        x: The data.
        columns: Values of each condition by its column's name: arrays of shape
            `(rows, width)`, or single values of which numbers become one column and
            texts one column each.
        may_miss: As `condition_of` takes it. Defaults to `False`.

    Raises:
        ValueError: If a value is missing, or names are not of their own.
    """
    if not columns:
        return x
    names = condition_names(list(columns))
    found = {names[n]: condition_of(n, v, may_miss) for n, v in columns.items()}
    return NamedArrays({"x": x, **found})


def is_absent(value: Any) -> bool:
    """Whether there is no value: an empty text, `None` or NaN."""
    return value is None or value != value or value == ""


def check_known(
    role: str, name: str, values: Any, missing: Callable[[Any], bool] = is_absent
) -> None:
    """Raise a `ValueError` that names a column if one of its values is missing."""
    for row, value in enumerate(values):
        if missing(value):
            raise ValueError(
                f"`{role}`: no value of the column {name!r} may be missing. Received: "
                f"{value!r} in row {row + 1}. Remove such rows, or name another column."
            )


def categories(
    values: Any, missing: Callable[[Any], bool] = is_absent
) -> npt.NDArray[np.str_]:
    """The values that occur, as sorted texts."""
    return np.unique([str(v).strip() for v in values if not missing(v)]).astype(str)


def one_hot(
    values: Any,
    missing: Callable[[Any], bool] = is_absent,
    known: Sequence[str] | npt.NDArray[np.str_] | None = None,
) -> npt.NDArray[np.float64]:
    """One column for each value that occurs, in sorted order; NaN where it is missing.

    Args:
        values: The values, of which each stands for its text.
        missing: Which ones are missing. Defaults to `is_absent`.
        known: The values that occur. Defaults to `None`: those of `values`.
    """
    texts = np.array([str(value).strip() for value in values])
    names = categories(values, missing) if known is None else np.array(known)
    hot = (texts[:, None] == names[None, :]).astype("float64")
    hot[[missing(value) for value in values]] = np.nan
    return hot


def condition_of(
    name: str, values: Any, may_miss: bool = False
) -> npt.NDArray[np.float64]:
    """A condition, shape `(rows, width)`: numbers in one column, texts one-hot.

    Args:
        name: The column's name, for messages.
        values: Its values.
        may_miss: As `known_numbers` takes it. Defaults to `False`.

    Raises:
        ValueError: If a value is missing or infinite.
    """
    if getattr(values, "ndim", 1) > 1:
        return np.asarray(values, "float64")
    numbers = known_numbers("conditions", name, values, may_miss)
    return one_hot(values) if numbers is None else numbers[:, None]


def labels_of(
    name: str, values: Any, may_miss: bool = False
) -> npt.NDArray[np.generic]:
    """Labels as numbers where all are, else as texts: as numbers 10 sorts after 9.

    Args:
        name: The column's name, for messages.
        values: Its values.
        may_miss: As `known_numbers` takes it. Defaults to `False`.

    Raises:
        ValueError: If one is missing or infinite.
    """
    numbers = known_numbers("label_column", name, values, may_miss)
    return np.array([str(v) for v in values]) if numbers is None else numbers


def known_numbers(
    role: str, name: str, values: Any, may_miss: bool
) -> npt.NDArray[np.float64] | None:
    """All values as numbers, or `None` where some are texts.

    Args:
        role: The argument that names the column, for messages.
        name: The column's name, for messages.
        values: Its values.
        may_miss: Boolean, texts such as NA are missing values. Among numbers they
            always are.

    Raises:
        ValueError: If a value is missing or infinite.
    """
    numbers = as_numbers([value for value in values if not is_missing(value)])
    has_words = may_miss or numbers is not None
    check_known(role, name, values, is_missing if has_words else is_absent)
    if numbers is None or np.isfinite(numbers).all():
        return numbers
    row = int(np.argmin(np.isfinite(numbers)))
    raise ValueError(
        f"`{role}`: the column {name!r} must hold finite numbers. "
        f"Received: {values[row]!r} in row {row + 1}"
    )


def as_numbers(values: Any) -> npt.NDArray[np.float64] | None:
    """All values as numbers, or `None` where one is none."""
    try:
        return np.array([float(value) for value in values])
    except (TypeError, ValueError):
        return None
