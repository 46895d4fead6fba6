"""What the command on bottlenecks runs: references, gated runs under their errors."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ald_keras.experiments.core.plan import check_counts, check_settings, with_data_dir
from ald_keras.experiments.core.runner import Job
from ald_keras.experiments.core.runs import run_name
from ald_keras.runs.config import Config, read_settings
from ald_keras.runs.config_parts import GecoConfig, Named, section
from ald_keras.runs.record import read_record

# Keys in which runs of one name may differ: what the references decide.
MAY_DIFFER = ("geco.tau",)

# What stands before size and seed in the names of folders. The size of a reference and
# of what is measured against it is the reference's, that of a run of ALD its start.
REFERENCE, ALD = "reference", "ald"
_GATED = "gated-b"

_DECIDED = {
    "seed": "--seeds",
    "latent_dim": "--references and --sizes",
    "method": "the command",
    "geco.tau": "the references",
    "geco.explained": "the references",
    "geco.gated": "the command",
}


@dataclasses.dataclass(frozen=True)
class BottleneckPlan:
    """An experiment's runs.

    Args:
        base: Config that all runs share; that of a reference.
        references: Distinct integers >= 1, sizes of the networks whose error is the
            bound.
        sizes: Integers, for each reference the dimensions that gated runs start with,
            at least as many.
        budgets: Distinct numbers > 0, epochs of gated runs as multiples of the
            reference's.
        seeds: Integer >= 1, runs of everything.
        ald: Boolean, add a run of ALD from each size. Defaults to `False`.

    Raises:
        ValueError: If an argument is out of range.
    """

    base: Config
    references: Sequence[int]
    sizes: Sequence[int]
    budgets: Sequence[float]
    seeds: int
    ald: bool = False

    def __post_init__(self) -> None:
        check_counts("--seeds", [self.seeds])
        check_counts("--references", self.references)
        fitting = zip(self.sizes, self.references, strict=False)
        if len(self.sizes) != len(self.references) or any(s < n for s, n in fitting):
            raise ValueError(
                "`--sizes` must give each reference a size that is not below it. "
                f"Received: {list(self.sizes)} for the references "
                f"{list(self.references)}"
            )
        names = [gated_group(budget) for budget in self.budgets]
        positive = all(math.isfinite(b) and b > 0.0 for b in self.budgets)
        if not positive or not names or len(set(names)) < len(names):
            raise ValueError(
                "`--budgets` must be distinct positive numbers, at least one. "
                f"Received: {list(self.budgets)}"
            )
        if not self.references or min(map(self.epochs, self.budgets)) < 1:
            raise ValueError(
                "`--references` must name at least one size, and `--budgets` leave at "
                f"least one of {self.base.epochs} epochs. Received: "
                f"{list(self.references)} and {list(self.budgets)}"
            )

    def epochs(self, budget: float) -> int:
        """Epochs of a gated run."""
        return round(budget * self.base.epochs)

    @property
    def groups(self) -> list[str]:
        """What the gated runs of each budget are called."""
        return [gated_group(budget) for budget in self.budgets]

    def reference_job(self, size: int, seed: int) -> Job:
        """The network of one size, without gates and with no bound but 0."""
        config = dataclasses.replace(self.base, latent_dim=size, seed=seed)
        return Job(run_name(REFERENCE, size, seed), config)

    def gated_jobs(self, size: int, seed: int, tau: float) -> list[Job]:
        """The gated runs of all budgets that are measured against a reference.

        Args:
            size: Integer, the reference's.
            seed: Integer >= 0.
            tau: Float > 0, the reference's error.
        """
        start = self.sizes[list(self.references).index(size)]
        geco = dataclasses.replace(self.base.geco, tau=tau, gated=True)
        return [
            Job(
                run_name(gated_group(budget), size, seed),
                dataclasses.replace(
                    self.base,
                    latent_dim=start,
                    seed=seed,
                    epochs=self.epochs(budget),
                    geco=geco,
                ),
            )
            for budget in self.budgets
        ]

    def ald_jobs(self, seed: int) -> list[Job]:
        """A run of ALD from each size, or none if they are not asked for."""
        rule = self.base.rule
        config = dataclasses.replace(
            self.base,
            method="ald",
            rule=rule if rule.name == "size_curve" else Named("size_curve"),
            geco=GecoConfig(),
            seed=seed,
        )
        return [
            Job(
                run_name(ALD, start, seed),
                dataclasses.replace(config, latent_dim=start),
            )
            for start in dict.fromkeys(self.sizes if self.ald else ())
        ]


def gated_group(budget: float) -> str:
    """What gated runs of a budget are called.

    Example:
    >>> gated_group(1.5)
    'gated-b1.5'
    """
    return f"{_GATED}{budget:g}"


def budget_of(group: str) -> float | None:
    """The budget of gated runs, or `None` of other runs.

    Example:
    >>> budget_of("gated-b1.5")
    1.5
    """
    if not group.startswith(_GATED):
        return None
    try:
        return float(group.removeprefix(_GATED))
    except ValueError:
        return None


def find_bound(output: pathlib.Path, size: int, seed: int) -> float | None:
    """The lowest validation error of a reference.

    Args:
        output: The experiment's folder.
        size: Integer, the reference's.
        seed: Integer >= 0.

    Returns:
        Squared error a sample, from sampled codes; `None` if the run is not whole.

    Raises:
        ValueError: If there is no error that could be a bound.
    """
    folder = output / run_name(REFERENCE, size, seed)
    record = read_record(folder)
    if record is None:
        return None
    error = (record.get("bound") or {}).get("lowest_error")
    if not isinstance(error, (int, float)) or not 0.0 < error < math.inf:
        raise ValueError(
            "its lowest validation error must be positive and finite to be a bound. "
            f"Received: {error}"
        )
    return float(error)


def read_reference(
    path: pathlib.Path, settings: Sequence[str], data_dir: str | None
) -> Config:
    """The config that all runs share, as the references have it.

    Args:
        path: A run's config; `seed`, `latent_dim`, `method` and the bound in it do not
            count.
        settings: Texts `key=value` as `load_config` takes them.
        data_dir: Folder with the data set's files, or `None`.

    Raises:
        ValueError: If the config or a setting is wrong.
        OSError: If a file or folder is missing.
    """
    check_settings("--set", settings, _DECIDED)
    return with_data_dir(read_settings(path, settings, _reference), data_dir)


def _reference(values: Mapping[str, Any]) -> Config:
    geco = section("geco", values.get("geco"))
    geco |= {"tau": 0.0, "explained": None, "gated": False}
    decided = {"latent_dim": 1, "seed": 0, "method": "geco", "geco": geco}
    return Config.from_dict({**values, **decided})
