"""`python -m ald_keras.experiments.curve`: size curves beside sizes from scratch.

Elastic runs measure every latent size with one network each; the same sizes are trained
from scratch beside them. Runs are written below `saved_models/curve-NAME_OF_CONFIG`,
unless `--output` names another folder. Given again, a command that was stopped resumes.
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
from ald_keras.experiments.core.settings import read_base
from ald_keras.experiments.curve.plan import SIZES, CurvePlan
from ald_keras.experiments.stability.plan import DECIDED, make_groups
from ald_keras.runs.config import ELASTIC, load_config


def make_parser(prog: str = "ald_keras.experiments.curve") -> OneLineParser:
    """Parser of the command's arguments."""
    parser, group = experiment_parser(
        *(prog, __doc__, "curve --config configs/mnist_curve.yaml --sizes 4 8 16"),
        runs="the elastic network",
    )
    add = group.add_argument
    add(
        "--sizes",
        type=int,
        nargs="*",
        metavar="N",
        help="sizes from scratch (default: 4 to 20, 24, 32 and the full size)",
    )
    add(
        "--fixed-seeds",
        type=int,
        metavar="N",
        help="runs of each size (default: as --seeds)",
    )
    add_variants(group, "more:rule.share=0.6")
    return parser


def make_plan(arguments: argparse.Namespace) -> CurvePlan:
    """The plan that the command's arguments describe."""
    path, settings, seeds = arguments.config, list(arguments.set), arguments.seeds
    if load_config(path).rule.name != ELASTIC:
        settings.insert(0, f"rule={ELASTIC}")
    base = read_base(path, settings, arguments.data_dir, DECIDED)
    full, sizes = base.latent_dim, arguments.sizes
    if sizes is None:
        sizes = {size for size in (*SIZES, full) if size <= full}
    return CurvePlan(
        base,
        make_groups(path, base, settings, [ELASTIC], arguments.variant),
        (full,),
        seeds,
        seeds if arguments.fixed_seeds is None else arguments.fixed_seeds,
        sorted(sizes),
    )


def _load_kind() -> Kind:
    from ald_keras.experiments.curve.result import KIND

    return KIND


def main(
    argv: Sequence[str] | None = None, prog: str = "ald_keras.experiments.curve"
) -> int:
    """Run the command; returns its exit code."""
    return run_experiment("curve", make_parser(prog), argv, make_plan, _load_kind)
