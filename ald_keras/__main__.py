"""`ald`: all commands under one name; `python -m ald_keras` is the same."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from ald_keras import __version__
from ald_keras._validation import did_you_mean

PROG = "ald"

# Each command's module, whose `main` takes the arguments and the name.
COMMANDS = {
    "init": ("init.command", "write a config to begin with"),
    "train": ("train", "train one model as a config says"),
    "export": ("export.command", "write a trained model, smaller, as files"),
    "figures": (
        "experiments.figures.command",
        "draw a run or an experiment, and write its report",
    ),
    "compare": (
        "experiments.compare.command",
        "compare pruning with a hyperparameter search",
    ),
    "stability": (
        "experiments.stability.command",
        "run rules over seeds and starting sizes",
    ),
    "bottleneck": (
        "experiments.bottleneck.command",
        "find how close to the smallest latent space",
    ),
    "curve": (
        "experiments.curve.command",
        "compare the size curve with sizes from scratch",
    ),
}


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROG} COMMAND [arguments]",
            "",
            "Finds the size of a VAE's latent space while the VAE is trained.",
            "",
            "commands:",
            *lines,
            "",
            f"{PROG} COMMAND --help shows a command's arguments and an example;",
            f"{PROG} train --list names what a config may name;",
            f"{PROG} --version prints the version.",
            "",
            "To begin with:",
            f"  {PROG} init my.yaml",
            f"  {PROG} train --config my.yaml",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names; returns its exit code."""
    name, *arguments = (sys.argv[1:] if argv is None else list(argv)) or [""]
    if name in ("-h", "--help", "help"):
        print(_help())
        return 0
    if name == "--version":
        print(f"{PROG} {__version__}")
        return 0
    if name not in COMMANDS:
        expected = f"a command is required, one of {', '.join(COMMANDS)}."
        received = f" Received: {name!r}.{did_you_mean(name, COMMANDS)}" if name else ""
        print(f"{PROG}: {expected}{received}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"ald_keras.{COMMANDS[name][0]}")
    return int(module.main(arguments, prog=f"{PROG} {name}"))


if __name__ == "__main__":
    raise SystemExit(main())
