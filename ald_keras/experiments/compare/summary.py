"""Numbers of a comparison: trials, searches, pruning runs and runs from scratch."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping

from ald_keras._typing import JSON
from ald_keras.experiments.compare.hp_search import HPSearch
from ald_keras.experiments.compare.plan import ComparisonPlan
from ald_keras.experiments.compare.trials import read_end, trial_job
from ald_keras.experiments.core.jobs import Job, check_config
from ald_keras.experiments.core.result import Row
from ald_keras.experiments.core.runs import read_run
from ald_keras.experiments.core.statistics import mean_of, t_interval, with_sd

# Kinds of rows; `CHOSEN` is the trial that a search chooses, at the search's cost, and
# `ROUND` a trial of hyperband, whose epochs and seconds may be those of a part of it.
TRIAL, ROUND, CHOSEN = "trial", "round", "chosen"
PRUNING, SCRATCH = "pruning", "from scratch"

# Of the test part, in nats per sample where they are losses.
_TEST = (
    *("reconstruction_loss", "kl_loss", "elbo", "silhouette"),
    *("frechet_reconstruction", "frechet_generation", "clustering_accuracy"),
    "squared_error",
)


@dataclasses.dataclass(frozen=True)
class ComparisonSummary:
    """A comparison in numbers.

    Args:
        rows: One mapping a row of the table, all with the same keys: `run`, `what`,
            `size` (of trials), `runs`, `trials`, `failed` and `workers` (of searches;
            0 workers where this machine alone has trained), `not_fixed` (pruning runs
            that ended before the size was) and `missed` (those above the bound of
            `method: geco`), and of each metric `_mean`, `_sd`, `_low` and `_high` over
            seeds, the ends of the 95 % interval of the mean. `None` where there is no
            value.
        metrics: Names of the metrics.
        ratios: Names of the quotients of seconds and differences of ELBOs, taken seed
            by seed. Seconds of workers are not compared with those of this machine.
    """

    rows: list[Row]
    metrics: tuple[str, ...]
    ratios: tuple[str, ...]


# A run's metrics by seed.
_Seeds = dict[int, dict[str, float]]


@dataclasses.dataclass
class _Entry:
    """A row before its mean is taken."""

    run: str
    what: str
    size: int | None = None
    seeds: _Seeds = dataclasses.field(default_factory=dict)
    trials: list[int] = dataclasses.field(default_factory=list)
    failed: int = 0
    not_fixed: int = 0
    missed: int = 0
    workers: dict[int, set[str]] = dataclasses.field(default_factory=dict)


def compare_runs(plan: ComparisonPlan, output: pathlib.Path) -> ComparisonSummary:
    """Put the runs of a comparison that are there into numbers.

    A search counts once it has ended, with its trials; trials of a search with other
    settings do not.

    Args:
        plan: Its searches, rules and seeds.
        output: Its folder.

    Raises:
        ValueError: If a run that is there was made from another config.
    """
    comparison = plan.comparison
    entries: list[_Entry] = []
    for hp_search in comparison.hp_searches:
        entries += _search_entries(plan, hp_search, output)
    searched = [entry for entry in entries if entry.what == CHOSEN]
    chosen = {entry.run: entry.seeds for entry in searched}
    rules: dict[str, _Seeds] = {}
    for rule in comparison.rules:
        pruning, scratch = _rule_entries(plan, rule, output)
        rules[rule] = pruning.seeds
        entries += [pruning, scratch]
        _add_ratios(pruning.seeds, {"scratch": scratch.seeds})
        _add_differences(pruning.seeds, chosen)
    for entry in searched:
        here = {s: v for s, v in entry.seeds.items() if not entry.workers[s]}
        _add_ratios(here, rules)
    entries = [entry for entry in entries if entry.seeds]
    found = {name for e in entries for values in e.seeds.values() for name in values}
    if all(config.method != "geco" for config in comparison.rules.values()):
        # No bound on it was asked for.
        found.discard("squared_error")
    ratios = [f"seconds_to_{rule}" for rule in rules] + ["seconds_to_scratch"]
    ratios += [f"elbo_to_{name}" for name in chosen]
    metrics = _order(found.difference(ratios))
    kept = tuple(name for name in ratios if name in found)
    rows = [_row(entry, (*metrics, *kept)) for entry in entries]
    return ComparisonSummary(rows, metrics, kept)


def _search_entries(
    plan: ComparisonPlan, hp_search: HPSearch, output: pathlib.Path
) -> list[_Entry]:
    trials: dict[tuple[int, int], _Entry] = {}
    what = ROUND if hp_search.tuner == "hyperband" else TRIAL
    chosen = _Entry(hp_search.name, CHOSEN)
    for seed in range(plan.seeds):
        end = read_end(output, hp_search, seed)
        if end is None:
            continue
        found: list[dict[str, float]] = []
        workers = set()
        for size, epochs in end["trials"].values():
            job = trial_job(plan.comparison, hp_search, size, seed, epochs)
            values, record = _read(output, job)
            if values:
                found.append(values)
                entry = _Entry(hp_search.group(epochs), what, size)
                trials.setdefault((epochs, size), entry).seeds[seed] = values
                workers.add(record.get("worker"))
        chosen.failed += len(end["trials"]) - len(found)
        if found:
            best = min(found, key=lambda values: values["validation_loss"])
            whole = {
                name: sum(values[name] for values in found)
                for name in ("epochs", "seconds")
            }
            chosen.seeds[seed] = {**best, **whole}
            chosen.trials.append(len(end["trials"]))
            chosen.workers[seed] = {str(name) for name in workers if name is not None}
    return [*(trials[key] for key in sorted(trials)), chosen]


def _rule_entries(
    plan: ComparisonPlan, rule: str, output: pathlib.Path
) -> tuple[_Entry, _Entry]:
    pruning, scratch = _Entry(rule, PRUNING), _Entry(rule, SCRATCH)
    for seed in range(plan.seeds):
        values, record = _read(output, plan.rule_job(rule, seed))
        if values:
            pruning.seeds[seed] = values
            pruning.not_fixed += record.get("fixed_epoch") is None
            pruning.missed += not record.get("bound", {}).get("feasible", True)
        job = plan.scratch_job(rule, seed, output)
        values = _read(output, job)[0] if job else {}
        if values:
            scratch.seeds[seed] = values
    return pruning, scratch


def _read(output: pathlib.Path, job: Job) -> tuple[dict[str, float], JSON]:
    """A run's metrics by name and its record, both empty if it is not whole."""
    run = read_run(output / job.name)
    if run is None:
        return {}, {}
    check_config(run.folder, run.config, job.config)
    features = run.record["features"]
    values: dict[str, float] = {"size": run.active_dims}
    for name in _TEST:
        value = run.metric(name)
        if value is not None:
            # Values of two extractors could not be compared.
            key = f"{name}_{features}" if name.startswith("frechet") else name
            values[key] = value
    values["parameters"] = run.record["parameters_compact"]
    for name in ("epochs", "seconds", "validation_loss"):
        values[name] = run.record[name]
    return values, run.record


