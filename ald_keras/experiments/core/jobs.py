"""Jobs: what a run of an experiment is made from, and the file that says so."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Mapping

from ald_keras._typing import JSON
from ald_keras.files.text_files import read_json, write_json, write_yaml
from ald_keras.runs.config import UNUSED, Config, load_config
from ald_keras.runs.file_names import ERROR_FILE

# Groups of networks of fixed size, and of those that lose idle dimensions at once.
FIXED, ONE_SHOT = "fixed", "oneshot"

JOB_FILE = "job.json"

_TYPES = {
    **{"group": str, "size": int, "module": str},
    **{"options": list, "facts": dict, "trains": bool},
}


@dataclasses.dataclass(frozen=True)
class Job:
    """A run that is to be made.

    Args:
        group: What is repeated over sizes and seeds: a rule, a variant, a search or
            `FIXED`. Jobs of one group take about as long.
        config: Its config, which holds its seed.
        size: Integer, the size that it is listed under. Defaults to `None`, which is
            `config.latent_dim`.
        module: Command that makes it: its `main` takes `--config`, `--output`,
            `--overwrite` and `--verbose`. Defaults to `"ald_keras.train"`.
        options: Further arguments of the command. Defaults to none.
        facts: Plain types that decide the run beside its config. Defaults to nothing.
        trains: Boolean, whether a trained model is measured. Defaults to `True`.
    """

    group: str
    config: Config
    size: int | None = None
    module: str = "ald_keras.train"
    options: tuple[str, ...] = ()
    facts: JSON = dataclasses.field(default_factory=dict)
    trains: bool = True

    def __post_init__(self) -> None:
        if self.size is None:
            object.__setattr__(self, "size", self.config.latent_dim)

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self.config.seed

    @property
    def name(self) -> str:
        """Name of its folder; nothing is read from it."""
        return f"{self.group}-{self.size}-seed{self.seed}"

    def prepare(self, output: pathlib.Path) -> pathlib.Path:
        """Make the run's folder without what an earlier run has left.

        Args:
            output: The experiment's folder.

        Returns:
            The folder, with the config and the job in it.
        """
        folder = output / self.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("run.json", ERROR_FILE):
            (folder / name).unlink(missing_ok=True)
        write_yaml(folder / "config.yaml", self.config.to_dict())
        values = {name: getattr(self, name) for name in _TYPES}
        write_json(folder / JOB_FILE, {**values, "seed": self.seed})
        return folder


def read_job(folder: pathlib.Path) -> Job:
    """The job of the run in a folder.

    Raises:
        ValueError: If a file is damaged or not from this version, naming it.
    """
    path = folder / JOB_FILE
    if not path.is_file():
        raise ValueError(
            f"{folder} must hold {JOB_FILE}, which earlier versions did not write. "
            "Move the folder away, or pass another --output."
        )
    values = read_json(path)
    if not isinstance(values, dict) or any(
        type(values.get(name)) is not expected for name, expected in _TYPES.items()
    ):
        raise ValueError(
            f"{path} must hold {', '.join(_TYPES)} of a job. Received: {values!r:.100}"
        )
    kept = {name: values[name] for name in _TYPES}
    config = read_run_config(folder)
    return Job(config=config, **{**kept, "options": tuple(kept["options"])})


def read_run_config(folder: pathlib.Path) -> Config:
    """The config of the run in a folder.

    Raises:
        ValueError: If it is not from this version, naming the folder.
    """
    try:
        return load_config(folder / "config.yaml")
    except ValueError as error:
        raise ValueError(
            f"{folder}: not from this version's config: {error}"
        ) from error


def check_config(
    folder: pathlib.Path, there: Config, asked: Config, left_out: Collection[str] = ()
) -> None:
    """Raise a `ValueError` where a folder's run has another config than is asked for.

    Args:
        folder: The run's folder.
        there: Its config.
        asked: The config that it should have.
        left_out: As `differences` takes it. Defaults to none.
    """
    differing = differences(there, asked, left_out)
    if differing:
        one, other = there.to_dict(), asked.to_dict()
        refuse(folder, "config", {key: (one[key], other[key]) for key in differing})


def refuse(
    folder: pathlib.Path, what: str, values: Mapping[str, tuple[object, object]]
) -> None:
    """Raise a `ValueError` about a run that is not the one asked for.

    Args:
        folder: The run's folder.
        what: What differs.
        values: Mapping from names to the value that is there and the one asked for.
    """
    received = "; ".join(f"{k}: {a} there, {b} here" for k, (a, b) in values.items())
    raise ValueError(
        f"{folder} holds a run of another {what}. Received: {received}. Move it away, "
        "or pass another --output."
    )


def differences(
    one: Config, other: Config, left_out: Collection[str] = ()
) -> list[str]:
    """Keys in which two configs would give different runs.

    The folder of the data does not count, nor whether a report or logs are written, nor
    settings of a method that neither uses.

    Args:
        one: A config.
        other: Another.
        left_out: Further keys that do not count, of which some may be dotted, such as
            `"geco.tau"`. Defaults to none.
    """
    first, second = one.to_dict(), other.to_dict()
    skipped = {*left_out, "report", "tensorboard"}
    if one.method == other.method:
        skipped |= UNUSED[one.method]
    for values in (first, second):
        for name in ("data.dir", *left_out):
            section, _, key = name.partition(".")
            if key:
                values[section].pop(key, None)
    return [key for key in first if key not in skipped and first[key] != second[key]]
