"""`ald init`: a config to begin with, and the schema of configs.

The config trains on scikit-learn's digits as it stands, or with `--dataset` on another
data set; a comment says what each key means. Editors that check YAML by a schema (for
Visual Studio Code: the YAML extension) read it from `schema.json`, or from where the
first line of a config says: `# yaml-language-server: $schema=FILE`.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence

from ald_keras._validation import check_choice
from ald_keras.cli import OneLineParser, make_parser, run_command
from ald_keras.files.atomic import atomic_path
from ald_keras.init.schema import config_schema
from ald_keras.init.template import template
from ald_keras.registries import DATASETS


def schema_text() -> str:
    """The schema of configs, as its file holds it."""
    return json.dumps(config_schema(), indent=2) + "\n"


def _write(path: pathlib.Path, text: str, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists already: pass --overwrite to replace it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: there is no such folder.")
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _parser(prog: str) -> OneLineParser:
    parser = make_parser(prog, __doc__, "init my.yaml")
    add = parser.add_argument_group("what to write").add_argument
    add(
        "file",
        type=pathlib.Path,
        nargs="?",
        metavar="FILE",
        help="file to write (default with --schema: standard output)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--dataset",
        default="digits",
        metavar="NAME",
        help="data set whose options the config holds (default: %(default)s)",
    )
    what.add_argument(
        "--schema", action="store_true", help="the JSON schema instead of a config"
    )
    add("--overwrite", action="store_true", help="replace a file that is there")
    return parser


def main(argv: Sequence[str] | None = None, prog: str = "ald init") -> int:
    """Run the command; returns its exit code."""
    parser = _parser(prog)
    arguments = parser.parse_args(argv)
    if arguments.file is None and not arguments.schema:
        parser.error("the following arguments are required: FILE")

    def command() -> None:
        dataset = check_choice("--dataset", arguments.dataset, DATASETS)
        text = schema_text() if arguments.schema else template(dataset)
        if arguments.file is None:
            print(text, end="")
            return
        _write(arguments.file, text, arguments.overwrite)
        if not arguments.schema:
            print(f"{arguments.file}: ald train --config {arguments.file}")

    return run_command(parser.prog, command)
