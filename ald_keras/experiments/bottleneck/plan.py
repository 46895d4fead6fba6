"""Jobs of an experiment on bottlenecks: references, gated runs under their errors."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence

from ald_keras.experiments.core.jobs import Job, check_config
from ald_keras.experiments.core.runner import Runner
from ald_keras.experiments.core.runs import is_done, read_runs
from ald_keras.experiments.core.settings import (
    check_counts,
    without,
)
from ald_keras.runs.config import Config
from ald_keras.runs.config_parts import GecoConfig, Named, section
from ald_keras.runs.record import read_record

# Keys in which runs of one name may differ: what the references decide.
MAY_DIFFER = ("geco.tau",)

# Groups of jobs. A gated run is listed under its reference's size, and its group and
# facts hold its budget.
REFERENCE, ALD = "reference", "ald"

DECIDED = {
    "seed": "--seeds",
    "latent_dim": "--references and --sizes",
    "method": "the command",
    "geco.tau": "the references",
    "geco.explained": "the references",
    "geco.gated": "the command",
}


@dataclasses.dataclass(frozen=True)
class BottleneckPlan:
    """The jobs of an experiment.

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
    reports = True

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
        names = self.groups
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
        return Job(REFERENCE, config)

    def gated_jobs(self, size: int, seed: int, tau: float) -> list[Job]:
        """The gated runs of all budgets that are measured against a reference.

        Args:
            size: Integer, the reference's.
            seed: Integer >= 0.
            tau: Float > 0, the reference's error.
        """
        start = self.sizes[list(self.references).index(size)]
        geco = dataclasses.replace(self.base.geco, tau=tau, gated=True)
        config = dataclasses.replace(self.base, latent_dim=start, seed=seed, geco=geco)
        return [
            Job(
                group,
                dataclasses.replace(config, epochs=self.epochs(budget)),
                size,
                facts={"budget": float(budget)},
            )
            for group, budget in zip(self.groups, self.budgets, strict=True)
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
            Job(ALD, dataclasses.replace(config, latent_dim=start))
            for start in dict.fromkeys(self.sizes if self.ald else ())
        ]

    def settings(self) -> dict[str, object]:
        """The resolved settings."""
        return {
            "config": without(self.base, DECIDED),
            "references": list(self.references),
            "sizes": list(self.sizes),
            "budgets": list(self.budgets),
            "seeds": self.seeds,
            "ald": self.ald,
        }

    def check(self, output: pathlib.Path) -> None:
        """Raise a `ValueError` where a run that is there has another config."""
        for seed in range(self.seeds):
            jobs = self.ald_jobs(seed)
            for size in self.references:
                reference = self.reference_job(size, seed)
                if is_done(reference, output):
                    bound, _ = find_bound(output, reference)
                    jobs += self.gated_jobs(size, seed, bound) if bound else []
            for job in jobs:
                is_done(job, output)
        # Runs of other sizes and seeds must fit beside these in the table.
        first = self.references[0]
        jobs = [self.reference_job(first, 0), *self.gated_jobs(first, 0, 1.0)]
        configs = {job.group: job.config for job in [*jobs, *self.ald_jobs(0)]}
        for run in read_runs(output, MAY_DIFFER):
            asked = configs.get(run.group, run.config)
            left_out = ("latent_dim", "seed", *MAY_DIFFER)
            check_config(run.folder, run.config, asked, left_out)

    def run(self, runner: Runner) -> None:
        """Carry out the jobs."""
        for seed in range(self.seeds):
            groups = [REFERENCE, *self.groups] * len(self.references)
            groups += [job.group for job in self.ald_jobs(seed)]
            runner.board.announce(groups)
        for seed in range(self.seeds):
            for size in self.references:
                self._narrow(runner, size, seed)
            runner.run(self.ald_jobs(seed))

    def _narrow(self, runner: Runner, size: int, seed: int) -> None:
        """A reference, and gated runs under its error."""
        reference = self.reference_job(size, seed)
        runner.run([reference])
        bound, problem = find_bound(runner.output, reference)
        if problem:
            runner.fail(reference.name, problem)
        if bound is None:
            runner.board.withdraw(self.groups)
            return
        runner.run(self.gated_jobs(size, seed, bound))


def gated_group(budget: float) -> str:
    """Group of the gated runs of a budget.

    Example:
    >>> gated_group(1.5)
    'gated-b1.5'
    """
    return f"gated-b{budget:g}"


def find_bound(output: pathlib.Path, reference: Job) -> tuple[float | None, str]:
    """The lowest validation error of a reference.

    Args:
        output: The experiment's folder.
        reference: Its job.

    Returns:
        Squared error a sample, from sampled codes, or `None` if the run is not whole or
        its error can be no bound; and what is wrong with the error, or `""`.
    """
    record = read_record(output / reference.name)
    if record is None:
        return None, ""
    error = (record.get("bound") or {}).get("lowest_error")
    if isinstance(error, (int, float)) and 0.0 < error < math.inf:
        return float(error), ""
    return None, (
        "its lowest validation error must be positive and finite to be a bound. "
        f"Received: {error}"
    )


def read_reference(values: Mapping[str, object]) -> Config:
    """The config that all runs share, from a run's whose bound does not count."""
    geco = section("geco", values.get("geco"))
    geco |= {"tau": 0.0, "explained": None, "gated": False}
    decided = {"latent_dim": 1, "seed": 0, "method": "geco", "geco": geco}
    return Config.from_dict({**values, **decided})
