"""What an experiment on stability consists of: rules, starts, seeds, fixed sizes."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

from ald_keras.experiments.core.runner import Job
from ald_keras.experiments.core.runs import FIXED, ONE_SHOT, run_name
from ald_keras.rules import RULES
from ald_keras.runs.config import ELASTIC, Config, check_rule, load_config

GUESSES = "guesses"

# Epochs of training that follow the one-shot removal.
FINE_TUNING = 10

_VARIANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_DECIDED = {"seed": "--seeds", "latent_dim": "--starts", "method": "--rules"}


@dataclasses.dataclass(frozen=True)
class Plan:
    """An experiment's runs.

    Args:
        base: Config that all runs share.
        groups: Mapping from rules and variants to the config that their runs share.
        starts: Distinct integers >= 1, latent dimensions at the start.
        seeds: Integer >= 1, runs of each group from each start.
        fixed_seeds: Integer >= 1, runs of each fixed size.
    """

    base: Config
    groups: Mapping[str, Config]
    starts: Sequence[int]
    seeds: int
    fixed_seeds: int

    def __post_init__(self) -> None:
        for name in ("seeds", "fixed_seeds"):
            check_counts(f"--{name.replace('_', '-')}", [getattr(self, name)])
        check_counts("--starts", self.starts)
        if not self.starts:
            raise ValueError("`--starts` must name at least one size.")

    @property
    def largest(self) -> int:
        """The largest start."""
        return max(self.starts)

    def pruning_jobs(self) -> list[Job]:
        """Every rule and variant from every start with every seed, seed by seed."""
        return [
            _job(group, config, start, seed, "ald")
            for seed in range(self.seeds)
            for start in self.starts
            for group, config in self.groups.items()
        ]

    def fixed_jobs(self, sizes: Sequence[int]) -> list[Job]:
        """Every fixed size with every seed, trained for as many epochs."""
        check_counts("--sizes", sizes)
        return [
            _job(FIXED, self.base, size, seed, "fixed")
            for seed in range(self.fixed_seeds)
            for size in sizes
        ]

    def one_shot_jobs(self, output: pathlib.Path) -> list[Job]:
        """The one-shot removal from each fixed run of the largest start."""
        epochs = self.base.epochs + FINE_TUNING
        longer = dataclasses.replace(self.base, epochs=epochs)
        jobs = []
        for seed in range(self.fixed_seeds):
            source = output / run_name(FIXED, self.largest, seed)
            job = _job(ONE_SHOT, longer, self.largest, seed, "fixed")
            jobs.append(
                dataclasses.replace(
                    job,
                    module="ald_keras.experiments.stability.one_shot",
                    options=("--source", str(source)),
                )
            )
        return jobs

    def guess_jobs(self) -> list[Job]:
        """The estimates that need no network."""
        config = dataclasses.replace(self.base, seed=0, method="fixed")
        return [Job(GUESSES, config, module="ald_keras.experiments.stability.guesses")]


def _job(group: str, config: Config, start: int, seed: int, method: str) -> Job:
    config = dataclasses.replace(config, latent_dim=start, seed=seed, method=method)
    return Job(run_name(group, start, seed), config)


def check_counts(name: str, values: Sequence[int]) -> None:
    """Raise a `ValueError` unless values are distinct integers >= 1."""
    if any(value < 1 for value in values) or len(set(values)) != len(values):
        raise ValueError(
            f"`{name}` must be distinct integers >= 1. Received: {list(values)}"
        )


def read_base(
    path: pathlib.Path, settings: Sequence[str], data_dir: str | None
) -> Config:
    """The config that all runs share.

    Args:
        path: A run's config; `seed`, `latent_dim` and `method` in it do not count.
        settings: Texts `key=value` as `load_config` takes them.
        data_dir: Folder with the data set's files, or `None`.

    Raises:
        ValueError: If the config or a setting is wrong.
        OSError: If a file or folder is missing.
    """
    check_settings("--set", settings, _DECIDED)
    return with_data_dir(load_config(path, settings), data_dir)


def with_data_dir(config: Config, data_dir: str | None) -> Config:
    """A config whose data are in a folder, or as it says itself for `None`.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    if data_dir is None:
        return config
    check_data_dir(data_dir)
    return dataclasses.replace(config, data={**config.data, "dir": data_dir})


def make_groups(
    path: pathlib.Path,
    base: Config,
    settings: Sequence[str],
    rules: Iterable[str],
    variants: Iterable[str],
) -> dict[str, Config]:
    """Rules and variants with the config that their runs share.

    Args:
        path: File of the config.
        base: What `read_base` made of it.
        settings: The settings that `read_base` was given.
        rules: Names of rules; the config's own has the fields that it gives, another
            one its defaults.
        variants: Texts `NAME:key=value,key=value`, settings on top of the others.

    Raises:
        ValueError: If a name or a setting is wrong, or a name is given twice.
    """
    groups: dict[str, Config] = {}
    for rule in rules:
        check_rule("--rules", rule)
        own = base.rule.name == rule
        _add(
            groups,
            rule,
            base if own else _with(path, base, [*settings, *_rule(rule)]),
        )
    for text in variants:
        name, changes = _parse_variant(text)
        _add(groups, name, _with(path, base, [*settings, *changes]))
    return groups


def _rule(name: str) -> list[str]:
    """Settings of another rule than the config's, which may be elastic."""
    return [f"rule={name}"] if name == ELASTIC else ["elastic=false", f"rule={name}"]


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


def _add(groups: dict[str, Config], name: str, config: Config) -> None:
    if name in groups:
        raise ValueError(f"Rules and variants must have distinct names: {name!r}.")
    groups[name] = config


def _with(path: pathlib.Path, base: Config, settings: Sequence[str]) -> Config:
    config = load_config(path, settings)
    if "dir" not in base.data:
        return config
    return dataclasses.replace(config, data={**config.data, "dir": base.data["dir"]})


def _parse_variant(text: str) -> tuple[str, list[str]]:
    name, colon, rest = text.partition(":")
    settings = split_settings(rest)
    taken = {*RULES, FIXED, ONE_SHOT, GUESSES}
    if not colon or not settings or not _VARIANT.fullmatch(name) or name in taken:
        raise ValueError(
            "`--variant` must be NAME:key=value,key=value with a name of letters and "
            f"digits that is none of {sorted(taken)}. Received: {text!r}"
        )
    check_settings("--variant", settings, _DECIDED)
    return name, settings


def split_settings(text: str) -> list[str]:
    """The settings between the commas of a text, but for commas within brackets.

    Example:
    >>> split_settings("epochs=3,architecture={name: mlp, hidden: [16, 8]}")
    ['epochs=3', 'architecture={name: mlp, hidden: [16, 8]}']
    """
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def check_data_dir(data_dir: str) -> None:
    """Raise a `FileNotFoundError` where there is no such folder."""
    if not pathlib.Path(data_dir).is_dir():
        raise FileNotFoundError(f"`--data-dir` {data_dir}: there is no such folder.")


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
