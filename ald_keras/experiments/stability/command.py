"""`python -m ald_keras.experiments.stability`: rules over seeds and starting sizes.

Runs are written below `saved_models/stability-NAME_OF_CONFIG`, unless `--output` names
another folder. Given again, a command that was stopped resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ald_keras.cli import OneLineParser
from ald_keras.experiments.core.command import (
    Kind,
    add_variants,
    experiment_parser,
    run_experiment,
)
from ald_keras.experiments.core.settings import check_no_elastic, read_base
from ald_keras.experiments.stability.plan import (
    DECIDED,
    StabilityPlan,
    make_groups,
)


def make_parser(prog: str = "ald_keras.experiments.stability") -> OneLineParser:
    """Parser of the command's arguments."""
    parser, group = experiment_parser(
        *(prog, __doc__, "stability --config configs/digits.yaml --starts 32 16"),
        runs="each rule and start",
        seeds=5,
    )
    add = group.add_argument
    add(
        "--starts",
        type=int,
        nargs="+",
        default=[100, 80, 64],
        metavar="N",
        help="latent dimensions at the start (default: 100 80 64)",
    )
    add(
        "--rules",
        nargs="*",
        default=["size_curve", "ald"],
        metavar="RULE",
        help="rules to compare (default: size_curve ald)",
    )
    add(
        "--sizes",
        type=int,
        nargs="+",
        metavar="N",
        help="fixed sizes (default: found, those around the smallest sufficient one)",
    )
    add(
        "--fixed-seeds",
        type=int,
        default=3,
        metavar="N",
        help="runs of each size (default: 3)",
    )
    add("--baselines", action="store_true", help="add one-shot removal and estimates")
    add_variants(group, "quick:rule.patience=3")
    return parser


def make_plan(arguments: argparse.Namespace) -> StabilityPlan:
    """The plan that the command's arguments describe."""
    path, settings, rules = arguments.config, arguments.set, arguments.rules
    check_no_elastic("--rules", rules)
    base = read_base(path, settings, arguments.data_dir, DECIDED)
    return StabilityPlan(
        base,
        make_groups(path, base, settings, rules, arguments.variant),
        arguments.starts,
        arguments.seeds,
        arguments.fixed_seeds,
        arguments.sizes,
        arguments.baselines,
    )


def _load_kind() -> Kind:
    from ald_keras.experiments.stability.result import KIND

    return KIND


def main(
    argv: Sequence[str] | None = None, prog: str = "ald_keras.experiments.stability"
) -> int:
    """Run the command; returns its exit code."""
    return run_experiment("stability", make_parser(prog), argv, make_plan, _load_kind)
