"""What an experiment shows: a table on the screen, as CSV, Markdown and JSON."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ald_keras._typing import JSON
from ald_keras.files.atomic import atomic_path
from ald_keras.files.text_files import write_csv, write_json

if TYPE_CHECKING:
    from ald_keras.reports.drawings import Drawing

Row = JSON
Cells = dict[str, str]

# Characters that the table may take.
_WIDTH = 400


class NothingToReportError(ValueError):
    """An experiment has no run that could be reported on."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What an experiment's runs show.

    Args:
        answers: Sentences above the table, the answer first.
        rows: Mappings with the same keys, the numbers of `table.csv`; `None` where
            there is no value.
        cells: The rows that are shown, as text by the names of columns.
        notes: What the cells are.
        summary: What `summary.json` holds beside the failures.
        draw: Draws the figures; loads matplotlib.
    """

    answers: Sequence[str]
    rows: Sequence[Row]
    cells: Sequence[Cells]
    notes: str
    summary: Mapping[str, object]
    draw: Callable[[], list[Drawing]]

    def print(self, console: Console | None = None) -> None:
        """Print the answers, the table and what its cells are."""
        console = console or Console()
        for line in self.answers:
            console.print(line, highlight=False)
        table = Table(pad_edge=False)
        for index, name in enumerate(self.cells[0] if self.cells else ()):
            table.add_column(name, justify="right" if index else "left")
        for row in self.cells:
            table.add_row(*row.values())
        # Folded into a narrow terminal, so many columns could not be read at all.
        Console(file=console.file, width=max(console.width, _WIDTH)).print(table)
        console.print(self.notes, highlight=False)

    def write(self, output: pathlib.Path, failures: Mapping[str, str]) -> None:
        """Write `table.csv`, `table.md` and `summary.json`.

        Args:
            output: The experiment's folder; it must exist.
            failures: Mapping from runs that failed to the reason.
        """
        names = self.rows[0] if self.rows else ()
        columns = {name: [row[name] for row in self.rows] for name in names}
        write_csv(output / "table.csv", columns)
        with atomic_path(output / "table.md") as temporary:
            temporary.write_text(self.markdown(), encoding="utf-8")
        summary = {**self.summary, "failures": dict(failures)}
        write_json(output / "summary.json", summary)

    def markdown(self) -> str:
        """The answers, the table and what its cells are as Markdown."""
        table = []
        if self.cells:
            rule = ["---", *["---:"] * (len(self.cells[0]) - 1)]
            rows = [self.cells[0], rule, *(row.values() for row in self.cells)]
            table = [_markdown_line(row) for row in rows]
        return "\n".join([*self.answers, "", *table, "", self.notes, ""])


def _markdown_line(texts: Iterable[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def number(value: object, form: str) -> str:
    """A number as text, nothing for `None`."""
    return "" if value is None else form.format(value)


def pair(mean: object, sd: object, form: str, sd_form: str | None = None) -> str:
    """Mean and standard deviation as text, the deviation in another form if given."""
    text = number(mean, form)
    return text if sd is None else f"{text} ± {(sd_form or form).format(sd)}"


def mean_cell(row: Row, name: str, form: str) -> str:
    """A row's mean and standard deviation of something as text."""
    return pair(row[f"{name}_mean"], row[f"{name}_sd"], form)
