"""Numbers of a comparison: trials, searches, pruning runs and runs from scratch."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.searches import Search
from ald_keras.experiments.compare.trials import ended_with
from ald_keras.experiments.core.runs import (
    FIXED,
    differences,
    read_run_config,
    run_name,
)
from ald_keras.experiments.core.summary import mean_and_sd, t_interval
from ald_keras.runs.config import Config
from ald_keras.runs.record import read_record

Row = dict[str, Any]

# What a row tells about; `CHOSEN` is what a search ends with, at the search's cost, and
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
            `method: geco`), and of each figure `_mean`, `_sd`, `_low` and `_high` over
            seeds, the ends of the 95 % interval of the mean. `None` where there is
            nothing to say.
        figures: Names of the figures.
        ratios: Names of the quotients of seconds and differences of ELBOs, taken seed
            by seed. Seconds of workers are not compared with those of this machine.
    """

    rows: list[Row]
    figures: tuple[str, ...]
    ratios: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {"rows": self.rows}


# A run's figures by seed.
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


def compare_runs(
    comparison: Comparison, output: pathlib.Path, seeds: int
) -> ComparisonSummary:
    """Put the runs of a comparison that are there into numbers.

    A search counts once it has come to its end, with the trials that it had; what was
    searched in another way before does not.

    Args:
        comparison: Its searches and rules.
        output: Its folder.
        seeds: Integer >= 1.

    Raises:
        ValueError: If a run that is there was made from another config.
    """
    entries: list[_Entry] = []
    for search in comparison.searches:
        entries += _search_entries(comparison, search, output, seeds)
    searched = [entry for entry in entries if entry.what == CHOSEN]
    chosen = {entry.run: entry.seeds for entry in searched}
    rules: dict[str, _Seeds] = {}
    for rule, config in comparison.rules.items():
        pruning, scratch = _rule_entries(rule, config, output, seeds)
        rules[rule] = pruning.seeds
        entries += [pruning, scratch]
        _add_ratios(pruning.seeds, "seconds", {"scratch": scratch.seeds})
        _add_differences(pruning.seeds, chosen)
    for entry in searched:
        here = {s: v for s, v in entry.seeds.items() if not entry.workers[s]}
        _add_ratios(here, "seconds", rules)
    entries = [entry for entry in entries if entry.seeds]
    found = {name for e in entries for values in e.seeds.values() for name in values}
    if all(config.method != "geco" for config in comparison.rules.values()):
        # Nobody has asked for a bound on it.
        found.discard("squared_error")
    ratios = [f"seconds_to_{rule}" for rule in rules] + ["seconds_to_scratch"]
    ratios += [f"elbo_to_{search}" for search in chosen]
    figures = _order(found.difference(ratios))
    kept = tuple(name for name in ratios if name in found)
    rows = [_row(entry, (*figures, *kept)) for entry in entries]
    return ComparisonSummary(rows, figures, kept)


def _search_entries(
    comparison: Comparison, search: Search, output: pathlib.Path, seeds: int
) -> list[_Entry]:
    trials: dict[tuple[int, int], _Entry] = {}
    what = ROUND if search.tuner == "hyperband" else TRIAL
    chosen = _Entry(search.name, CHOSEN)
    for seed in range(seeds):
        end = ended_with(output, search, seed)
        if end is None:
            continue
        base = dataclasses.replace(comparison.base, method="fixed")
        found: list[dict[str, float]] = []
        for name, (size, epochs) in end["trials"].items():
            values = _read(
                output / name, dataclasses.replace(base, epochs=epochs), size, seed
            )
            if values is not None:
                found.append(values)
                entry = _Entry(search.group(epochs), what, size)
                entry = trials.setdefault((epochs, size), entry)
                entry.seeds[seed] = values
        chosen.failed += len(end["trials"]) - len(found)
        if found:
            best = min(found, key=lambda values: values["validation_loss"])
            whole = {
                name: sum(values[name] for values in found)
                for name in ("epochs", "seconds")
            }
            chosen.seeds[seed] = {**best, **whole}
            chosen.trials.append(len(end["trials"]))
            records = (read_record(output / name) or {} for name in end["trials"])
            names = {record.get("worker") for record in records}
            chosen.workers[seed] = {str(name) for name in names if name is not None}
    return [*(trials[key] for key in sorted(trials)), chosen]


