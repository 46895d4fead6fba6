"""Figures and report of a run or an experiment, as files."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ald_keras.experiments.bottleneck.result import KIND as BOTTLENECK
from ald_keras.experiments.compare.result import KIND as COMPARE
from ald_keras.experiments.core.manifest import MANIFEST, read_manifest
from ald_keras.experiments.curve.result import KIND as CURVE
from ald_keras.experiments.stability.result import KIND as STABILITY
from ald_keras.files.atomic import atomic_path
from ald_keras.reports import check_packages
from ald_keras.runs.config import Config
from ald_keras.runs.config_parts import Named
from ald_keras.runs.file_names import REPORT

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
