"""`python -m ald_keras.experiments.stability`: rules over seeds and starting sizes.

Runs are written below `saved_models/stability-NAME_OF_CONFIG`, unless told otherwise. A
command that was stopped goes on where it was when it is given again.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from ald_keras.cli import OneLineParser, run_command
from ald_keras.experiments.core.command import (
    experiment_parser,
    find_failures,
    parse,
    try_to_report_on,
    write_note,
)
from ald_keras.experiments.core.edge import sizes_to_train
from ald_keras.experiments.core.plan import (
    GUESSES,
    Plan,
    check_no_elastic,
    make_groups,
    read_base,
)
from ald_keras.experiments.core.runner import Job, Runner, is_done, raise_failures
from ald_keras.experiments.core.runs import read_runs
from ald_keras.experiments.core.summary import baseline_of, fixed_figures, summarize
from ald_keras.experiments.core.table import print_table, write_table
from ald_keras.rules import RULES
from ald_keras.runs.config import Config
from ald_keras.runs.record import read_record


def stability(
    plan: Plan,
    output: pathlib.Path,
    sizes: Sequence[int] | None = None,
    baselines: bool = False,
    console: Console | None = None,
) -> dict[str, str]:
    """Carry out an experiment's runs, but for those that are done.

    Args:
        plan: Its rules, variants, starts and seeds.
        output: Its folder.
        sizes: Fixed sizes, or `None` to find those around the right answer, from the
            median answer of the rules. Defaults to `None`.
        baselines: Boolean, add the one-shot removal and the estimates without a
            network. Defaults to `False`.
        console: Where progress is shown. Defaults to standard output.

    Returns:
        Mapping from the names of runs that failed to the reason.

    Raises:
        ValueError: If a run that is there was made from another config, or there is
            nothing to find the sizes from.
        OSError: If the folder cannot be written to.
    """
    with Runner(output, console) as runner:
        runner.run(_first_jobs(plan, sizes, baselines))
        if sizes is None:
            _find_edge(runner, plan)
        if baselines:
            runner.run(plan.one_shot_jobs(output))
    return runner.failures


def _first_jobs(plan: Plan, sizes: Sequence[int] | None, baselines: bool) -> list[Job]:
    """What is to be run whatever comes out."""
    if sizes is None and not plan.groups:
        raise ValueError(
            "`--sizes` must be given where there is neither rule nor variant."
        )
    first = [*(sizes or ())]
    if baselines and plan.largest not in first:
        first.append(plan.largest)
    guesses = plan.guess_jobs() if baselines else []
    return plan.pruning_jobs() + plan.fixed_jobs(first) + guesses


def _find_edge(runner: Runner, plan: Plan) -> None:
    """Train fixed sizes until the right answer is known."""
    runs = read_runs(runner.output)
    names = set(plan.groups).intersection(RULES) or set(plan.groups)
    answers = [run.record["active_dims"] for run in runs if run.group in names]
    if not answers:
        return
    guess = min(round(statistics.median(answers)), plan.largest)
    tried: set[int] = set()
    while True:
        runs = read_runs(runner.output)
        sizes = sizes_to_train(
            fixed_figures(runs),
            tried,
            guess,
            plan.largest,
            baseline_nll=baseline_of(runs),
        )
        if not sizes:
            return
        runner.run(plan.fixed_jobs(sizes))
        tried.update(sizes)


def report(
    output: pathlib.Path, failures: dict[str, str], console: Console | None = None
) -> None:
    """Print and write the table of what is there, and the report.

    Args:
        output: The experiment's folder.
        failures: What `stability` returned.
        console: Where it is printed. Defaults to standard output.

    Raises:
        ValueError: If there is no whole run, or runs do not belong together.
    """
    runs = read_runs(output)
    guesses = (read_record(output / GUESSES) or {}).get("guesses", {})
    if not runs and not guesses:
        raise ValueError(f"{output} holds no whole run to report on.")
    summary = summarize(runs, guesses)
    write_table(summary, output, {"failures": failures, "guesses": guesses})
    print_table(summary, console)
    try_to_report_on(output)


def _note(arguments: argparse.Namespace, plan: Plan, output: pathlib.Path) -> None:
    """Write `experiment.yaml`: the resolved settings and versions."""
    shared = _shared(plan.base)
    settings: dict[str, Any] = {
        "config": shared,
        # What they do not share; the rule always.
        "groups": {
            name: {
                key: value
                for key, value in _shared(config).items()
                if key == "rule" or value != shared[key]
            }
            for name, config in plan.groups.items()
        },
        "starts": list(plan.starts),
        "seeds": plan.seeds,
        "sizes": arguments.sizes or "found from the runs",
        "fixed_seeds": plan.fixed_seeds,
        "baselines": arguments.baselines,
    }
    write_note(output, settings)


def _shared(config: Config) -> dict[str, Any]:
    decided = ("seed", "latent_dim", "method")
    return {k: v for k, v in config.to_dict().items() if k not in decided}


def _parser() -> OneLineParser:
    parser = experiment_parser("stability", __doc__, "each rule and start", seeds=5)
    add = parser.add_argument
    add("--starts", type=int, nargs="+", default=[100, 80, 64], metavar="N")
    add("--rules", nargs="*", default=["size_curve", "ald"], metavar="RULE")
    add(
        "--sizes",
        type=int,
        nargs="+",
        metavar="N",
        help="fixed sizes (default: found, those around the right answer)",
    )
    add("--fixed-seeds", type=int, default=3, help="runs of each size (default: 3)")
    add("--baselines", action="store_true", help="add one-shot removal and estimates")
    add(
        "--variant",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME:KEY=VALUE,...",
        help="settings to run beside the rules, e.g. quick:rule.patience=3",
    )
    return parser


def _make_plan(arguments: argparse.Namespace) -> Plan:
    settings = list(arguments.set)
    check_no_elastic("--rules", arguments.rules)
    base = read_base(arguments.config, settings, arguments.data_dir)
    groups = make_groups(
        arguments.config, base, settings, arguments.rules, arguments.variant
    )
    return Plan(
        base, groups, tuple(arguments.starts), arguments.seeds, arguments.fixed_seeds
    )


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
            for job in _first_jobs(plan, arguments.sizes, arguments.baselines):
                is_done(job, output)
            _note(arguments, plan, output)
            failures = stability(
                plan, output, arguments.sizes, arguments.baselines, console
            )
        if arguments.report or read_runs(output) or not failures:
            report(output, failures, console)
        if not arguments.report:
            raise_failures(failures)

    return run_command(parser.prog, command)
