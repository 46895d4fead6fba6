"""What a report says of a run, from the files that hold it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from ald_keras._typing import JSON
from ald_keras.metrics import SizeCurve
from ald_keras.reports.figures import Curves, Event, SizeLine
from ald_keras.reports.model_view import ModelView

# Where a history holds each metric of a figure; the first that is there counts.
_COLUMNS = {
    "reconstruction": ("val_reconstruction_loss", "probe_reconstruction_loss"),
    "silhouette": ("val_silhouette",),
    "frechet_reconstruction": ("val_frechet_reconstruction",),
    "frechet_generation": ("val_frechet_generation",),
}

# The same of a run with a bound on the error.
_BOUNDED = {
    "squared_error": ("val_squared_error", "squared_error"),
    "expected_gates": ("expected_gates",),
    "multiplier": ("multiplier",),
}

# Details of a decision on a size curve.
_MEASURED = ("sizes", "increase", "standard_error")


@dataclasses.dataclass(frozen=True, eq=False)
class RunFacts:
    """A run, as a report is made from it.

    Args:
        title: Text, what the report is called.
        folder: Text, the run's folder as commands name it, or `None` where there is
            none.
        config: The resolved config, plain types.
        record: What `run.json` holds.
        decisions: What `decisions.json` holds.
        history: Mapping from columns of `history.csv` to values, `epoch` among them.
        view: `ModelView`, or `None` where model or data are not at hand.
        baseline: `Baseline` to compare with, or `None`. Defaults to `None`.
        curve: The run's `SizeCurve`, or `None` where it was not measured. Defaults to
            `None`.
    """

    title: str
    folder: str | None
    config: JSON
    record: JSON
    decisions: Sequence[JSON]
    history: Mapping[str, Sequence[float]]
    view: ModelView | None
    baseline: Baseline | None = None
    curve: SizeCurve | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Baseline:
    """A run of fixed size to compare with.

    Args:
        title: Text, what it is called.
        record: What its `run.json` holds.
        history: As `RunFacts` has it.
        reconstructed: What its model makes of the originals of the run's `view`, or
            `None` where model or data are not at hand. Defaults to `None`.
    """

    title: str
    record: JSON
    history: Mapping[str, Sequence[float]]
    reconstructed: np.ndarray | None = None


def run_curves(
    history: Mapping[str, Sequence[float]],
    record: JSON,
    decisions: Sequence[JSON] = (),
    label: str = "",
) -> Curves:
    """A run's curves, epochs counted from 1.

    Args:
        history: Mapping from columns of `history.csv` to values, `epoch` and
            `active_dims` among them.
        record: What `run.json` holds.
        decisions: What `decisions.json` holds. Defaults to none.
        label: How a legend names the run. Defaults to `""`.
    """
    bound = record.get("bound")
    values = {}
    for name, columns in (_COLUMNS if bound is None else _BOUNDED).items():
        found = next((column for column in columns if column in history), None)
        if found is not None:
            values[name] = list(history[found])
    if "silhouette" not in values and "val_kl_loss" in history:
        values["kl"] = list(history["val_kl_loss"])
    if not values:  # trained on without validation data
        values["loss"] = list(history["loss"])
    stop = record.get("rule_stop")
    return Curves(
        label=label,
        epochs=[int(epoch) + 1 for epoch in history["epoch"]],
        dims=[round(size) for size in history["active_dims"]],
        values=values,
        events=[
            Event(d["epoch"] + 1, d["action"], d["active_dims"]) for d in decisions
        ],
        fixed=_fixed(record),
        stop=None
        if stop is None
        else Event(stop["epoch"] + 1, "stop", stop["active_dims"]),
        features=record.get("features", ""),
        test=record.get("test", {}),
        bounds={"squared_error": bound["tau"]} if bound and bound["tau"] else {},
    )


def curve_when_fixed(
    decisions: Sequence[JSON], label: str | None = None
) -> SizeLine | None:
    """The size curve on which a rule fixed the size, `None` where it read none.

    Args:
        decisions: Decisions as `Decision.to_dict` gives them, oldest first.
        label: How a legend names it. Defaults to `None`: by the epoch.
    """
    decision = size_decision(decisions)
    if decision is None:
        return None
    sizes, increase, errors = (decision["details"][name] for name in _MEASURED)
    when = f"when the size was fixed, epoch {decision['epoch'] + 1}"
    return SizeLine(label or when, [round(s) for s in sizes], increase, errors)


def size_decision(decisions: Sequence[JSON]) -> JSON | None:
    """The last decision that fixed a size on a size curve, `None` where there is none.

    Args:
        decisions: Decisions as `Decision.to_dict` gives them, oldest first.
    """
    for decision in reversed(decisions):
        details = decision.get("details", {})
        if decision.get("code") == "fixed" and set(_MEASURED) <= set(details):
            return decision
    return None


def reserve_at_the_end(facts: RunFacts) -> int:
    """Dimensions that were active in the last epoch and not counted in the size.

    Args:
        facts: The run.
    """
    last = facts.decisions[-1] if facts.decisions else {}
    spare = len(last.get("indices", ()))
    trained = round(facts.history["active_dims"][-1])
    is_reserve = last.get("code") == "reserve_closed"
    return spare if is_reserve and trained == facts.record["active_dims"] + spare else 0


def _fixed(record: JSON) -> Event | None:
    """Where a rule fixed the size; a run without one had it from the beginning."""
    epoch, status = record.get("fixed_epoch"), record.get("status")
    if epoch is None or status is None:
        return None
    action = "floor" if status == "at_floor" else "stop"
    return Event(epoch + 1, action, record["active_dims"])
