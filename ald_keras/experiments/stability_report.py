"""`report.html` of a stability experiment."""

from __future__ import annotations

import pathlib
from typing import Any

from ald_keras.experiments.drawings import draw_experiment
from ald_keras.experiments.plan import GUESSES
from ald_keras.experiments.runs import ONE_SHOT, read_record, read_runs
from ald_keras.experiments.summary import Row, Summary, summarize
from ald_keras.experiments.table import NOTES, cells, head_lines
from ald_keras.files import parse_yaml, read_json
from ald_keras.report.experiment_report import write_experiment_report
from ald_keras.run_files import REPORT
from ald_keras.versions import versions


def write_stability_report(output: pathlib.Path) -> None:
    """Write the report of what is there.

    Args:
        output: The experiment's folder, with at least one whole run.

    Raises:
        ValueError: If runs do not belong together, or a file is damaged.
        OSError: If a file cannot be read or written.
    """
    runs = read_runs(output)
    guesses = (read_record(output / GUESSES) or {}).get("guesses", {})
    summary = summarize(runs, guesses)
    settings = _settings(output)
    write_experiment_report(
        output / REPORT,
        title=output.resolve().name,
        answers=[*head_lines(summary), *_found(summary)],
        rows=[cells(row) for row in summary.rows],
        notes=NOTES,
        drawings=draw_experiment(output, runs),
        failures=_failures(output),
        versions=settings.pop("versions", versions()),
        settings=settings,
    )


def _found(summary: Summary) -> list[str]:
    """A sentence on what each rule found, over all its starts."""
    last = {row["run"]: row for row in summary.rows if row["fixed"] is not None}
    return [
        f"Rule “{name}”: {_range(row)} dimensions, {row['dims_mean']:.1f} on average "
        f"over {row['runs']} runs, {row['fixed']} of them fixed."
        for name, row in last.items()
        if name != ONE_SHOT
    ]


def _range(row: Row) -> str:
    least, most = row["dims_min"], row["dims_max"]
    return str(least) if least == most else f"{least} to {most}"


def _settings(output: pathlib.Path) -> dict[str, Any]:
    path = output / "experiment.yaml"
    settings = parse_yaml(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return settings if isinstance(settings, dict) else {}


def _failures(output: pathlib.Path) -> dict[str, str]:
    path = output / "summary.json"
    return read_json(path).get("failures", {}) if path.is_file() else {}
