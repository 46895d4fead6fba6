"""What the commands over many runs share: arguments, note and report."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ald_keras.cli import OneLineParser
from ald_keras.files.text_files import read_json, read_yaml, write_yaml
from ald_keras.files.versions import versions
from ald_keras.reports import try_to_report
from ald_keras.runs.record import read_record
from ald_keras.runs.run_files import ERROR_FILE

_NOTE = "experiment.yaml"


def experiment_parser(
    name: str, description: str | None, runs: str = "everything", seeds: int = 1
) -> OneLineParser:
    """Parser with the arguments that all of these commands have.

    Args:
        name: The command's module below `ald_keras.experiments`.
        description: What the command does.
        runs: What `--seeds` counts the runs of. Defaults to `"everything"`.
        seeds: Integer >= 1, its default. Defaults to 1.
    """
    parser = OneLineParser(f"ald_keras.experiments.{name}", description=description)
    add = parser.add_argument
    add("--config", type=pathlib.Path, metavar="FILE", help="a run's config")
    add("--data-dir", metavar="DIR", help="folder with the data set's files")
    add("--output", type=pathlib.Path, metavar="DIR", help="folder for all runs")
    add("--seeds", type=int, default=seeds, help=f"runs of {runs} (default: {seeds})")
    parser.add_settings("replace values of the config in all runs")
    add("--report", action="store_true", help="only print the table of what is there")
    return parser


def parse(
    parser: OneLineParser, argv: Sequence[str] | None, needs_config: bool = False
) -> argparse.Namespace:
    """Parse arguments and choose the output's folder where none is given.

    Args:
        parser: What `experiment_parser` gave, with arguments of its own.
        argv: The arguments, or `None` for the process's.
        needs_config: Boolean, whether `--report` asks for `--config` too. Defaults to
            `False`.

    Returns:
        The arguments, with `output` set.
    """
    arguments = parser.parse_args(argv)
    told = arguments.report and arguments.output is not None and not needs_config
    if arguments.config is None and not told:
        parser.error("the following arguments are required: --config")
    if arguments.output is None:
        name = f"{parser.prog.rpartition('.')[2]}-{arguments.config.stem}"
        arguments.output = pathlib.Path("saved_models", name)
    return arguments


def write_note(
    output: pathlib.Path, settings: Mapping[str, Any], again: bool = False
) -> None:
    """Write `experiment.yaml`: the resolved settings and versions.

    Args:
        output: The experiment's folder; made where it is missing.
        settings: What is told about all runs.
        again: Boolean, keep the versions that are noted there, as nothing was run.
            Defaults to `False`.
    """
    output.mkdir(parents=True, exist_ok=True)
    noted = read_note(output) if again else {}
    used = noted.get("versions", versions())
    write_yaml(output / _NOTE, {**settings, "versions": used})


def read_note(output: pathlib.Path) -> dict[str, Any]:
    """What `write_note` wrote, or nothing.

    Raises:
        ValueError: If the file is damaged, naming it.
    """
    path = output / _NOTE
    return read_yaml(path) if path.is_file() else {}


def read_failures(output: pathlib.Path) -> dict[str, str]:
    """What had failed when the last command came to its end, and is not whole now.

    Args:
        output: The experiment's folder.

    Returns:
        Mapping from names, of runs mostly, to the reason.

    Raises:
        ValueError: If a file is damaged, naming it.
    """
    path = output / "summary.json"
    summary = read_json(path) if path.is_file() else {}
    noted = summary.get("failures", {}) if isinstance(summary, dict) else None
    if not isinstance(noted, dict) or {type(why) for why in noted.values()} - {str}:
        raise ValueError(f"{path} must hold a mapping, of `failures` to texts.")
    return {n: why for n, why in noted.items() if read_record(output / n) is None}


def find_failures(output: pathlib.Path) -> dict[str, str]:
    """As `read_failures`, with what a command that was killed has left of failed runs.

    Args:
        output: The experiment's folder.

    Raises:
        ValueError: If a file is damaged, naming it.
    """
    found = read_failures(output)
    for path in output.glob(f"*/{ERROR_FILE}"):
        if read_record(path.parent) is None:
            found[path.parent.name] = path.read_text("utf-8", "replace").strip()
    return found


def try_to_report_on(output: pathlib.Path) -> None:
    """Write the experiment's `report.html`; it may fail as `try_to_report` says."""

    def write() -> None:
        # Loads matplotlib.
        from ald_keras.experiments.figures.reports import write_report

        write_report(output)

    try_to_report(str(output), write)