def _rule_entries(
    rule: str, config: Config, output: pathlib.Path, seeds: int
) -> tuple[_Entry, _Entry]:
    pruning, scratch = _Entry(rule, PRUNING), _Entry(rule, SCRATCH)
    fixed = dataclasses.replace(config, method="fixed")
    for seed in range(seeds):
        start = config.latent_dim
        values = _read(output / run_name(rule, start, seed), config, start, seed)
        if values is None:
            continue
        pruning.seeds[seed] = values
        record = read_record(output / run_name(rule, start, seed)) or {}
        pruning.not_fixed += record.get("fixed_epoch") is None
        pruning.missed += not record.get("bound", {}).get("met", True)
        size = int(values["size"])
        values = _read(output / run_name(FIXED, size, seed), fixed, size, seed)
        if values is not None:
            scratch.seeds[seed] = values
    return pruning, scratch


def _read(
    folder: pathlib.Path, config: Config, size: int, seed: int
) -> dict[str, float] | None:
    """A run's figures by name, or `None` if it is not whole."""
    record = read_record(folder)
    if record is None:
        return None
    config = dataclasses.replace(config, latent_dim=size, seed=seed)
    differing = differences(read_run_config(folder), config)
    if differing:
        raise ValueError(
            f"{folder} holds a run of another config. Received: other "
            f"{', '.join(differing)}"
        )
    test, features = record["test"], record["features"]
    values = {"size": record["active_dims"]}
    for name in _TEST:
        if name in test:
            # Values of two extractors could not be compared.
            key = f"{name}_{features}" if name.startswith("frechet") else name
            values[key] = test[name]
    values["parameters"] = record["parameters_compact"]
    for name in ("epochs", "seconds", "validation_loss"):
        values[name] = record[name]
    return values


def _order(found: Iterable[str]) -> tuple[str, ...]:
    names = ("size", *_TEST, "parameters", "epochs", "seconds", "validation_loss")
    rank = {name: index for index, name in enumerate(names)}

    def place(figure: str) -> int:
        return min(rank[name] for name in names if figure.startswith(name))

    return tuple(sorted(found, key=place))


def _add_ratios(values: _Seeds, name: str, others: Mapping[str, _Seeds]) -> None:
    for other, theirs in others.items():
        for seed in values.keys() & theirs.keys():
            values[seed][f"{name}_to_{other}"] = values[seed][name] / theirs[seed][name]


def _add_differences(values: _Seeds, others: Mapping[str, _Seeds]) -> None:
    for other, theirs in others.items():
        for seed in values.keys() & theirs.keys():
            values[seed][f"elbo_to_{other}"] = (
                values[seed]["elbo"] - theirs[seed]["elbo"]
            )


def _row(entry: _Entry, names: Iterable[str]) -> Row:
    workers = set[str]().union(*entry.workers.values())
    row: Row = {
        "run": entry.run,
        "what": entry.what,
        "size": entry.size,
        "runs": len(entry.seeds),
        "trials": mean_and_sd(entry.trials)[0],
        "failed": entry.failed if entry.what == CHOSEN else None,
        "workers": len(workers) if entry.what == CHOSEN else None,
        "not_fixed": entry.not_fixed if entry.what == PRUNING else None,
        "missed": entry.missed if entry.what == PRUNING else None,
    }
    for name in names:
        values = [figures[name] for figures in entry.seeds.values() if name in figures]
        row[f"{name}_mean"], row[f"{name}_sd"] = mean_and_sd(values)
        row[f"{name}_low"], row[f"{name}_high"] = t_interval(values)
    return row
