"""What the commands share: errors in one line, exit code 2, no traceback."""

from __future__ import annotations

import argparse
import io
import pathlib
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from ald_keras._after_keras import name_missing_backend

# What wrong input raises; anything else is a fault of the library.
_INPUT_ERRORS = (ImportError, OSError, RuntimeError, TypeError, ValueError)
# The second is TensorFlow's, which need not be loaded here.
_MEMORY_ERRORS = {"MemoryError", "ResourceExhaustedError"}

# Characters of a message.
_LONGEST = 2000


class OneLineParser(argparse.ArgumentParser):
    """Parser whose errors are one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def make_parser(prog: str, docstring: str | None, example: str) -> OneLineParser:
    """Parser of a command.

    Args:
        prog: Name of the command, which leads its errors.
        docstring: What the command does: its module's docstring, of which the name of
            the module is left out.
        example: The arguments of one call, below `ald`.
    """
    lead, colon, rest = (docstring or "").partition("`: ")
    text = (rest if colon else lead).strip().replace("`", "")
    return OneLineParser(
        prog,
        description=text[:1].upper() + text[1:],
        epilog=f"Example:\n  ald {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_config(
    group: argparse._ArgumentGroup,
    file: str = "YAML file of the run",
    settings: str = "replace values of the config, e.g. rule.patience=9",
    required: bool = False,
) -> None:
    """Add `--config`, `--set KEY=VALUE ...` and `--data-dir`.

    Args:
        group: Where in the help they stand.
        file: What the config is. Defaults to that of a run.
        settings: What `--set` does; it may be given more than once.
        required: Boolean, whether there must be a config. Defaults to `False`.
    """
    add = group.add_argument
    add("--config", type=pathlib.Path, required=required, metavar="FILE", help=file)
    add(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help=settings,
    )
    add("--data-dir", metavar="DIR", help="folder with the data set's files")


def run_command(prog: str, command: Callable[[], None]) -> int:
    """Run a command and turn what wrong input raises into one line.

    Returns:
        Exit code: 0, 2 after an error, 130 after an interrupt.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A folder's name may hold what the terminal, or no encoding, can show.
        sys.stdout.reconfigure(errors="backslashreplace")
    default = warnings.formatwarning

    def in_one_line(
        message: Warning | str, category: type[Warning], *place: Any, **line: Any
    ) -> str:
        if category is not UserWarning:
            return default(message, category, *place, **line)
        return f"{prog}: warning: {' '.join(str(message).split())}\n"

    warnings.formatwarning = in_one_line
    try:
        command()
    except KeyboardInterrupt:
        print(f"{prog}: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        out_of_memory = {cls.__name__ for cls in type(error).__mro__} & _MEMORY_ERRORS
        if not out_of_memory and not isinstance(error, _INPUT_ERRORS):
            raise
        if isinstance(error, ImportError):
            error = name_missing_backend(error)
        hint = "not enough memory: " if out_of_memory else ""
        print(f"{prog}: {hint}{_one_line(error)}", file=sys.stderr)
        return 2
    finally:
        warnings.formatwarning = default
    return 0


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    # What a file holds may be long, and control a terminal.
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
