"""`python -m ald_keras.train`: one training run from a YAML config."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import shlex
import time
from collections.abc import Sequence
from typing import Any

from ald_keras._quiet_start import load_backend
from ald_keras._typing import JSON
from ald_keras.cli import OneLineParser, add_config, make_parser, run_command
from ald_keras.rules.outcome import STATUS_TITLES
from ald_keras.runs.choices import list_choices, list_options
from ald_keras.runs.config import Config, load_config
from ald_keras.runs.early_checks import check_run
from ald_keras.runs.file_names import CHECKPOINT, REPORT, TENSORBOARD
from ald_keras.runs.record import CONFIG, RECORD, load_record
from ald_keras.runs.run_folder import holds_run, run_folder


def run(
    config: Config,
    output: pathlib.Path,
    overwrite: bool = False,
    verbose: str | int = "auto",
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
) -> JSON:
    """Train, measure and write a run: the files of `file_names.RUN_FILES`.

    While it trains, `checkpoint.keras` holds all that resuming the run needs; it is
    removed when the others are there.

    Args:
        config: The run's config.
        output: Folder for the run; made where it is missing.
        overwrite: Boolean, replace the run that is there. Defaults to `False`.
        verbose: As `fit` takes it. Defaults to `"auto"`.
        resume: Boolean, resume the run that is there, if it was not finished; with
            the same seed on the same machine it ends as if it had never been stopped.
            Defaults to `False`.
        checkpoint_seconds: Float >= 0, time between two checkpoints; with 0 each epoch
            writes one. Defaults to 30.

    Returns:
        The record, as `run.json` holds it.

    Raises:
        ValueError: If the folder is not empty and neither `overwrite` nor `resume` is
            `True`, if both are, if the config does not fit the data, or if the
            checkpoint is damaged or of a run with another config.
        OSError: If data are missing or the folder cannot be written to.
    """
    if overwrite and resume:
        raise ValueError("`overwrite` and `resume` exclude each other. Received: both")
    # They load Keras, which who reads a config or the help can do without.
    from ald_keras.backends import from_chief, together
    from ald_keras.runs.checkpoint import check_config
    from ald_keras.runs.parts import load_parts
    from ald_keras.runs.run_files import clear_logs, write_run
    from ald_keras.runs.strategies import open_strategy
    from ald_keras.runs.training import train

    checkpoint = output / CHECKPOINT
    # First of all: workers find each other before TensorFlow does anything else.
    strategy = open_strategy(config.strategy)
    with contextlib.ExitStack() as stack:

        def begin() -> str:
            takes = overwrite or (resume and holds_run(output))
            stack.enter_context(run_folder(output, takes))
            if not resume:
                return "start"
            if is_finished(output):
                found = load_config(output / CONFIG).to_dict()
                check_config(output, found, config.to_dict())
                return "finished"
            return "resume" if checkpoint.exists() else "start"

        def clear() -> None:
            # From here on, what is in the folder is no finished run.
            (output / RECORD).unlink(missing_ok=True)
            checkpoint.unlink(missing_ok=True)
            clear_logs(output)

        how = from_chief(strategy, begin)
        if how == "finished":
            return load_record(output / RECORD)
        parts = load_parts(config)
        if how == "start":
            from_chief(strategy, clear)
        log_dir = output / TENSORBOARD if config.tensorboard else None
        started = time.perf_counter()
        model, history, search, progress = train(
            config,
            parts.data,
            parts.extractor,
            verbose,
            log_dir,
            checkpoint,
            checkpoint_seconds,
            strategy,
        )
        seconds = time.perf_counter() - started
        facts: dict[str, object] = {
            "seconds": round(seconds + progress.seconds_before, 3)
        }
        if progress.resumed:
            facts["resumed_after_epochs"] = progress.resumed

        def write() -> JSON:
            written = write_run(output, config, parts, model, history, search, **facts)
            checkpoint.unlink(missing_ok=True)
            return written

        with together(strategy):
            return from_chief(strategy, write)


def is_finished(output: pathlib.Path) -> bool:
    """Whether a folder holds a run that has ended, and none that is to be resumed."""
    return (output / RECORD).is_file() and not (output / CHECKPOINT).exists()


class _List(argparse.Action):
    """Prints what a config may name, and ends the command."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _: object,
        values: Any,
        option: str | None = None,
    ) -> None:
        def command() -> None:
            print(list_choices() if values is None else list_options(values))

        parser.exit(run_command(parser.prog, command))


