"""Columns of tables as data, conditions and labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_choice
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
                f"A column must have one role: label, condition or category. "
                f"Received: {twice} in two"
            )

    @property
    def texts(self) -> set[str]:
        """Columns that need not hold numbers."""
        label = [self.label] if self.label else []
        return {*label, *self.conditions, *self.categorical}

    def check_known(self, source: str, columns: Sequence[str]) -> None:
        """Raise a `ValueError` unless every column named is there once."""
        for name in sorted(self.texts):
            if list(columns).count(name) != 1:
                raise ValueError(
                    f"{source}: must have one column {name!r}. Received: "
                    f"{', '.join(map(str, columns[:20]))}"
                )


def check_missing(missing: str | None) -> bool:
    """Whether missing values are read, as NaN."""
    if missing is not None:
        check_choice("missing", missing, ("nan",))
    return missing is not None


def is_missing(cell: str) -> bool:
    """Whether a text stands for a missing value."""
    return cell.strip().lower() in _MISSING


def assemble(
    numbers: npt.NDArray[np.floating], texts: Mapping[str, Any], roles: ColumnRoles
) -> tuple[Any, npt.NDArray[np.generic] | None]:
    """Data, with conditions where there are some, and labels.

    Args:
        numbers: The columns that hold numbers of the data, shape `(rows, columns)`.
        texts: The other columns by name, of the roles that they have.
        roles: The roles.

    Returns:
        Array of the data, or `NamedArrays` of `"x"` and the conditions; and the labels
        or `None`.
    """
    parts = [numbers, *(one_hot(texts[name]) for name in roles.categorical)]
    x: Any = np.concatenate(parts, axis=1)
    if roles.conditions:
        found = {name: condition_of(texts[name]) for name in roles.conditions}
        x = NamedArrays({"x": x, **found})
    return x, None if roles.label is None else labels_of(texts[roles.label])


def one_hot(values: Sequence[Any]) -> npt.NDArray[np.float64]:
    """One column for each value that occurs, in sorted order; missing ones are 0."""
    texts = np.array([str(value).strip() for value in values])
    known = np.unique(texts[[not is_missing(text) for text in texts]])
    return (texts[:, None] == known[None, :]).astype("float64")


def condition_of(values: Any) -> npt.NDArray[np.float64]:
    """A condition, shape `(rows, width)`: numbers in one column, texts one-hot."""
    numbers = as_numbers(values)
    return one_hot(values) if numbers is None else numbers[:, None]


def labels_of(values: Sequence[Any]) -> npt.NDArray[np.generic]:
    """Labels as numbers where all are, else as texts: as numbers 10 sorts after 9."""
    numbers = as_numbers(values)
    return np.array([str(v) for v in values]) if numbers is None else numbers


def as_numbers(values: Sequence[Any]) -> npt.NDArray[np.float64] | None:
    """All values as numbers, or `None` where one is none."""
    try:
        return np.array([float(value) for value in values])
    except (TypeError, ValueError):
        return None
