"""An experiment's numbers as a table: on the screen, as CSV, Markdown and JSON."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ald_keras.experiments.core.edge import TOLERANCE
from ald_keras.experiments.core.runs import FIXED
from ald_keras.experiments.core.summary import COLUMNS, Row, Summary
from ald_keras.files.atomic import atomic_path
from ald_keras.files.text_files import write_csv, write_json

TABLE_FILES = ("table.csv", "table.md", "summary.json")

LABELS = {
    "fixed": "fixed size",
    "oneshot": "one-shot removal",
    "pca_95": "PCA, 95 % of the variance",
    "minka": "PCA, Minka's estimate",
    "two_nn": "TwoNN",
}

# Characters that the table may take.
_WIDTH = 400


def head_lines(summary: Summary) -> list[str]:
    """What stands above the table, line by line."""
    answer, edge = summary.answer, summary.reconstruction
    if answer is None or edge is None:
        return ["Right answer: unknown, no fixed size has been trained."]
    share = f"{100 * TOLERANCE:g} %"
    lines = [
        f"Right answer: {answer.size} dimensions, the smallest fixed size whose mean "
        f"test ELBO, {answer.value:.2f} nats, loses at most {share} of the gain of the "
        f"best, {answer.best:.2f} nats with {answer.best_size}.",
        f"Active units of the largest fixed size, {summary.largest_fixed}: "
        f"{summary.active_units:.1f}. Reconstruction edge: {edge.size} dimensions "
        f"(test reconstruction loss within {share} of the gain of {-edge.best:.2f} "
        "nats).",
    ]
    if answer.size == summary.largest_fixed:
        lines.append("This is the largest size trained: a larger one may be better.")
    return lines


def cells(row: Row) -> dict[str, str]:
    """A row as text by the name of its column."""
    start, sized = row["start"], row["run"] == FIXED
    fixed = interval = spread = ""
    if row["fixed"] is not None:
        fixed = f"{row['fixed']} / {row['not_fixed']}"
        fixed += f" ({row['no_finding']} no finding)" if row["no_finding"] else ""
    if row["dims_low"] is not None and not sized:
        interval = f"{row['dims_low']:.1f} to {row['dims_high']:.1f}"
    if start is not None and not sized:
        spread = f"{row['dims_min']} to {row['dims_max']}"
    same = number(row["elbo_to_same_size"], "{:+.2f}")
    if same and row["same_size_runs"] < row["runs"]:
        same += f" ({row['same_size_runs']} runs)"
    return {
        "run": LABELS.get(str(row["run"]), str(row["run"])),
        "start": "" if start is None else str(start),
        "runs": str(row["runs"]),
        "dimensions": pair(
            row["dims_mean"],
            None if sized else row["dims_sd"],
            _dims_form(row),
            "{:.1f}",
        ),
        "95 % interval": interval,
        "min to max": spread,
        "fixed / not": fixed,
        "epoch": number(row["fixed_epoch"], "{:.0f}"),
        "step": number(row["fixed_step"], "{:.0f}"),
        "ELBO": _figure(row, "elbo", "{:.2f}"),
        "reconstruction": _figure(row, "reconstruction_loss", "{:.2f}"),
        "silhouette": _figure(row, "silhouette", "{:.3f}"),
        "Frechet, rec.": _figure(row, "frechet_reconstruction", "{:.3g}"),
        "Frechet, gen.": _figure(row, "frechet_generation", "{:.3g}"),
        "ELBO to best": number(row["elbo_to_best"], "{:+.2f}"),
        "to same size": same,
        "seconds": number(row["seconds"], "{:.0f}" if _long(row) else "{:.2f}"),
    }


def _dims_form(row: Row) -> str:
    one = row["dims_sd"] is None or row["run"] == FIXED
    return "{:.0f}" if one and isinstance(row["dims_min"], int) else "{:.1f}"


def _long(row: Row) -> bool:
    return row["seconds"] is not None and row["seconds"] >= 10


def _figure(row: Row, name: str, form: str) -> str:
    return pair(row[f"{name}_mean"], row[f"{name}_sd"], form, form)


def pair(mean: Any, sd: Any, form: str, sd_form: str) -> str:
    """Mean and standard deviation as text."""
    text = number(mean, form)
    return text if sd is None else f"{text} ± {sd_form.format(sd)}"


def number(value: Any, form: str) -> str:
    """A number as text, nothing for `None`."""
    return "" if value is None else form.format(value)


NOTES = (
    "Mean ± standard deviation over runs; epochs are counted from 1; ELBO and "
    "reconstruction loss in nats per sample of the test part."
)


def print_table(summary: Summary, console: Console | None = None) -> None:
    """Print the right answer and the table."""
    rows = [cells(row) for row in summary.rows]
    print_result(head_lines(summary), rows, NOTES, console)


def print_result(
    head: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    notes: str,
    console: Console | None = None,
) -> None:
    """Print what came out, the table and what its cells are."""
    console = console or Console()
    for line in head:
        console.print(line, highlight=False)
    print_cells(rows, console)
    console.print(notes, highlight=False)


def print_cells(rows: Sequence[Mapping[str, str]], console: Console) -> None:
    """Print rows of text under the names of their columns."""
    table = Table(pad_edge=False)
    for index, name in enumerate(rows[0] if rows else ()):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row.values())
    # Folded into a narrow terminal, so many columns could not be read at all.
    Console(file=console.file, width=max(console.width, _WIDTH)).print(table)


def markdown_cells(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Lines of a Markdown table: the names of the columns, then the rows."""
    if not rows:
        return []
    return [
        _line(rows[0]),
        _line("---:" if index else "---" for index, _ in enumerate(rows[0])),
        *(_line(row.values()) for row in rows),
    ]


def write_table(
    summary: Summary, output: pathlib.Path, extra: Mapping[str, Any]
) -> None:
    """Write the files of `TABLE_FILES`.

    Args:
        summary: The numbers.
        output: The experiment's folder; it must exist.
        extra: What else belongs into `summary.json`.
    """
    columns = {name: [row[name] for row in summary.rows] for name in COLUMNS}
    write_result(output, columns, markdown(summary), {**summary.to_dict(), **extra})


def write_result(
    output: pathlib.Path,
    columns: Mapping[str, Sequence[Any]],
    text: str,
    values: Mapping[str, Any],
) -> None:
    """Write the files of `TABLE_FILES`.

    Args:
        output: The experiment's folder; it must exist.
        columns: The table's numbers, as `write_csv` takes them.
        text: The table as Markdown.
        values: What `summary.json` holds.
    """
    write_csv(output / "table.csv", columns)
    with atomic_path(output / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_json(output / "summary.json", values)


def markdown(summary: Summary) -> str:
    """The right answer and the table as Markdown."""
    rows = [cells(row) for row in summary.rows]
    return markdown_result(head_lines(summary), rows, NOTES)


def markdown_result(
    head: Sequence[str], rows: Sequence[Mapping[str, str]], notes: str
) -> str:
    """What came out, the table and what its cells are as Markdown."""
    return "\n".join([*head, "", *markdown_cells(rows), "", notes, ""])


def _line(texts: Any) -> str:
    return "| " + " | ".join(texts) + " |"
