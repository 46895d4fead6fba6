"""A command in a process that ends with the one that started it.

`python -m ald_keras.experiments.core.child MODULE ARGUMENTS` runs `MODULE.main`. When
standard input closes, as it does when whoever holds its other end is killed, the
process ends at once: an orphan would keep writing into a folder that the next start
of the experiment writes into as well.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pathlib
import sys
import threading
from collections.abc import Sequence

from ald_keras.cli import OneLineParser


def job_parser(prog: str, description: str | None) -> OneLineParser:
    """Parser of a command that a runner starts."""
    parser = OneLineParser(prog, description=description)
    for name in ("--config", "--output"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    # A runner passes these to every command alike.
    parser.add_argument("--overwrite", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--verbose", help=argparse.SUPPRESS)
    return parser


def _end_with_parent() -> None:
    # Not `sys.stdin`, whose lock would block the interpreter's shutdown.
    while os.read(0, 1):
        pass
    os._exit(1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `main` of the module that the first argument names; returns its exit code."""
    module, *arguments = sys.argv[1:] if argv is None else argv
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return int(importlib.import_module(module).main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
