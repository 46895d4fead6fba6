"""`python -m ald_keras.export`: a trained run's smaller model, as files."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence

from ald_keras._quiet_start import load_backend
from ald_keras._typing import JSON
from ald_keras.cli import OneLineParser, make_parser, run_command

# What `ARTIFACTS` holds, which loads Keras: a test compares them.
FORMATS = {
    "keras": "one file, a model of the same class",
    "parts": "encoder and decoder as plain Keras models",
    "saved_model": "a folder for TensorFlow",
    "tflite": "a file for LiteRT",
    "onnx": "encoder and decoder for ONNX runtimes",
}


def _parser(prog: str) -> OneLineParser:
    parser = make_parser(prog, __doc__, "export saved_models/digits --format onnx")
    group = parser.add_argument_group("what to export")
    group.add_argument(
        "model",
        type=pathlib.Path,
        metavar="RUN",
        help="a run's folder, or a model's .keras file",
    )
    sizes = group.add_mutually_exclusive_group()
    sizes.add_argument(
        "--size", type=int, metavar="K", help="latent size to export (elastic models)"
    )
    sizes.add_argument(
        "--sizes", type=int, nargs="+", metavar="K", help="several sizes, a file each"
    )
    group = parser.add_argument_group("where to write")
    formats = "; ".join(f"{name}: {text}" for name, text in FORMATS.items())
    group.add_argument(
        "--format",
        choices=tuple(FORMATS),
        default="keras",
        help=f"{formats} (default: %(default)s)",
    )
    group.add_argument(
        "--output",
        type=pathlib.Path,
        metavar="FILE",
        help="file, or folder, to write (default: compact beside the model)",
    )
    group.add_argument("--overwrite", action="store_true", help="replace files")
    group = parser.add_argument_group("what to show")
    group.add_argument(
        "--baseline",
        type=pathlib.Path,
        metavar="RUN",
        help="folder of a run of fixed size to compare with",
    )
    group.add_argument("--json", action="store_true", help="print JSON, no table")
    return parser


def _model_file(path: pathlib.Path) -> pathlib.Path:
    """The file of a model, of which the run's folder may be named.

    Raises:
        FileNotFoundError: If there is none.
    """
    if path.is_dir():
        if not (path / "model.keras").is_file():
            raise FileNotFoundError(
                f"{path} holds no model.keras. Pass the folder of a finished run."
            )
        return path / "model.keras"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: there is no such file. Pass a run's folder or its model.keras."
        )
    return path


def main(argv: Sequence[str] | None = None, prog: str = "ald_keras.export") -> int:
    """Run the command; returns its exit code."""
    parser = _parser(prog)
    arguments = parser.parse_args(argv)

    if arguments.sizes and arguments.output:
        parser.error("--output names one file: leave it out with --sizes.")

    def export_one(size: int | None) -> JSON:
        from ald_keras.export.exporting import export

        return export(
            _model_file(arguments.model),
            arguments.output,
            arguments.format,
            arguments.overwrite,
            arguments.baseline,
            size,
        )

    def command() -> None:
        model_file = _model_file(arguments.model)
        load_backend()
        from ald_keras.export.table import print_sizes, print_table
        from ald_keras.files.model_files import load_model
        from ald_keras.models.compaction import kept_dims

        if arguments.sizes:
            model = load_model(model_file)
            for size in arguments.sizes:  # all of them, before a file is written
                kept_dims(model, size)
            reports = {size: export_one(size) for size in sorted({*arguments.sizes})}
        else:
            report = export_one(arguments.size)
        if arguments.json:
            print(json.dumps(reports if arguments.sizes else report, indent=2))
        elif arguments.sizes:
            print_sizes(reports)
        else:
            print_table(report)

    return run_command(parser.prog, command)
