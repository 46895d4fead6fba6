"""`python -m ald_keras.experiments.curve`: size curves beside sizes from scratch.

Elastic runs measure every latent size with one network each; the same sizes are trained
from scratch beside them. Runs are written below `saved_models/curve-NAME_OF_CONFIG`,
unless `--output` names another folder. Given again, a command that was stopped resumes.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence

from rich.console import Console

from ald_keras.cli import OneLineParser, run_command
from ald_keras.experiments.core.command import (
    experiment_parser,
    find_failures,
    parse,
    try_to_report_on,
    write_note,
)
from ald_keras.experiments.core.plan import Plan, check_counts, make_groups, read_base
from ald_keras.experiments.core.runner import Job, Runner, is_done, raise_failures
from ald_keras.experiments.core.runs import read_runs
from ald_keras.experiments.curve.summary import summarize_curves
from ald_keras.experiments.curve.table import print_curves, write_curves
from ald_keras.runs.config import ELASTIC, load_config

# Where most data sets have their edge, and some larger sizes; the full one is added.
SIZES = (*range(4, 21), 24, 32)


def curve_jobs(plan: Plan, sizes: Sequence[int]) -> list[Job]:
    """The elastic runs first, then every size from scratch, seed by seed."""
    return plan.pruning_jobs() + plan.fixed_jobs(sizes)


def report(
    output: pathlib.Path, failures: dict[str, str], console: Console | None = None
) -> None:
    """Print and write the table of what is there, and the report.

    Args:
        output: The experiment's folder.
        failures: Mapping from runs that failed to the reason.
        console: Where it is printed. Defaults to standard output.

    Raises:
        ValueError: If there is no whole elastic run, or runs do not belong together.
    """
    summary = summarize_curves(output, read_runs(output))
    write_curves(summary, output, {"failures": failures})
    print_curves(summary, console)
    try_to_report_on(output)


def _note(plan: Plan, sizes: Sequence[int], output: pathlib.Path) -> None:
    """Write `experiment.yaml`: the resolved settings and versions."""
    config = plan.base.to_dict()
    for key in ("seed", "latent_dim", "method", "rule"):
        del config[key]
    settings = {
        "config": config,
        "elastic": {
            name: group.to_dict()["rule"] for name, group in plan.groups.items()
        },
        "start": plan.largest,
        "seeds": plan.seeds,
        "sizes": list(sizes),
        "fixed_seeds": plan.fixed_seeds,
    }
    write_note(output, settings)


def _parser() -> OneLineParser:
    parser = experiment_parser("curve", __doc__, "the elastic network", seeds=1)
    add = parser.add_argument
    add(
        "--sizes",
        type=int,
        nargs="*",
        metavar="N",
        help="sizes from scratch (default: 4 to 20, 24, 32 and the full size)",
    )
    add("--fixed-seeds", type=int, help="runs of each size (default: as --seeds)")
    add(
        "--variant",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME:KEY=VALUE,...",
        help="settings to run beside the default, e.g. more:rule.share=0.6",
    )
    return parser


def _make_plan(arguments: argparse.Namespace) -> Plan:
    settings = list(arguments.set)
    if load_config(arguments.config).rule.name != ELASTIC:
        settings.insert(0, f"rule={ELASTIC}")
    base = read_base(arguments.config, settings, arguments.data_dir)
    groups = make_groups(arguments.config, base, settings, [ELASTIC], arguments.variant)
    fixed_seeds = arguments.fixed_seeds
    if fixed_seeds is None:
        fixed_seeds = arguments.seeds
    return Plan(base, groups, (base.latent_dim,), arguments.seeds, fixed_seeds)


def _sizes(given: Sequence[int] | None, full: int) -> tuple[int, ...]:
    """The sizes that are trained from scratch, ascending."""
    if given is None:
        return tuple(sorted({size for size in (*SIZES, full) if size <= full}))
    check_counts("--sizes", given)
    if max(given, default=0) > full:
        raise ValueError(
            f"`--sizes` must be at most the {full} dimensions of `latent_dim`. "
            f"Received: {list(given)}"
        )
    return tuple(sorted(given))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    arguments = parse(parser, argv)

    def command() -> None:
        output = arguments.output
        console = Console()
        if arguments.report:
            failures = find_failures(output)
        else:
            plan = _make_plan(arguments)
            sizes = _sizes(arguments.sizes, plan.largest)
            jobs = curve_jobs(plan, sizes)
            for job in jobs:
                is_done(job, output)
            _note(plan, sizes, output)
            with Runner(output, console) as runner:
                runner.run(jobs)
            failures = runner.failures
        if arguments.report or not failures:
            report(output, failures, console)
        if not arguments.report:
            raise_failures(failures)

    return run_command(parser.prog, command)
