"""Result of a comparison: sentences, table, figures."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from ald_keras._typing import JSON
from ald_keras.experiments.compare.plan import ComparisonPlan
from ald_keras.experiments.compare.summary import (
    CHOSEN,
    PRUNING,
    ROUND,
    SCRATCH,
    TRIAL,
    ComparisonSummary,
    compare_runs,
)
from ald_keras.experiments.compare.trials import read_end, search_name
from ald_keras.experiments.core.command import Kind
from ald_keras.experiments.core.manifest import find_failures
from ald_keras.experiments.core.result import (
    Cells,
    NothingToReportError,
    Result,
    Row,
    number,
    pair,
)

if TYPE_CHECKING:
    from ald_keras.reports.drawings import Drawing

NOTES = (
    "Metrics of the test part, which neither a rule nor a search has used: mean ± "
    "standard deviation over seeds, with the 95 % interval of the mean; losses and "
    "ELBO in nats per sample. Seconds are those of training, with everything that is "
    "measured during it. A search's epochs and seconds are those of all its trials; "
    "rounds of hyperband stand in table.csv and summary.json only."
)

# Title and form of each metric in the table.
_FORMS = {
    "size": ("dimensions", "{:.1f}"),
    "reconstruction_loss": ("reconstruction", "{:.2f}"),
    "kl_loss": ("KL", "{:.2f}"),
    "elbo": ("ELBO", "{:.2f}"),
    "squared_error": ("squared error", "{:.2f}"),
    "silhouette": ("silhouette", "{:.3f}"),
    "clustering_accuracy": ("accuracy", "{:.3f}"),
    "parameters": ("parameters", "{:,.0f}"),
    "epochs": ("epochs", "{:.0f}"),
    "seconds": ("seconds", "{:.1f}"),
    "frechet_reconstruction_": ("Frechet, rec.", "{:.3g}"),
    "frechet_generation_": ("Frechet, gen.", "{:.3g}"),
    "seconds_to_scratch": ("seconds / from scratch", "{:.2f}"),
    "seconds_to_": ("seconds / ", "{:.2f}"),
}
_WITH_INTERVAL = ("size", "elbo")

# Warnings about pruning runs.
_WARNINGS = {
    "not_fixed": "The size was not fixed",
    "missed": "The bound was not met",
}


def comparison_result(output: pathlib.Path, settings: JSON) -> Result:
    """The result of the runs that are there, as `Kind.summarize` describes it."""
    plan = ComparisonPlan.from_settings(settings)
    summary = compare_runs(plan, output)
    if not summary.rows:
        raise NothingToReportError(
            f"{output} holds nothing of this comparison to report on."
        )

    def draw() -> list[Drawing]:
        # Loads matplotlib.
        from ald_keras.experiments.compare.drawings import draw_comparison

        return draw_comparison(plan, output, summary)

    return Result(
        answers(summary),
        summary.rows,
        table_cells(summary),
        NOTES,
        {"rows": summary.rows, "seeds": plan.seeds},
        draw,
    )


def comparison_failures(output: pathlib.Path, settings: JSON) -> dict[str, str]:
    """What has failed of a comparison's own runs and searches."""
    plan = ComparisonPlan.from_settings(settings)
    own = {job.name for job in plan.known_jobs()}
    for seed in range(plan.seeds):
        for rule in plan.comparison.rules:
            scratch = plan.scratch_job(rule, seed, output)
            own |= set() if scratch is None else {scratch.name}
        for hp_search in plan.comparison.hp_searches:
            if read_end(output, hp_search, seed) is None:
                own.add(search_name(hp_search, seed))
    return {name: why for name, why in find_failures(output).items() if name in own}


KIND = Kind("compare", comparison_result, comparison_failures)


def answers(summary: ComparisonSummary) -> list[str]:
    """A sentence for each search and each rule."""
    lines = []
    for row in summary.rows:
        form = "{:.0f}" if row["runs"] == 1 else "{:.1f}"
        size = _with_interval(row, "size", form)
        if row["what"] == CHOSEN:
            lines.append(
                f"{row['run']}: {row['trials']:g} trials, the best by its validation "
                f"loss has {size} dimensions."
            )
        elif row["what"] == PRUNING:
            lines.append(f"{row['run']}: {size} dimensions in one run.")
        else:
            continue
        for name in summary.ratios:
            if row[f"{name}_mean"] is not None:
                lines[-1] += f" {_ratio_text(row, name)}"
        if row["failed"]:
            lines[-1] += f" {row['failed']} failed, and their seconds are missing."
        if row["workers"]:
            lines[-1] += (
                f" Its trials were spread over {row['workers']} workers, whose seconds "
                "are not compared with those of one machine."
            )
        for name, text in _WARNINGS.items():
            if row[name]:
                lines[-1] += f" {text} in {row[name]} of {row['runs']} runs."
    return lines


def _ratio_text(row: Row, name: str) -> str:
    if name.startswith("elbo_to_"):
        other = name.removeprefix("elbo_to_")
        text = _with_interval(row, name, "{:+.2f}")
        return f"Its ELBO minus that of {other}: {text} nats."
    other = name.removeprefix("seconds_to_")
    other = "its size from scratch" if other == "scratch" else other
    text = _with_interval(row, name, "{:.2f}")
    return f"It took {text} times the seconds of {other}."


def _with_interval(row: Row, name: str, form: str) -> str:
    text = number(row[f"{name}_mean"], form)
    if row[f"{name}_low"] is None:
        return text
    low, high = (form.format(row[f"{name}_{end}"]) for end in ("low", "high"))
    return f"{text} ({low} to {high})"


def table_cells(summary: ComparisonSummary) -> list[Cells]:
    """The rows that are shown, each as text by the name of its column."""
    return [cells(row, summary) for row in summary.rows if row["what"] != ROUND]


def cells(row: Row, summary: ComparisonSummary) -> Cells:
    """A row as text by the name of its column."""
    texts = {"run": _label(row), "runs": str(row["runs"])}
    several = any(other["runs"] > 1 for other in summary.rows)
    times = [name for name in summary.ratios if name.startswith("seconds_to_")]
    for name in (*summary.metrics, *times):
        if name == "validation_loss":
            continue
        title, form = _title(name)
        mean, sd = row[f"{name}_mean"], row[f"{name}_sd"]
        if name == "size" and (row["runs"] == 1 or row["what"] == TRIAL):
            form, sd = "{:.0f}", None
        if name in ("parameters", "epochs") and not sd:
            sd = None
        texts[title] = pair(mean, sd, form)
        if name in _WITH_INTERVAL and several:
            ends = "" if sd is None else f"{form} to {form}"
            texts["95 %" if name == "size" else "ELBO, 95 %"] = ends.format(
                row[f"{name}_low"], row[f"{name}_high"]
            )
    return texts


def _title(name: str) -> tuple[str, str]:
    """Title and form of a metric's column."""
    key = next(k for k in sorted(_FORMS, key=len, reverse=True) if _is(name, k))
    title, form = _FORMS[key]
    if key.startswith("frechet"):
        title += f" ({name.removeprefix(key)})"
    elif title.endswith(" "):
        title += name.removeprefix(key)
    return title, form


def _is(name: str, key: str) -> bool:
    return name.startswith(key) if key.endswith("_") else name == key


def _label(row: Row) -> str:
    if row["what"] == CHOSEN:
        return f"{row['run']}, whole search"
    if row["what"] == SCRATCH:
        return f"size of {row['run']}, from scratch"
    return str(row["run"])
