"""`report.html` of an experiment."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from ald_keras.experiments.core.manifest import Manifest
from ald_keras.experiments.core.result import Result
from ald_keras.reports.drawings import Drawing
from ald_keras.reports.experiment_report import write_experiment_report
from ald_keras.runs.file_names import REPORT


def write_report(
    output: pathlib.Path,
    manifest: Manifest,
    result: Result,
    failures: Mapping[str, str],
) -> list[Drawing]:
    """Write the report on an experiment.

    Args:
        output: The experiment's folder.
        manifest: Its manifest.
        result: What its runs show.
        failures: Mapping from runs that failed to the reason.

    Returns:
        Its figures.

    Raises:
        ValueError: If a run's file is damaged.
        OSError: If a file cannot be read or written.
    """
    drawings = result.draw()
    write_experiment_report(
        output / REPORT,
        title=output.resolve().name,
        answers=result.answers,
        rows=result.cells,
        notes=result.notes,
        drawings=drawings,
        failures=failures,
        versions=manifest.versions,
        settings=manifest.settings,
    )
    return drawings
