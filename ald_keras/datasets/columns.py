"""What the columns of a table's data are, and how they are standardised."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the data.

    Args:
        name: Its name; that of a category is `COLUMN=CATEGORY`.
        is_number: Boolean, `False` for the 0 and 1 of a category. Defaults to `True`.
        mean: What was subtracted, or `None` where the column is as the file has it.
            Defaults to `None`.
        std: What it was divided by, beside `noise`; likewise. Defaults to `None`.
    """

    name: str
    is_number: bool = True
    mean: float | None = None
    std: float | None = None
