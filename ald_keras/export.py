"""`python -m ald_keras.export`: a trained run's smaller model, as files."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
from rich.console import Console
from rich.table import Table

from ald_keras.cli import OneLineParser, run_command
from ald_keras.compaction import can_slice_optimizer, compact, largest_difference
from ald_keras.evaluation import parameter_count
from ald_keras.files import read_json, replacing

FORMATS = ("keras", "parts")


def load_model(path: pathlib.Path) -> Any:
    """Load a model that has a latent mask.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no whole `.keras` file, or holds another kind of model.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        model = keras.saving.load_model(path)
    except Exception as error:  # a damaged file fails in many ways
        first = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise ValueError(f"{path} is no model that can be loaded: {first}") from error
    if not hasattr(model, "latent_mask"):
        raise ValueError(
            f"{path} holds a {type(model).__name__}. Expected a model with a latent "
            "mask."
        )
    return model


def export(
    model_path: pathlib.Path,
    output: pathlib.Path | None = None,
    format: str = "keras",
    overwrite: bool = False,
    baseline: pathlib.Path | None = None,
) -> dict[str, Any]:
    """Write the smaller model and tell what has changed.

    Args:
        model_path: `.keras` file of a model with a latent mask.
        output: File to write, ending in `.keras`. Defaults to `compact.keras` beside
            the model. With `"parts"`, `-encoder` and `-decoder` are added to its name.
        format: `"keras"` for one file, or `"parts"` for encoder and decoder as plain
            Keras models that load without this library. Defaults to `"keras"`.
        overwrite: Boolean, replace files that are there. Defaults to `False`.
        baseline: Folder of a run of fixed size to take the figures before compression
            from. Defaults to the model itself.

    Returns:
        `before` and `after` (dimensions, parameters, bytes and, where a `run.json`
        stands beside the model, test figures), `largest_difference`, `optimizer`
        (`"fresh"` where its state cannot be sliced, else `"kept"`) and `files`.

    Raises:
        OSError: If a file is missing or cannot be written.
        ValueError: If the model cannot be loaded, or a file is there already.
    """
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {FORMATS}. Received: {format!r}")
    output = model_path.with_name("compact.keras") if output is None else output
    if output.suffix != ".keras":
        raise ValueError(f"`output` must end in .keras. Received: {output}")
    files = [output]
    if format == "parts":
        files = [
            output.with_name(f"{output.stem}-{part}.keras")
            for part in ("encoder", "decoder")
        ]
    for file in files:
        if file.resolve() == model_path.resolve():
            raise ValueError(f"`output` must not be the model itself: {file}")
        if file.exists() and not overwrite:
            raise ValueError(f"{file} exists already: pass --overwrite to replace it.")
    model = load_model(model_path)
    keep = can_slice_optimizer(model)
    small = compact(model, keep_optimizer=keep)
    before = baseline / "model.keras" if baseline else model_path
    wide = load_model(before) if baseline else model
    report: dict[str, Any] = {
        "before": {
            **_size(wide),
            "bytes": before.stat().st_size,
            **_figures(before.parent, "test", wide.active_dims),
        },
        "after": {
            **_size(small),
            **_figures(model_path.parent, "test_compact", small.latent_dim),
        },
        "largest_difference": largest_difference(model, small),
        "optimizer": "kept" if keep else "fresh",
        "files": [str(file) for file in files],
    }
    parts = [small] if format == "keras" else [small.encoder_model, small.decoder_model]
    _save(parts, files)
    report["after"]["bytes"] = sum(file.stat().st_size for file in files)
    return report


def _save(parts: list[Any], files: list[pathlib.Path]) -> None:
    """Save all parts, or none."""
    if len(parts) > 1:
        with replacing(files[0]) as temporary:
            parts[0].save(temporary)
            _save(parts[1:], files[1:])
        return
    with replacing(files[0]) as temporary:
        parts[0].save(temporary)


def _size(model: Any) -> dict[str, Any]:
    return {"dimensions": model.latent_dim, "parameters": parameter_count(model)}


def _figures(folder: pathlib.Path, part: str, active_dims: int) -> dict[str, Any]:
    """Test figures of a run, unless there is none or its model has another size."""
    path = folder / "run.json"
    figures = read_json(path).get(part, {}) if path.is_file() else {}
    if figures.get("active_dims") != active_dims:
        return {}
    return {name: figures[name] for name in ("reconstruction_loss", "silhouette")}


def print_table(report: dict[str, Any], console: Console | None = None) -> None:
    """Print what `export` returned."""
    before, after = report["before"], report["after"]
    table = Table(title="Compression of the latent space")
    table.add_column("")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right")
    for name, label, form in (
        ("dimensions", "latent dimensions", "{:d}"),
        ("parameters", "parameters", "{:,d}"),
        ("bytes", "file size, bytes", "{:,d}"),
        ("reconstruction_loss", "reconstruction loss, nats (test)", "{:.2f}"),
        ("silhouette", "silhouette (test)", "{:.3f}"),
    ):
        cells = [
            form.format(side[name]) if name in side else "-" for side in (before, after)
        ]
        table.add_row(label, *cells)
    table.add_row(
        "largest output difference", "", f"{report['largest_difference']:.1e}"
    )
    console = console or Console()
    console.print(table)
    if report["optimizer"] == "fresh":
        console.print("the optimizer's state cannot be sliced: it starts anew")
    for file in report["files"]:
        console.print(f"written: {file}", soft_wrap=True, highlight=False)


def _parser() -> OneLineParser:
    parser = OneLineParser("ald_keras.export", description=__doc__)
    parser.add_argument("model", type=pathlib.Path, metavar="MODEL")
    parser.add_argument("--output", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--format", choices=FORMATS, default="keras")
    parser.add_argument(
        "--baseline",
        type=pathlib.Path,
        metavar="RUN",
        help="folder of a run of fixed size to compare with",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, no table")
    parser.add_argument("--overwrite", action="store_true", help="replace files")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)

    def command() -> None:
        report = export(
            arguments.model,
            arguments.output,
            arguments.format,
            arguments.overwrite,
            arguments.baseline,
        )
        if arguments.json:
            print(json.dumps(report, indent=2))
        else:
            print_table(report)

    return run_command(parser.prog, command)


if __name__ == "__main__":
    raise SystemExit(main())
