"""Tables of what an export has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table

from ald_keras._typing import JSON

# Rows of a comparison: key, label, format.
_ROWS = (
    ("dimensions", "latent dimensions", "{:d}"),
    ("parameters", "parameters", "{:,d}"),
    ("bytes", "file size, bytes", "{:,d}"),
    ("reconstruction_loss", "reconstruction loss, nats (test)", "{:.2f}"),
    ("silhouette", "silhouette (test)", "{:.3f}"),
    ("increase", "loss above the full size, nats (test)", "{:+.2f}"),
)
# Columns of several sizes.
_COLUMNS = (
    ("dimensions", "dimensions", "{:d}"),
    ("parameters", "parameters", "{:,d}"),
    ("bytes", "bytes", "{:,d}"),
    ("loss", "loss, nats (test)", "{:.2f}"),
    ("increase", "increase", "{:+.2f}"),
)


def print_table(report: JSON, console: Console | None = None) -> None:
    """Print what `export` returned.

    Args:
        report: What it returned.
        console: Where it is printed. Defaults to standard output.
    """
    before, after = report["before"], report["after"]
    table = _table("Compression of the latent space", "", "before", "after")
    for name, label, form in _ROWS:
        if name != "increase" or after.get(name):
            table.add_row(label, *(_cell(side, name, form) for side in (before, after)))
    gap = report["largest_difference"]
    table.add_row("largest output difference", "", f"{gap:.1e}")
    if report["read_back"] is not None:
        table.add_row("the same, files read back", "", f"{report['read_back']:.1e}")
    console = console or Console()
    console.print(table)
    if report["optimizer"] == "fresh":
        console.print("the optimizer's state cannot be sliced: the model has a new one")
    if report["places"]:
        console.print(
            "no Dense layer reads the code alone: `latent_places` puts its dimensions "
            "where the first layer expects them, which stays as wide as it was"
        )
    if report["not_read_back"]:
        packages = " ".join(report["not_read_back"])
        console.print(f"not read back to compare, which needs: {packages}")
    _print_files(console, [report])


def print_sizes(reports: Mapping[int, JSON], console: Console | None = None) -> None:
    """Print what `export` returned for several sizes, a row each.

    Args:
        reports: Mapping from sizes to what `export` returned, at least one.
        console: Where it is printed. Defaults to standard output.
    """
    table = _table("One model, several sizes", *(title for _, title, _ in _COLUMNS))
    before = next(iter(reports.values()))["before"]
    for side in (before, *(report["after"] for report in reports.values())):
        table.add_row(*(_cell(side, name, form) for name, _, form in _COLUMNS))
    console = console or Console()
    console.print(table)
    _print_files(console, reports.values())


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    return table


def _cell(side: JSON, name: str, form: str) -> str:
    return form.format(side[name]) if name in side else "-"


def _print_files(console: Console, reports: Iterable[JSON]) -> None:
    for report in reports:
        for file in report["files"]:
            console.print(f"written: {file}", soft_wrap=True, highlight=False)
