"""`python -m ald_keras.experiments.compare`: one pruning run against a search.

The config is a run's with a `search` section, of which `--set` replaces values as well,
e.g. search.tuner=random. Runs are written below `saved_models/compare-NAME_OF_CONFIG`,
unless told otherwise. A command that was stopped goes on where it was when it is given
again. Under keras-tuner's variables KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and
KERASTUNER_ORACLE_PORT, trials spread over machines that share the output's folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import pathlib
import tempfile
from collections.abc import Sequence

from rich.console import Console

from ald_keras.cli import run_command
from ald_keras.experiments.compare.comparison import Comparison, load_comparison
from ald_keras.experiments.compare.roles import ALONE, CHIEF, WORKER, find_role
from ald_keras.experiments.compare.searching import (
    expected_kinds,
    possible_jobs,
    run_search,
)
from ald_keras.experiments.compare.summary import compare_runs
from ald_keras.experiments.compare.table import print_comparison, write_comparison
from ald_keras.experiments.compare.trials import ended_with, whole_search
from ald_keras.experiments.core.command import (
    experiment_parser,
    find_failures,
    parse,
    try_to_report_on,
    write_note,
)
from ald_keras.experiments.core.plan import check_data_dir, check_settings
from ald_keras.experiments.core.runner import Job, Runner, is_done, raise_failures
from ald_keras.experiments.core.runs import FIXED, run_name
from ald_keras.files.text_files import write_yaml
from ald_keras.runs.record import read_record

_DECIDED = {"seed": "--seeds", "method": "search.rules"}


def rule_jobs(comparison: Comparison, seed: int) -> dict[str, Job]:
    """The pruning run of each rule."""
    start = comparison.base.latent_dim
    return {
        rule: Job(run_name(rule, start, seed), dataclasses.replace(config, seed=seed))
        for rule, config in comparison.rules.items()
    }


def scratch_job(
    comparison: Comparison, rule: str, seed: int, output: pathlib.Path
) -> Job | None:
    """A rule's final size trained from scratch, or `None` before it has ended."""
    record = read_record(output / rule_jobs(comparison, seed)[rule].name)
    if record is None:
        return None
    size = int(record["active_dims"])
    config = dataclasses.replace(
        comparison.base, latent_dim=size, seed=seed, method="fixed"
    )
    return Job(run_name(FIXED, size, seed), config)


def check_there(comparison: Comparison, output: pathlib.Path, seeds: int) -> None:
    """Raise a `ValueError` where a run was made from another config."""
    for seed in range(seeds):
        jobs = list(rule_jobs(comparison, seed).values())
        for search in comparison.searches:
            jobs += possible_jobs(comparison, search, seed)
        for job in jobs:
            is_done(job, output)


def compare(
    comparison: Comparison,
    output: pathlib.Path,
    seeds: int,
    console: Console | None = None,
) -> dict[str, str]:
    """Carry out a comparison's runs, but for those that are done.

    As a worker, take part in its searches only. A chief begins with all searches, so
    that workers need not wait for what it does alone.

    Args:
        comparison: Its searches and rules.
        output: Its folder.
        seeds: Integer >= 1, runs of everything.
        console: Where progress is shown. Defaults to standard output.

    Returns:
        Mapping from the names of runs that failed to the reason.

    Raises:
        ValueError: If a run that is there was made from another config.
        OSError: If the folder cannot be written to.
    """
    role = find_role()
    with (
        Runner(output, console) as runner,
        tempfile.TemporaryDirectory() as folder,
    ):
        config = pathlib.Path(folder, "comparison.yaml")
        write_yaml(config, comparison.to_dict())
        runner.board.announce(_kinds(comparison, role) * seeds)
        for seed in range(seeds):
            _search(runner, comparison, seed, config)
            if role == ALONE:
                _prune(runner, comparison, seed)
        for seed in range(seeds if role == CHIEF else 0):
            _prune(runner, comparison, seed)
    return runner.failures


def _kinds(comparison: Comparison, role: str) -> list[str]:
    """Kinds of the runs of one seed."""
    kinds = [k for search in comparison.searches for k in expected_kinds(search)]
    if role != WORKER:
        kinds += [*comparison.rules, *([FIXED] * len(comparison.rules))]
    return kinds


