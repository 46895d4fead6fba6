"""`python -m ald_keras.experiments.bottleneck`: how close to the smallest latent space.

The protocol of De Boom et al. 2020 (arXiv 2003.10901): the lowest error that a network
of n dimensions reaches is the bound of one that starts with more and has gates, of
which n should stay open. Runs are written below `saved_models/bottleneck-NAME`, NAME
being the config's, unless `--output` names another folder. Given again, a command that
was stopped resumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ald_keras._typing import JSON
from ald_keras.cli import OneLineParser
from ald_keras.experiments.bottleneck.plan import (
    DECIDED,
    BottleneckPlan,
    read_reference,
)
from ald_keras.experiments.core.command import (
    Kind,
    experiment_parser,
    run_experiment,
)
from ald_keras.experiments.core.settings import read_base


def make_parser(prog: str = "ald_keras.experiments.bottleneck") -> OneLineParser:
    """Parser of the command's arguments."""
    parser, group = experiment_parser(
        prog, __doc__, "bottleneck --config configs/digits_bottleneck.yaml"
    )
    add = group.add_argument
    sizes: JSON = {"type": int, "nargs": "+", "metavar": "N"}
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


def make_plan(arguments: argparse.Namespace) -> BottleneckPlan:
    """The plan that the command's arguments describe."""
    return BottleneckPlan(
        read_base(
            *(arguments.config, arguments.set, arguments.data_dir),
            decided=DECIDED,
            make=read_reference,
        ),
        arguments.references,
        arguments.sizes or [2 * size for size in arguments.references],
        arguments.budgets,
        arguments.seeds,
        arguments.ald,
    )


def _load_kind() -> Kind:
    from ald_keras.experiments.bottleneck.result import KIND

    return KIND


def main(
    argv: Sequence[str] | None = None, prog: str = "ald_keras.experiments.bottleneck"
) -> int:
    """Run the command; returns its exit code."""
    return run_experiment("bottleneck", make_parser(prog), argv, make_plan, _load_kind)
