"""Jobs of a comparison: hyperparameter searches, pruning runs, sizes from scratch."""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
import tempfile
from collections.abc import Iterator

from ald_keras._typing import JSON
from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.hp_runner import run_hp_search
from ald_keras.experiments.compare.roles import ALONE, CHIEF, WORKER, find_role
from ald_keras.experiments.compare.trials import possible_jobs
from ald_keras.experiments.core.jobs import FIXED, Job
from ald_keras.experiments.core.runner import Runner
from ald_keras.experiments.core.runs import is_done
from ald_keras.experiments.core.settings import check_counts
from ald_keras.files.text_files import write_yaml
from ald_keras.runs.record import read_record

DECIDED = {"seed": "--seeds", "method": "hp_search.rules"}


@dataclasses.dataclass(frozen=True)
class ComparisonPlan:
    """The jobs of a comparison.

    Args:
        comparison: Its searches and rules.
        seeds: Integer >= 1, runs of everything.
    """

    comparison: Comparison
    seeds: int

    def __post_init__(self) -> None:
        check_counts("--seeds", [self.seeds])

    @classmethod
    def from_settings(cls, settings: JSON) -> ComparisonPlan:
        """The plan that `settings` describes."""
        values = dict(settings)
        seeds = int(values.pop("seeds"))
        return cls(Comparison.from_dict(values), seeds)

    @property
    def reports(self) -> bool:
        """Whether this process is no worker of another one."""
        return find_role() != WORKER

    def rule_job(self, rule: str, seed: int) -> Job:
        """The pruning run of a rule."""
        config = self.comparison.rules[rule]
        return Job(rule, dataclasses.replace(config, seed=seed))

    def scratch_job(self, rule: str, seed: int, output: pathlib.Path) -> Job | None:
        """A rule's final size trained from scratch, or `None` before it has ended."""
        record = read_record(output / self.rule_job(rule, seed).name)
        if record is None:
            return None
        size = int(record["active_dims"])
        base = self.comparison.base
        config = dataclasses.replace(base, latent_dim=size, seed=seed, method="fixed")
        return Job(FIXED, config)

    def known_jobs(self) -> Iterator[Job]:
        """The pruning runs, and every possible trial of a search."""
        for seed in range(self.seeds):
            for rule in self.comparison.rules:
                yield self.rule_job(rule, seed)
            for hp_search in self.comparison.hp_searches:
                yield from possible_jobs(self.comparison, hp_search, seed)

    def settings(self) -> dict[str, object]:
        """The resolved settings."""
        values = {"seeds": self.seeds, **self.comparison.to_dict()}
        return {key: value for key, value in values.items() if key not in DECIDED}

    def check(self, output: pathlib.Path) -> None:
        """Raise a `ValueError` where a run that is there has another config."""
        if importlib.util.find_spec("keras_tuner") is None:
            raise ImportError("Searches need keras-tuner: pip install keras-tuner")
        for job in self.known_jobs():
            is_done(job, output)

    def run(self, runner: Runner) -> None:
        """Carry out the jobs.

        As a worker, take part in the searches only. A chief begins with all searches,
        so that workers need not wait for what it does alone.
        """
        role = find_role()
        groups = [g for s in self.comparison.hp_searches for g in s.expected_groups()]
        if role != WORKER:
            groups += [*self.comparison.rules, *([FIXED] * len(self.comparison.rules))]
        runner.board.announce(groups * self.seeds)
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder, "comparison.yaml")
            write_yaml(config, self.comparison.to_dict())
            for seed in range(self.seeds):
                for hp_search in self.comparison.hp_searches:
                    run_hp_search(runner, self.comparison, hp_search, seed, config)
                if role == ALONE:
                    self._prune(runner, seed)
        for seed in range(self.seeds if role == CHIEF else 0):
            self._prune(runner, seed)

    def _prune(self, runner: Runner, seed: int) -> None:
        """Each rule, and its size from scratch, side by side in time."""
        trained = set()
        for rule in self.comparison.rules:
            runner.run([self.rule_job(rule, seed)])
            scratch = self.scratch_job(rule, seed, runner.output)
            if scratch is None or scratch.name in trained:
                runner.board.withdraw([FIXED])
                continue
            trained.add(scratch.name)
            runner.run([scratch])
