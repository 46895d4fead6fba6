"""`python -m ald_keras.experiments.compare`: one pruning run against a search.

The config is a run's with an `hp_search` section, of which `--set` replaces values as
well, e.g. hp_search.tuner=random. Runs are written below
`saved_models/compare-NAME_OF_CONFIG`, unless `--output` names another folder. Given
again, a command that was stopped resumes. Under keras-tuner's variables
KERASTUNER_TUNER_ID, KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT, trials spread over
machines that share the output's folder.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence

from ald_keras.experiments.compare.comparison import load_comparison
from ald_keras.experiments.compare.plan import DECIDED, ComparisonPlan
from ald_keras.experiments.core.command import (
    Kind,
    experiment_parser,
    run_experiment,
)
from ald_keras.experiments.core.settings import check_settings, with_data_dir


def _make_plan(arguments: argparse.Namespace) -> ComparisonPlan:
    check_settings("--set", arguments.set, DECIDED)
    comparison = load_comparison(arguments.config, arguments.set)
    place = arguments.data_dir
    rules = {n: with_data_dir(c, place) for n, c in comparison.rules.items()}
    base = with_data_dir(comparison.base, place)
    comparison = dataclasses.replace(comparison, base=base, rules=rules)
    return ComparisonPlan(comparison, arguments.seeds)


def _load_kind() -> Kind:
    from ald_keras.experiments.compare.result import KIND

    return KIND


def main(
    argv: Sequence[str] | None = None, prog: str = "ald_keras.experiments.compare"
) -> int:
    """Run the command; returns its exit code."""
    parser, _ = experiment_parser(
        prog, __doc__, "compare --config configs/digits_compare.yaml --seeds 3"
    )
    return run_experiment(
        *("compare", parser, argv, _make_plan, _load_kind), report_needs_config=True
    )