def _parser(prog: str) -> OneLineParser:
    parser = make_parser(
        prog, __doc__, "train --config configs/digits.yaml --set epochs=50 seed=1"
    )
    add_config(parser.add_argument_group("what to train"), required=True)
    group = parser.add_argument_group("where to write")
    group.add_argument(
        "--output",
        type=pathlib.Path,
        metavar="DIR",
        help="folder for the run (default: saved_models/NAME_OF_CONFIG)",
    )
    there = group.add_mutually_exclusive_group()
    there.add_argument("--overwrite", action="store_true", help="replace a run")
    there.add_argument(
        "--resume", action="store_true", help="resume a run that was killed"
    )
    group.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="time between two checkpoints (default: %(default)g; 0: each epoch)",
    )
    group = parser.add_argument_group("what to show")
    group.add_argument(
        "--verbose",
        choices=("0", "1", "2"),
        default="1",
        help="0: nothing; 1: size, loss, KL and phase, a line an epoch, and a line a "
        "decision; 2: all metrics (default: %(default)s)",
    )
    group.add_argument(
        "--list",
        action=_List,
        nargs="?",
        metavar="NAME",
        help="name data sets, architectures, rules and likelihoods, or the options of "
        "one of them, and exit",
    )
    return parser


def _resuming_text(output: pathlib.Path) -> str:
    if is_finished(output):
        return f"{output}: the run is finished."
    if (output / CHECKPOINT).exists():
        return f"{output}: resuming from {CHECKPOINT}."
    return f"{output}: no {CHECKPOINT} there, starting at the first epoch."


def _next_steps(output: pathlib.Path) -> str:
    """Where the report is, and how to export the model."""
    report = output / REPORT
    lines = [f"Report: {report}"] if report.is_file() else []
    return "\n".join([*lines, f"Export: ald export {shlex.quote(str(output))}"])


def main(argv: Sequence[str] | None = None, prog: str = "ald_keras.train") -> int:
    """Run the command; returns its exit code."""
    parser = _parser(prog)
    arguments = parser.parse_args(argv)

    def command() -> None:
        settings = list(arguments.set)
        config = load_config(arguments.config, settings)
        if arguments.data_dir is not None:
            config = Config.from_dict(
                {
                    **config.to_dict(),
                    "data": {**config.data, "dir": str(arguments.data_dir)},
                }
            )
        output = arguments.output or pathlib.Path("saved_models", arguments.config.stem)
        if arguments.resume:
            print(_resuming_text(output))
        if not (arguments.resume and is_finished(output)):
            check_run(config, output, arguments.overwrite, arguments.resume)
        load_backend()
        record = run(
            config,
            output,
            arguments.overwrite,
            int(arguments.verbose),
            arguments.resume,
            arguments.checkpoint_seconds,
        )
        test = record["test"]
        doubt = STATUS_TITLES.get(record["status"] or "")
        dims = f"{record['active_dims']} of {record['start_dims']} latent dimensions"
        print(
            f"{output}: {dims}{f' ({doubt})' if doubt else ''}; test part: "
            f"reconstruction loss "
            f"{test['reconstruction_loss']:.2f} nats, "
            f"ELBO {test['elbo']:.2f} nats; {record['seconds']:.0f} s"
        )
        print(_next_steps(output))

    return run_command(parser.prog, command)


if __name__ == "__main__":
    raise SystemExit(main())
