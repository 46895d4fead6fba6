"""The report of one run."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

from ald_keras._typing import JSON
from ald_keras.metrics.catalog import METRICS
from ald_keras.reports.answer import (
    answer_sentence,
    comparison_sentences,
    decision_rows,
    outcome_words,
    run_sentence,
)
from ald_keras.reports.drawings import draw_run
from ald_keras.reports.page import as_yaml, embedded, write_page
from ald_keras.reports.run_facts import RunFacts, reserve_at_the_end

# Metrics of the test part, in the order of a report's rows.
_FINAL = (
    *("active_dims", "active_units", "reconstruction_loss", "kl_loss", "elbo"),
    *("squared_error", "squared_error_of_means", "silhouette", "clustering_accuracy"),
    *("frechet_reconstruction", "frechet_generation"),
)

_NOTES = [
    "The run and its compact model decode to the same: each dimension has the same "
    "random numbers in both, and what is left is rounding."
]

# Columns of a table that are named; `run.json` has all.
_COLUMNS_SHOWN = 40

# The column of what the last epoch logged.
_LAST_EPOCH = "validation data, last epoch"

_PARTS = {"train": "to train on", "validation": "to validate", "test": "to test"}


def write_run_report(path: pathlib.Path, facts: RunFacts) -> None:
    """Write a run's report.

    Args:
        path: The HTML file; its folder must exist.
        facts: The run.
    """
    drawings, left_out = draw_run(facts)
    record = facts.record
    columns, figures = figure_columns(facts)
    write_page(
        path,
        "run.html",
        title=facts.title,
        answer=answer_sentence(facts),
        compared=comparison_sentences(facts),
        summary=run_sentence(facts),
        outcome=outcome_words(facts),
        outcome_line=record.get("outcome"),
        asked=asked(facts),
        columns=columns,
        figures=figures,
        figure_notes=_NOTES if "test_compact" in record else [],
        decisions=decision_rows(facts.decisions),
        drawings=embedded(drawings),
        left_out=left_out,
        config=as_yaml(dict(facts.config)),
        versions=record["versions"],
        folder=facts.folder,
    )


def asked(facts: RunFacts) -> list[tuple[str, str]]:
    """What the run was asked to do, as pairs of label and text."""
    config, record = facts.config, facts.record
    rule = dict(config["rule"])
    name = rule.pop("name")
    settings = ", ".join(
        f"{key} {_plain(value)}" for key, value in rule.items() if value not in ((), [])
    )
    pruned = config["method"] == "ald"
    samples = record.get("samples", {})
    rows = [
        ("data", str(config["dataset"])),
        (
            "samples",
            ", ".join(
                f"{count:,} {_PARTS.get(part, part)}" for part, count in samples.items()
            ),
        ),
        ("columns", _columns(record.get("columns", []))),
        ("network", str(config["architecture"]["name"])),
        ("dimensions at the start", str(record["start_dims"])),
        ("pruning", f"rule “{name}” ({settings})" if pruned else _gates(facts)),
        ("likelihood", str(config["likelihood"])),
        ("beta", "" if record.get("bound") else _beta(config["beta"])),
        ("epochs", str(record["epochs"])),
        ("seed", str(record["seed"])),
        ("time for training", _seconds(record.get("seconds"))),
    ]
    return [(label, text) for label, text in rows if text]


def figure_columns(facts: RunFacts) -> tuple[list[str], list[list[str]]]:
    """The table of final figures: names of its columns, and rows of cells."""
    sides: dict[str, JSON] = {}
    if facts.baseline is not None:
        sides[f"{facts.baseline.title}, test part"] = facts.baseline.record["test"]
    for key, label in (
        ("test", "this run, test part"),
        ("test_compact", "its compact model, test part"),
        ("validation", _LAST_EPOCH),
    ):
        if key in facts.record:
            sides[label] = facts.record[key]
    features = facts.record.get("features")
    rows = []
    for name in _FINAL:
        metric = METRICS[name]
        if not any(name in figures for figures in sides.values()):
            continue
        label = metric.label
        if name.startswith("frechet") and features:
            label = f"{label} ({features} features)"
        cells = [
            metric.form.format(figures[name]).replace("-", "−")
            if name in figures
            else ""
            for figures in sides.values()
        ]
        rows.append([label, *cells])
    spare = reserve_at_the_end(facts)
    if spare and _LAST_EPOCH in sides:
        cell = f"{facts.record['active_dims']} + {spare} in reserve"
        rows[0][1 + list(sides).index(_LAST_EPOCH)] = cell
    return list(sides), rows


def _gates(facts: RunFacts) -> str:
    """What a run without a rule was asked."""
    if facts.record.get("bound") is None:
        return "none"
    settings = facts.config["geco"]
    if not settings["gated"]:
        return "none; the lowest error"
    return (
        f"gates, squared error of at most {facts.record['bound']['tau']:g} a sample "
        f"({settings['estimator']}, {settings['gate_penalty']:g} nats a gate)"
    )


def _columns(columns: Sequence[JSON]) -> str:
    """The columns of a table; what standardised ones were in brackets: mean ± std."""
    texts = [
        f"{column['name']} ({column['mean']:.4g} ± {column['std']:.4g})"
        if {"mean", "std"} <= column.keys()
        else str(column["name"])
        for column in columns[:_COLUMNS_SHOWN]
    ]
    left_out = len(columns) - len(texts)
    return ", ".join([*texts, *([f"{left_out:,} more"] if left_out else [])])


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {part}" for key, part in value.items())
    return str(value)


def _beta(beta: JSON) -> str:
    warm = f", reached after {beta['warmup']} epochs" if beta["warmup"] else ""
    return f"{beta['value']:g}{warm}"


def _seconds(seconds: object) -> str:
    if not isinstance(seconds, (int, float)):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
