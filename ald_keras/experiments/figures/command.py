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
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ald_keras.cli import OneLineParser, run_command
from ald_keras.experiments.bottleneck.result import KIND as BOTTLENECK
from ald_keras.experiments.compare.result import KIND as COMPARE
from ald_keras.experiments.core.manifest import MANIFEST, read_manifest
from ald_keras.experiments.curve.result import KIND as CURVE
from ald_keras.experiments.stability.result import KIND as STABILITY
from ald_keras.files.atomic import atomic_path
from ald_keras.reports import check_packages
from ald_keras.runs.config import Config, load_config
from ald_keras.runs.config_parts import Named
from ald_keras.runs.run_files import REPORT

if TYPE_CHECKING:
    from ald_keras.reports.drawings import Drawing

KINDS = {kind.name: kind for kind in (STABILITY, BOTTLENECK, CURVE, COMPARE)}

# Rules whose options `--to-the-end` takes over.
_PAPERS = ("ald", "ald_to_the_end")


def draw(
    folder: pathlib.Path,
    data_dir: str | None = None,
    seed: int = 0,
    baseline: pathlib.Path | None = None,
) -> tuple[list[pathlib.Path], list[str]]:
    """Draw a run or an experiment and write its report.

    Args:
        folder: Folder of a whole run, or of folders of runs.
        data_dir: Folder with a run's data, or `None` for its config's. Defaults to
            `None`.
        seed: Integer >= 0 of the samples shown. Defaults to 0.
        baseline: Folder of a run of fixed size to compare a run with. Defaults to
            `None`.

    Returns:
        The files, and sentences on what was left out.

    Raises:
        ImportError: If matplotlib or jinja2 is missing.
        ValueError: If the folder holds neither, or a file is damaged.
        OSError: If a file cannot be read or written.
    """
    check_packages()
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder.")
    if (folder / "run.json").is_file():
        return _draw_run(folder, data_dir, seed, baseline)
    if baseline is not None:
        raise ValueError("`--baseline` goes with a run, not with an experiment.")
    return _draw_experiment(folder)


def _draw_run(
    folder: pathlib.Path,
    data_dir: str | None,
    seed: int,
    baseline: pathlib.Path | None,
) -> tuple[list[pathlib.Path], list[str]]:
    from ald_keras.experiments.core.saved_runs import load_facts
    from ald_keras.reports.drawings import draw_run
    from ald_keras.reports.run_report import write_run_report

    facts, missing = load_facts(folder, data_dir, seed, baseline)
    drawings, left_out = draw_run(facts)
    files = _write_figures(folder, drawings)
    write_run_report(folder / REPORT, facts)
    return [*files, folder / REPORT], missing + left_out


def _draw_experiment(folder: pathlib.Path) -> tuple[list[pathlib.Path], list[str]]:
    from ald_keras.experiments.core.report import write_report

    manifest = read_manifest(folder)
    if manifest.kind not in KINDS:
        raise ValueError(
            f"{folder / MANIFEST}: `kind` must be one of {sorted(KINDS)}. "
            f"Received: {manifest.kind!r}"
        )
    kind = KINDS[manifest.kind]
    result = kind.summarize(folder, manifest.settings)
    failures = kind.find_failures(folder, manifest.settings)
    files = _write_figures(folder, write_report(folder, manifest, result, failures))
    return [*files, folder / REPORT], []


def _write_figures(
    folder: pathlib.Path, drawings: Iterable[Drawing]
) -> list[pathlib.Path]:
    from ald_keras.reports.figures import to_png

    below = folder / "figures"
    below.mkdir(exist_ok=True)
    files = []
    for drawing in drawings:
        file = below / f"{drawing.name}.png"
        with atomic_path(file) as temporary:
            temporary.write_bytes(to_png(drawing.figure))
        files.append(file)
    return files


def to_the_end(config: Config) -> Config:
    """The config of a run by the paper's rule that continues after its stop.

    Args:
        config: A run's config; options of the paper's rule are kept.
    """
    options = config.rule.options if config.rule.name in _PAPERS else {}
    rule = Named("ald_to_the_end", options)
    return dataclasses.replace(config, method="ald", rule=rule)


def _parser() -> OneLineParser:
    parser = OneLineParser("ald_keras.experiments.figures", description=__doc__)
    add = parser.add_argument
    add("folder", type=pathlib.Path, nargs="?", metavar="RUN_OR_EXPERIMENT_DIR")
    add("--data-dir", metavar="DIR", help="folder with the data set's files")
    add("--seed", type=int, default=0, help="of the samples shown (default: 0)")
    add(
        "--baseline",
        type=pathlib.Path,
        metavar="RUN",
        help="folder of a run of fixed size to compare a run with",
    )
    add("--to-the-end", action="store_true", help="train on after the rule's stop")
    add("--config", type=pathlib.Path, metavar="FILE", help="with --to-the-end")
    add("--output", type=pathlib.Path, metavar="DIR", help="with --to-the-end")
    parser.add_settings("with --to-the-end: replace values of the config")
    add("--overwrite", action="store_true", help="with --to-the-end: replace a run")
    add("--verbose", choices=("0", "1", "2"), help="as in fit (default: by terminal)")
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
    from ald_keras.train import run

    check_packages()
    config = load_config(arguments.config, arguments.set)
    if arguments.data_dir is not None:
        data = {**config.data, "dir": str(arguments.data_dir)}
        config = dataclasses.replace(config, data=data)
    verbose = "auto" if arguments.verbose is None else int(arguments.verbose)
    # The report follows with the figures.
    config = dataclasses.replace(to_the_end(config), report=False)
    run(config, arguments.output, arguments.overwrite, verbose)
    return arguments.output


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    _check(parser, arguments)

    def command() -> None:
        folder = _train(arguments) if arguments.to_the_end else arguments.folder
        files, left_out = draw(
            folder, arguments.data_dir, arguments.seed, arguments.baseline
        )
        for file in files:
            print(file)
        for sentence in left_out:
            print(f"{parser.prog}: {' '.join(sentence.split())}", file=sys.stderr)

    return run_command(parser.prog, command)