def _order(found: Iterable[str]) -> tuple[str, ...]:
    names = ("size", *_TEST, "parameters", "epochs", "seconds", "validation_loss")
    rank = {name: index for index, name in enumerate(names)}

    def place(metric: str) -> int:
        return min(rank[name] for name in names if metric.startswith(name))

    return tuple(sorted(found, key=place))


def _add_ratios(values: _Seeds, others: Mapping[str, _Seeds]) -> None:
    for other, theirs in others.items():
        for seed in values.keys() & theirs.keys():
            ratio = values[seed]["seconds"] / theirs[seed]["seconds"]
            values[seed][f"seconds_to_{other}"] = ratio


def _add_differences(values: _Seeds, others: Mapping[str, _Seeds]) -> None:
    for other, theirs in others.items():
        for seed in values.keys() & theirs.keys():
            difference = values[seed]["elbo"] - theirs[seed]["elbo"]
            values[seed][f"elbo_to_{other}"] = difference


def _row(entry: _Entry, names: Iterable[str]) -> Row:
    workers = set[str]().union(*entry.workers.values())
    row: Row = {
        "run": entry.run,
        "what": entry.what,
        "size": entry.size,
        "runs": len(entry.seeds),
        "trials": mean_of(entry.trials),
        "failed": entry.failed if entry.what == CHOSEN else None,
        "workers": len(workers) if entry.what == CHOSEN else None,
        "not_fixed": entry.not_fixed if entry.what == PRUNING else None,
        "missed": entry.missed if entry.what == PRUNING else None,
    }
    for name in names:
        values = [metrics[name] for metrics in entry.seeds.values() if name in metrics]
        row |= with_sd(name, values)
        row[f"{name}_low"], row[f"{name}_high"] = t_interval(values)
    return row