def _search(
    runner: Runner, comparison: Comparison, seed: int, config: pathlib.Path
) -> None:
    for search in comparison.searches:
        run_search(runner, comparison, search, seed, config)


def _prune(runner: Runner, comparison: Comparison, seed: int) -> None:
    """Each rule, and what it finds from scratch, side by side in time."""
    trained = set()
    for rule, job in rule_jobs(comparison, seed).items():
        runner.run([job])
        scratch = scratch_job(comparison, rule, seed, runner.output)
        if scratch is None or scratch.name in trained:
            runner.board.withdraw([FIXED])
            continue
        trained.add(scratch.name)
        runner.run([scratch])


def report(
    comparison: Comparison,
    output: pathlib.Path,
    seeds: int,
    failures: dict[str, str],
    console: Console | None = None,
) -> None:
    """Print and write the table of what is there, and the report.

    Args:
        comparison: Its searches and rules.
        output: Its folder.
        seeds: Integer >= 1.
        failures: What `compare` returned.
        console: Where it is printed. Defaults to standard output.

    Raises:
        RuntimeError: If there is nothing to report on but failures.
        ValueError: If no search and no rule has come to its end.
    """
    summary = compare_runs(comparison, output, seeds)
    if not summary.rows:
        raise_failures(failures)
        raise ValueError(f"{output} holds nothing of this comparison to report on.")
    _note(comparison, seeds, output, again=True)
    write_comparison(summary, output, {"seeds": seeds, "failures": failures})
    print_comparison(summary, console)
    try_to_report_on(output)


def _read(arguments: argparse.Namespace) -> Comparison:
    check_settings("--set", arguments.set, _DECIDED)
    comparison = load_comparison(arguments.config, arguments.set)
    if arguments.data_dir is None:
        return comparison
    check_data_dir(arguments.data_dir)
    values = comparison.to_dict()
    values["data"]["dir"] = str(arguments.data_dir)
    return Comparison.from_dict(values)


def noted_failures(
    comparison: Comparison, output: pathlib.Path, seeds: int
) -> dict[str, str]:
    """What has failed of a comparison and is not whole now.

    Args:
        comparison: Its searches and rules.
        output: Its folder.
        seeds: Integer >= 1.

    Returns:
        As `compare` does.
    """
    noted, own = find_failures(output), set()
    for seed in range(seeds):
        for rule, job in rule_jobs(comparison, seed).items():
            scratch = scratch_job(comparison, rule, seed, output)
            own |= {each.name for each in (job, scratch) if each is not None}
        for search in comparison.searches:
            trials = possible_jobs(comparison, search, seed)
            own |= {job.name for job in trials}
            if ended_with(output, search, seed) is None:
                own.add(whole_search(search, seed))
    return {name: reason for name, reason in noted.items() if name in own}


def _note(
    comparison: Comparison, seeds: int, output: pathlib.Path, again: bool = False
) -> None:
    """Write `experiment.yaml`: the resolved settings and versions."""
    settings = {"seeds": seeds, **comparison.to_dict()}
    for key in _DECIDED:
        del settings[key]
    write_note(output, settings, again)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = experiment_parser("compare", __doc__)
    arguments = parse(parser, argv, needs_config=True)
    if arguments.seeds < 1:
        parser.error(f"`--seeds` must be an integer >= 1. Received: {arguments.seeds}")

    def command() -> None:
        comparison = _read(arguments)
        role = find_role()
        output = arguments.output
        console = Console()
        if arguments.report:
            failures = noted_failures(comparison, output, arguments.seeds)
        else:
            if importlib.util.find_spec("keras_tuner") is None:
                raise ImportError("Searches need keras-tuner: pip install keras-tuner")
            check_there(comparison, output, arguments.seeds)
            if role != WORKER:
                _note(comparison, arguments.seeds, output)
            failures = compare(comparison, output, arguments.seeds, console)
        if role != WORKER or arguments.report:
            report(comparison, output, arguments.seeds, failures, console)
        if not arguments.report:
            raise_failures(failures)

    return run_command(parser.prog, command)
