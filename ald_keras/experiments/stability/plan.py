"""Jobs of an experiment on stability: rules, starts, seeds, fixed sizes."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence

from ald_keras.experiments.core.jobs import FIXED, ONE_SHOT, Job
from ald_keras.experiments.core.runner import Runner
from ald_keras.experiments.core.runs import is_done, read_runs
from ald_keras.experiments.core.settings import (
    check_counts,
    check_settings,
    without,
)
from ald_keras.experiments.core.smallest_size import sizes_to_train
from ald_keras.experiments.core.statistics import mean_baseline_nll, metrics_by_size
from ald_keras.rules import RULES
from ald_keras.runs.config import ELASTIC, Config, check_rule, load_config

ESTIMATES = "dimension_estimates"

# Epochs of training that follow the one-shot removal.
FINE_TUNING = 10

_VARIANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
DECIDED = {"seed": "--seeds", "latent_dim": "--starts", "method": "--rules"}


@dataclasses.dataclass(frozen=True)
class RulesPlan:
    """Rules and variants over starts and seeds, and fixed sizes.

    Args:
        base: Config that all runs share.
        groups: Mapping from rules and variants to the config that their runs share.
        starts: Distinct integers >= 1, latent dimensions at the start.
        seeds: Integer >= 1, runs of each group from each start.
        fixed_seeds: Integer >= 1, runs of each fixed size.
        sizes: Distinct integers >= 1, fixed sizes, or `None` to find those around the
            smallest sufficient one. Defaults to `None`.
    """

    base: Config
    groups: Mapping[str, Config]
    starts: Sequence[int]
    seeds: int
    fixed_seeds: int
    sizes: Sequence[int] | None = None
    reports = True

    def __post_init__(self) -> None:
        for name in ("seeds", "fixed_seeds"):
            check_counts(f"--{name.replace('_', '-')}", [getattr(self, name)])
        check_counts("--starts", self.starts)
        check_counts("--sizes", self.sizes or ())
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
        return [
            _job(FIXED, self.base, size, seed, "fixed")
            for seed in range(self.fixed_seeds)
            for size in sizes
        ]

    def jobs(self) -> list[Job]:
        """The jobs that do not depend on how others end."""
        return self.pruning_jobs() + self.fixed_jobs(self.sizes or ())

    def check(self, output: pathlib.Path) -> None:
        """Raise a `ValueError` where a run that is there has another config."""
        for job in self.jobs():
            is_done(job, output)

    def run(self, runner: Runner) -> None:
        """Carry out the jobs."""
        runner.run(self.jobs())


@dataclasses.dataclass(frozen=True)
class StabilityPlan(RulesPlan):
    """The jobs of an experiment on stability.

    Args:
        baselines: Boolean, add the one-shot removal and the estimates of the dimension
            without a network. Defaults to `False`.

    Raises:
        ValueError: If an argument is out of range, or there is nothing to find the
            sizes from.
    """

    baselines: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sizes is None and not self.groups:
            raise ValueError(
                "`--sizes` must be given where there is neither rule nor variant."
            )

    def settings(self) -> dict[str, object]:
        """The resolved settings; of a group its rule and what differs."""
        shared = without(self.base, DECIDED)
        return {
            "config": shared,
            "groups": {
                name: {
                    key: value
                    for key, value in without(config, DECIDED).items()
                    if key == "rule" or value != shared[key]
                }
                for name, config in self.groups.items()
            },
            "starts": list(self.starts),
            "seeds": self.seeds,
            "sizes": list(self.sizes) if self.sizes else "found from the runs",
            "fixed_seeds": self.fixed_seeds,
            "baselines": self.baselines,
        }

    def jobs(self) -> list[Job]:
        """The jobs that do not depend on how others end."""
        jobs = super().jobs()
        if not self.baselines:
            return jobs
        if self.largest not in (self.sizes or ()):
            jobs += self.fixed_jobs([self.largest])
        config = dataclasses.replace(self.base, seed=0, method="fixed")
        module = "ald_keras.experiments.stability.dimension_estimates"
        return [*jobs, Job(ESTIMATES, config, module=module, trains=False)]

    def one_shot_jobs(self, output: pathlib.Path) -> list[Job]:
        """The one-shot removal from each fixed run of the largest start."""
        epochs = self.base.epochs + FINE_TUNING
        return [
            Job(
                ONE_SHOT,
                dataclasses.replace(fixed.config, epochs=epochs),
                module="ald_keras.experiments.stability.one_shot",
                options=("--source", str(output / fixed.name)),
            )
            for fixed in self.fixed_jobs([self.largest])
        ]

    def run(self, runner: Runner) -> None:
        """Carry out the jobs, and find the fixed sizes where none are given."""
        super().run(runner)
        if self.sizes is None:
            self._find_sizes(runner)
        if self.baselines:
            runner.run(self.one_shot_jobs(runner.output))

    def _find_sizes(self, runner: Runner) -> None:
        """Train fixed sizes until the smallest sufficient one is known."""
        names = set(self.groups).intersection(RULES) or set(self.groups)
        runs = read_runs(runner.output)
        found = [run.active_dims for run in runs if run.group in names]
        if not found:
            return
        estimate = min(round(statistics.median(found)), self.largest)
        tried: set[int] = set()
        while True:
            fixed = [run for run in read_runs(runner.output) if run.group == FIXED]
            sizes = sizes_to_train(
                metrics_by_size(fixed),
                tried,
                estimate,
                self.largest,
                baseline_nll=mean_baseline_nll(fixed),
            )
            if not sizes:
                return
            runner.run(self.fixed_jobs(sizes))
            tried.update(sizes)


def _job(group: str, config: Config, start: int, seed: int, method: str) -> Job:
    return Job(
        group, dataclasses.replace(config, latent_dim=start, seed=seed, method=method)
    )


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
    named: list[tuple[str, list[str]]] = []
    for rule in rules:
        check_rule("--rules", rule)
        # The config itself may be elastic.
        other = [*([] if rule == ELASTIC else ["elastic=false"]), f"rule={rule}"]
        named.append((rule, [] if rule == base.rule.name else other))
    named += map(_parse_variant, variants)
    groups: dict[str, Config] = {}
    for name, changes in named:
        if name in groups:
            raise ValueError(f"Rules and variants must have distinct names: {name!r}.")
        config = load_config(path, [*settings, *changes])
        if "dir" in base.data:
            data = {**config.data, "dir": base.data["dir"]}
            config = dataclasses.replace(config, data=data)
        groups[name] = config
    return groups


def _parse_variant(text: str) -> tuple[str, list[str]]:
    name, colon, rest = text.partition(":")
    settings = split_settings(rest)
    taken = {*RULES, FIXED, ONE_SHOT, ESTIMATES}
    if not colon or not settings or not _VARIANT.fullmatch(name) or name in taken:
        raise ValueError(
            "`--variant` must be NAME:key=value,key=value with a name of letters and "
            f"digits that is none of {sorted(taken)}. Received: {text!r}"
        )
    check_settings("--variant", settings, DECIDED)
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
