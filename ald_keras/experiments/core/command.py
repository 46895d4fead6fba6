"""What the commands over many runs share: arguments, and the way from plan to table."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from rich.console import Console

from ald_keras._quiet_start import load_backend
from ald_keras._typing import JSON
from ald_keras.cli import OneLineParser, add_config, make_parser, run_command
from ald_keras.experiments.core.manifest import (
    MANIFEST,
    Manifest,
    find_failures,
    read_manifest,
)
from ald_keras.experiments.core.result import NothingToReportError, Result
from ald_keras.experiments.core.runner import Runner, raise_failures
from ald_keras.reports import try_to_report


class Plan(Protocol):
    """What is run in an experiment."""

    @property
    def reports(self) -> bool:
        """Whether this process reports on the runs: a worker of another does not."""

    def settings(self) -> dict[str, object]:
        """The resolved settings, plain types, for the manifest."""

    def check(self, output: pathlib.Path) -> None:
        """Raise a `ValueError` where a run that is there has another config."""

    def run(self, runner: Runner) -> None:
        """Carry out the runs that are not there yet."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of experiment.

    Args:
        name: Name of its command below `ald_keras.experiments`.
        summarize: From the experiment's folder and the settings of its manifest to the
            result of the runs that are there. Raises `NothingToReportError` where
            there is no whole run, and a `ValueError` where runs do not belong together
            or a file is damaged.
        find_failures: From the same to what has failed and is not whole now. Defaults
            to what the last command and a killed one have left.
    """

    name: str
    summarize: Callable[[pathlib.Path, JSON], Result]
    find_failures: Callable[[pathlib.Path, JSON], dict[str, str]] = (
        lambda output, settings: find_failures(output)
    )


def experiment_parser(
    prog: str,
    docstring: str | None,
    example: str,
    runs: str = "everything",
    seeds: int = 1,
) -> tuple[OneLineParser, argparse._ArgumentGroup]:
    """Parser with the arguments that all of these commands have.

    Args:
        prog: Name of the command, which leads its errors.
        docstring: What the command does: its module's docstring.
        example: The arguments of one call, below `ald`.
        runs: What `--seeds` counts the runs of. Defaults to `"everything"`.
        seeds: Integer >= 1, its default. Defaults to 1.

    Returns:
        The parser, and its group of arguments on what is run.
    """
    parser = make_parser(prog, docstring, example)
    add_config(
        parser.add_argument_group("what the runs share"),
        "a run's config",
        "replace values of the config in all runs",
    )
    group = parser.add_argument_group("where to write, and what to show")
    group.add_argument(
        "--output", type=pathlib.Path, metavar="DIR", help="folder for all runs"
    )
    group.add_argument(
        "--report", action="store_true", help="only print the table of what is there"
    )
    group = parser.add_argument_group("what to run")
    group.add_argument(
        "--seeds",
        type=int,
        default=seeds,
        metavar="N",
        help=f"runs of {runs} (default: {seeds})",
    )
    return parser, group


def add_variants(group: argparse._ArgumentGroup, example: str) -> None:
    """Add `--variant`: settings to run beside the others."""
    group.add_argument(
        "--variant",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME:KEY=VALUE,...",
        help=f"settings to run beside the default, e.g. {example}",
    )


def run_experiment(
    name: str,
    parser: OneLineParser,
    argv: Sequence[str] | None,
    make_plan: Callable[[argparse.Namespace], Plan],
    load_kind: Callable[[], Kind],
    report_needs_config: bool = False,
) -> int:
    """Run a command: carry out what is missing, then print and write the results.

    Args:
        name: Name of its kind of experiment.
        parser: What `experiment_parser` returned, with further arguments.
        argv: The arguments, or `None` for the process's.
        make_plan: Reads the plan from the arguments.
        load_kind: Gives its kind, and loads what sums up the runs: Keras among it.
        report_needs_config: Boolean, whether `--report` needs `--config`, which then
            decides what is reported on. Defaults to `False`.

    Returns:
        The exit code.
    """
    arguments = _parse(parser, argv, name, report_needs_config)
    output, console = arguments.output, Console()

    def report() -> None:
        manifest = read_manifest(output, name)
        if report_needs_config:
            settings = make_plan(arguments).settings()
            manifest = dataclasses.replace(manifest, settings=settings)
        load_backend()
        kind = load_kind()
        failures = kind.find_failures(output, manifest.settings)
        report_on(kind, output, manifest, failures, console)

    def run() -> None:
        plan = make_plan(arguments)
        plan.check(output)
        manifest = Manifest(name, plan.settings())
        if (output / MANIFEST).is_file():
            read_manifest(output, name)
        if plan.reports:
            manifest.write(output)
        with Runner(output, console) as runner:
            plan.run(runner)
        if plan.reports:
            load_backend()
            report_on(load_kind(), output, manifest, runner.failures, console)
        raise_failures(runner.failures)

    return run_command(parser.prog, report if arguments.report else run)


def _parse(
    parser: OneLineParser,
    argv: Sequence[str] | None,
    name: str,
    report_needs_config: bool,
) -> argparse.Namespace:
    """The arguments, with the output's folder chosen where none is given."""
    arguments = parser.parse_args(argv)
    only_reports = arguments.report and arguments.output is not None
    if arguments.config is None and (report_needs_config or not only_reports):
        parser.error("the following arguments are required: --config")
    if arguments.output is None:
        folder = f"{name}-{arguments.config.stem}"
        arguments.output = pathlib.Path("saved_models", folder)
    return arguments


def report_on(
    kind: Kind,
    output: pathlib.Path,
    manifest: Manifest,
    failures: Mapping[str, str],
    console: Console | None = None,
) -> None:
    """Print and write the table of what is there, and the HTML report.

    Args:
        kind: The kind of experiment.
        output: Its folder.
        manifest: Its manifest, which is written again.
        failures: Mapping from runs that failed to the reason.
        console: Where the table is printed. Defaults to standard output.

    Raises:
        RuntimeError: If there is nothing to report on but failures.
        ValueError: If there is no whole run, or runs do not belong together.
    """
    try:
        result = kind.summarize(output, manifest.settings)
    except NothingToReportError:
        raise_failures(failures)
        raise
    manifest.write(output)
    result.write(output, failures)
    result.print(console)

    def write() -> None:
        # Loads matplotlib.
        from ald_keras.experiments.core.report import write_report

        write_report(output, manifest, result, failures)

    try_to_report(str(output), write)
