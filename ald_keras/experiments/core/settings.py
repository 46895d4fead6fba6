"""Checks of what an experiment's command is given, and the config of all runs."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from ald_keras.runs.config import ELASTIC, Config, read_settings


def check_counts(name: str, values: Sequence[int]) -> None:
    """Raise a `ValueError` unless values are distinct integers >= 1."""
    if any(value < 1 for value in values) or len(set(values)) != len(values):
        raise ValueError(
            f"`{name}` must be distinct integers >= 1. Received: {list(values)}"
        )


def read_base(
    path: pathlib.Path,
    settings: Sequence[str],
    data_dir: str | None,
    decided: Mapping[str, str],
    make: Callable[[dict[str, object]], Config] = Config.from_dict,
) -> Config:
    """The config that all runs share.

    Args:
        path: A run's config.
        settings: Texts `key=value` as `load_config` takes them.
        data_dir: Folder with the data set's files, or `None`.
        decided: As `check_settings` takes it; what the file says of these keys does not
            count.
        make: Function from the file's mapping to the config. Defaults to
            `Config.from_dict`.

    Raises:
        ValueError: If the config or a setting is wrong.
        OSError: If a file or folder is missing.
    """
    check_settings("--set", settings, decided)
    return with_data_dir(read_settings(path, settings, make), data_dir)


def with_data_dir(config: Config, data_dir: str | None) -> Config:
    """A config with its data in a folder, or unchanged for `None`.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    if data_dir is None:
        return config
    if not pathlib.Path(data_dir).is_dir():
        raise FileNotFoundError(f"`--data-dir` {data_dir}: there is no such folder.")
    return dataclasses.replace(config, data={**config.data, "dir": str(data_dir)})


def without(config: Config, keys: Iterable[str]) -> dict[str, object]:
    """A config as plain types, without some keys, of which some may be dotted."""
    values = config.to_dict()
    for key in keys:
        section, _, name = key.partition(".")
        (values[section] if name else values).pop(name or section, None)
    return values


def check_no_elastic(argument: str, rules: Iterable[str]) -> None:
    """Raise a `ValueError` for a rule that finds no one size.

    Args:
        argument: What named the rules, for the message.
        rules: Names of rules.
    """
    if ELASTIC in rules:
        raise ValueError(
            f"`{argument}` must be rules that find a size. Received: {ELASTIC!r}, "
            "which keeps every one. Use `python -m ald_keras.experiments.curve` for it."
        )


def check_settings(
    argument: str, settings: Iterable[str], decided: Mapping[str, str]
) -> None:
    """Raise a `ValueError` for a setting of something that is decided elsewhere.

    Args:
        argument: The command's argument that gave them.
        settings: Texts `key=value`.
        decided: Mapping from keys, of which some may be dotted, to what decides them.
    """
    for setting in settings:
        path = setting.partition("=")[0]
        for key, what in decided.items():
            if f"{path}.".startswith(f"{key}."):
                raise ValueError(
                    f"`{argument} {setting}`: {key!r} is decided by {what}."
                )
