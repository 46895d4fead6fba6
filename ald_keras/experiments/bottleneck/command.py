"""`python -m ald_keras.experiments.bottleneck`: how close to the smallest latent space.

The protocol of De Boom et al. 2020 (arXiv 2003.10901): the lowest error that a network
of n dimensions reaches is the bound of one that starts with more and has gates, of
which n should stay open. Runs are written below `saved_models/bottleneck-NAME`, NAME
being the config's, unless told otherwise. A command that was stopped goes on where it
was when it is given again.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from ald_keras.cli import OneLineParser, run_command
from ald_keras.experiments.bottleneck.plan import (
    MAY_DIFFER,
    REFERENCE,
    BottleneckPlan,
    find_bound,
    read_reference,
)
from ald_keras.experiments.bottleneck.summary import summarize_bottlenecks
from ald_keras.experiments.bottleneck.table import print_bottlenecks, write_bottlenecks
from ald_keras.experiments.core.command import (
    experiment_parser,
    find_failures,
    parse,
    try_to_report_on,
    write_note,
)
from ald_keras.experiments.core.runner import Job, Runner, is_done, raise_failures
from ald_keras.experiments.core.runs import differences, read_runs, run_name

# Leads what is said of a reference that is whole, but whose error can be no bound.
_BOUND_OF = "bound of "


def bottleneck(
    plan: BottleneckPlan, output: pathlib.Path, console: Console | None = None
) -> dict[str, str]:
    """Carry out an experiment's runs, but for those that are done.

    Args:
        plan: Its references, sizes, budgets and seeds.
        output: Its folder.
        console: Where progress is shown. Defaults to standard output.

    Returns:
        Mapping from the names of runs that failed to the reason.

    Raises:
        ValueError: If a run that is there was made from another config.
        OSError: If the folder cannot be written to.
    """
    with Runner(output, console) as runner:
        for seed in range(plan.seeds):
            kinds = [REFERENCE, *plan.groups] * len(plan.references)
            runner.board.announce([*kinds, *(job.kind for job in plan.ald_jobs(seed))])
        for seed in range(plan.seeds):
            for size in plan.references:
                _narrow(runner, plan, size, seed)
            runner.run(plan.ald_jobs(seed))
    return runner.failures


def _narrow(runner: Runner, plan: BottleneckPlan, size: int, seed: int) -> None:
    """A reference, and gated runs under its error."""
    reference = plan.reference_job(size, seed)
    runner.run([reference])
    bound = None
    try:
        bound = find_bound(runner.output, size, seed)
    except ValueError as error:
        runner.failures[_BOUND_OF + reference.name] = str(error)
        runner.board.say(f"{reference.name} failed: {error}")
    if bound is None:
        runner.board.withdraw(plan.groups)
        return
    runner.run(plan.gated_jobs(size, seed, bound))


def _failures_there(output: pathlib.Path) -> dict[str, str]:
    """What has failed of an experiment, of which nothing is run now."""
    failures = {
        name: why
        for name, why in find_failures(output).items()
        if not name.startswith(_BOUND_OF)
    }
    for run in read_runs(output, MAY_DIFFER):
        if run.group == REFERENCE:
            try:
                find_bound(output, run.start, run.seed)
            except ValueError as error:
                name = run_name(REFERENCE, run.start, run.seed)
                failures[_BOUND_OF + name] = str(error)
    return failures


def check_there(plan: BottleneckPlan, output: pathlib.Path) -> None:
    """Raise a `ValueError` where a run was made from another config."""
    for seed in range(plan.seeds):
        jobs = plan.ald_jobs(seed)
        for size in plan.references:
            reference = plan.reference_job(size, seed)
            jobs.append(reference)
            if is_done(reference, output):
                jobs += _known_gated_jobs(plan, output, size, seed)
        for job in jobs:
            is_done(job, output)
    _check_groups(plan, output)


def _check_groups(plan: BottleneckPlan, output: pathlib.Path) -> None:
    """Raise a `ValueError` where runs of other sizes or seeds could not stand beside.

    That would be found by the table only, when all is run.
    """
    left_out = ("latent_dim", "seed", *MAY_DIFFER)
    size = plan.references[0]
    jobs = [plan.reference_job(size, 0), *plan.gated_jobs(size, 0, 1.0)]
    configs = {job.kind: job.config for job in [*jobs, *plan.ald_jobs(0)]}
    for run in read_runs(output, MAY_DIFFER):
        config = configs.get(run.group, run.config)
        differing = differences(run.config, config, left_out)
        if differing:
            raise ValueError(
                f"{output / run_name(run.group, run.start, run.seed)} holds a run of "
                "another config: move it away, or pass another --output. Received: "
                f"other {', '.join(differing)}"
            )


def _known_gated_jobs(
    plan: BottleneckPlan, output: pathlib.Path, size: int, seed: int
) -> list[Job]:
    """The gated runs of a reference that is whole."""
    try:
        bound = find_bound(output, size, seed)
    except ValueError:  # said when it is their turn
        return []
    return [] if bound is None else plan.gated_jobs(size, seed, bound)


def report(
    output: pathlib.Path, failures: dict[str, str], console: Console | None = None
) -> None:
    """Print and write the table of what is there, and the report.

    Args:
        output: The experiment's folder.
        failures: What `bottleneck` returned.
        console: Where it is printed. Defaults to standard output.

    Raises:
        ValueError: If there is no whole run, or runs do not belong together.
    """
    runs = read_runs(output, MAY_DIFFER)
    if not runs:
        raise ValueError(f"{output} holds no whole run to report on.")
    summary = summarize_bottlenecks(runs)
    write_bottlenecks(summary, output, {"failures": failures})
    print_bottlenecks(summary, console)
    try_to_report_on(output)


def _note(plan: BottleneckPlan, output: pathlib.Path) -> None:
    """Write `experiment.yaml`: the resolved settings and versions."""
    config = plan.base.to_dict()
    for key in ("seed", "latent_dim", "method"):
        del config[key]
    for key in ("tau", "explained", "gated"):
        del config["geco"][key]
    settings = {
        "config": config,
        "references": list(plan.references),
        "sizes": list(plan.sizes),
        "budgets": list(plan.budgets),
        "seeds": plan.seeds,
        "ald": plan.ald,
    }
    write_note(output, settings)


def _parser() -> OneLineParser:
    parser = experiment_parser("bottleneck", __doc__)
    add = parser.add_argument
    sizes: dict[str, Any] = {"type": int, "nargs": "+", "metavar": "N"}
    add(
        "--references",
        **sizes,
        default=[5, 10, 30],
        help="dimensions of the networks that give the bounds (default: 5 10 30)",
    )
    add(
        "--sizes",
        **sizes,
        help="dimensions that gated runs start with (default: twice the references)",
    )
    add(
        "--budgets",
        type=float,
        nargs="+",
        default=[1.0, 1.5, 2.0],
        metavar="X",
        help="epochs of gated runs, as multiples of the config's (default: 1 1.5 2)",
    )
    add("--ald", action="store_true", help="add a run of ALD from each size")
    return parser


def _make_plan(arguments: argparse.Namespace) -> BottleneckPlan:
    sizes = arguments.sizes or [2 * size for size in arguments.references]
    return BottleneckPlan(
        read_reference(arguments.config, arguments.set, arguments.data_dir),
        tuple(arguments.references),
        tuple(sizes),
        tuple(arguments.budgets),
        arguments.seeds,
        arguments.ald,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    arguments = parse(parser, argv)

    def command() -> None:
        output = arguments.output
        console = Console()
        if arguments.report:
            failures = _failures_there(output)
        else:
            plan = _make_plan(arguments)
            check_there(plan, output)
            _note(plan, output)
            failures = bottleneck(plan, output, console)
        if arguments.report or read_runs(output, MAY_DIFFER) or not failures:
            report(output, failures, console)
        if not arguments.report:
            raise_failures(failures)

    return run_command(parser.prog, command)
