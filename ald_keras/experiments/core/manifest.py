"""The manifest of an experiment: its kind, settings and versions."""

from __future__ import annotations

import dataclasses
import pathlib

from ald_keras.files.text_files import read_json, write_json
from ald_keras.files.versions import versions
from ald_keras.runs.file_names import ERROR_FILE
from ald_keras.runs.record import read_record

MANIFEST = "experiment.json"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What `experiment.json` holds.

    Args:
        kind: Name of the command below `ald_keras.experiments`.
        settings: The resolved settings of all runs, plain types.
        versions: Mapping from packages to versions. Defaults to the installed ones.
    """

    kind: str
    settings: dict[str, object]
    versions: dict[str, str] = dataclasses.field(default_factory=versions)

    def write(self, output: pathlib.Path) -> None:
        """Write it into an experiment's folder, which is made where it is missing."""
        output.mkdir(parents=True, exist_ok=True)
        write_json(output / MANIFEST, dataclasses.asdict(self))


def read_manifest(output: pathlib.Path, kind: str | None = None) -> Manifest:
    """Read the manifest of the experiment in a folder.

    Args:
        output: The folder.
        kind: The kind that it must have, or `None` for any. Defaults to `None`.

    Raises:
        ValueError: If there is none, it is damaged or of another kind.
    """
    path = output / MANIFEST
    if not path.is_file():
        raise ValueError(
            f"{output} holds neither a run (run.json) nor an experiment ({MANIFEST}, "
            "which earlier versions did not write). Run it with another --output."
        )
    values = read_json(path)
    types = {"kind": str, "settings": dict, "versions": dict}
    if not isinstance(values, dict) or any(
        not isinstance(values.get(name), expected) for name, expected in types.items()
    ):
        raise ValueError(
            f"{path} must hold {', '.join(types)}. Received: {values!r:.100}"
        )
    if kind not in (None, values["kind"]):
        raise ValueError(
            f"{output} must hold an experiment of kind {kind!r}. Received: "
            f"{values['kind']!r}. Use `python -m ald_keras.experiments."
            f"{values['kind']}`, or pass another --output."
        )
    return Manifest(**{name: values[name] for name in types})


def find_failures(output: pathlib.Path) -> dict[str, str]:
    """What has failed in an experiment and is not whole now.

    Args:
        output: The experiment's folder.

    Returns:
        Mapping from names, of runs mostly, to the reason: of the last command that
        ended, and of one that was killed.

    Raises:
        ValueError: If a file is damaged, naming it.
    """
    path = output / "summary.json"
    summary = read_json(path) if path.is_file() else {}
    saved = summary.get("failures", {}) if isinstance(summary, dict) else None
    if not isinstance(saved, dict) or {type(why) for why in saved.values()} - {str}:
        raise ValueError(f"{path} must hold a mapping, of `failures` to texts.")
    files = output.glob(f"*/{ERROR_FILE}")
    left = {f.parent.name: f.read_text("utf-8", "replace").strip() for f in files}
    failures = {**saved, **left}
    return {n: why for n, why in failures.items() if read_record(output / n) is None}
