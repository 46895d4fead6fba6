"""`python -m ald_keras.experiments.figures`: figures and report of what has been run.

Of a run's folder it draws the run, of an experiment's the comparison of its runs: PNGs
in `figures/` below it, and `report.html`. With `--to-the-end` it trains first, by the
paper's rule, which prunes to its lower limit and records where it would have stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Sequence

from ald_keras._quiet_start import load_backend
from ald_keras.cli import OneLineParser, add_config, make_parser, run_command
from ald_keras.reports import check_packages
from ald_keras.runs.config import load_config


def _parser(prog: str) -> OneLineParser:
    parser = make_parser(prog, __doc__, "figures saved_models/digits")
    group = parser.add_argument_group("what to draw")
    add = group.add_argument
    add(
        "folder",
        type=pathlib.Path,
        nargs="?",
        metavar="RUN_OR_EXPERIMENT_DIR",
        help="folder of a run, or of an experiment",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the samples shown (default: 0)",
    )
    add(
        "--baseline",
        type=pathlib.Path,
        metavar="RUN",
        help="folder of a run of fixed size to compare a run with",
    )
    group = parser.add_argument_group("training first, with --to-the-end")
    add = group.add_argument
    add("--to-the-end", action="store_true", help="train on after the rule's stop")
    add_config(group)
    add("--output", type=pathlib.Path, metavar="DIR", help="folder for the run")
    add("--overwrite", action="store_true", help="replace a run")
    add(
        "--verbose",
        choices=("0", "1", "2"),
        default="1",
        help="as in train (default: %(default)s)",
    )
    return parser


def _check(parser: OneLineParser, arguments: argparse.Namespace) -> None:
    training = (arguments.config, arguments.output)
    if arguments.seed < 0:
        parser.error(f"--seed must be 0 or more. Received: {arguments.seed}")
    if arguments.to_the_end and (arguments.folder or None in training):
        parser.error("--to-the-end needs --config and --output, and no folder.")
    if not arguments.to_the_end and (
        arguments.folder is None or training != (None, None) or arguments.set
    ):
        parser.error("Give a folder, or --to-the-end with --config and --output.")


def _train(arguments: argparse.Namespace) -> pathlib.Path:
    config = load_config(arguments.config, arguments.set)
    check_packages()
    if arguments.data_dir is not None:
        data = {**config.data, "dir": str(arguments.data_dir)}
        config = dataclasses.replace(config, data=data)
    load_backend()
    from ald_keras.experiments.figures.drawing import to_the_end
    from ald_keras.train import run

    # The report follows with the figures.
    config = dataclasses.replace(to_the_end(config), report=False)
    run(config, arguments.output, arguments.overwrite, int(arguments.verbose))
    return arguments.output


def main(
    argv: Sequence[str] | None = None, prog: str = "ald_keras.experiments.figures"
) -> int:
    """Run the command; returns its exit code."""
    parser = _parser(prog)
    arguments = parser.parse_args(argv)
    _check(parser, arguments)

    def command() -> None:
        folder = _train(arguments) if arguments.to_the_end else arguments.folder
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: there is no such folder.")
        check_packages()
        load_backend()
        from ald_keras.experiments.figures.drawing import draw

        files, left_out = draw(
            folder, arguments.data_dir, arguments.seed, arguments.baseline
        )
        for file in files:
            print(file)
        for sentence in left_out:
            print(f"{parser.prog}: {' '.join(sentence.split())}", file=sys.stderr)

    return run_command(parser.prog, command)
