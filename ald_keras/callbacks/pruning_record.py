"""What a callback that prunes tells of its run."""

from __future__ import annotations

import copy
import os
import pathlib
from typing import Any

import keras

from ald_keras.callbacks.continuation import damaged, load_state
from ald_keras.callbacks.epoch_meter import ProbeSample
from ald_keras.metrics import SizeCurve
from ald_keras.metrics.size_curve import DEFAULT_TOLERANCE
from ald_keras.rules import Decision, ElasticRule
from ald_keras.rules.outcome import (
    Status,
    decision_line,
    elastic_line,
    outcome_line,
)


class PruningRecord(keras.callbacks.Callback):
    """Holds what became of a run, and tells it.

    Attributes:
        decisions: List of `Decision`, all that changed or fixed the size, with reason.
        collapsed: Whether no active dimension is informative (posterior collapse).
        state: State of the rule, or `None` before the first `fit`.
        last_probe: `ProbeSample` of the last epoch of the last `fit`, or `None`.
        start_dims: Active dimensions when the last `fit` began.
        curve: `SizeCurve` on validation data at the end of the last `fit`, or `None`.
        fixed_step: Optimizer steps after which the present size was fixed, or `None`.
        sampled: Whether the weights of the last `fit` come from training with sampled
            sizes.
    """

    # Attributes that belong to a `fit` and do not go into a copy.
    _transient: tuple[str, ...] = ("_model", "last_probe")

    rule: Any

    def __init__(self) -> None:
        super().__init__()
        self.decisions: list[Decision] = []
        self.collapsed = False
        self.state: Any = None
        self.last_probe: ProbeSample | None = None
        self.start_dims = 0
        self.curve: SizeCurve | None = None
        self.sampled = False
        self.fixed_step: int | None = None
        self._pending: tuple[Any, Decision] | None = None
        self._last_epoch: int | None = None
        # `Decision.code` of the last evaluation.
        self._code = ""

    def _resume_saved(self) -> None:
        """Resume the search that was saved with the model, if there is one.

        Raises:
            ValueError: If another rule had decided, or the state is damaged.
        """
        saved = load_state(self.model, self._saved_rule())
        if saved is None:
            return
        try:
            self._load(*saved)
        except (KeyError, TypeError) as error:
            raise damaged(error) from error

    def _saved_rule(self) -> Any:
        """The rule as it was given, by which a search is known."""
        return self.rule

    def _to_save(self) -> dict[str, Any]:
        """What is decided so far, in plain types."""
        return {
            "state": self.state.to_dict(),
            "pending": self._pending and [part.to_dict() for part in self._pending],
            "decisions": [decision.to_dict() for decision in self.decisions],
            "start_dims": self.start_dims,
            "fixed_step": self.fixed_step,
        }

    def _load(self, search: dict[str, Any], arrays: list[Any]) -> None:
        """Load what was saved after the epoch before the first of this `fit`."""
        self.state = self.rule.state_from_dict(search["state"])
        if search["pending"] is not None:
            state, decision = search["pending"]
            state = self.rule.state_from_dict(state)
            self._pending = state, Decision.from_dict(decision)
        self.decisions = [Decision.from_dict(d) for d in search["decisions"]]
        self.start_dims = search["start_dims"]
        self.fixed_step = search["fixed_step"]
        self._last_epoch = self.model.first_epoch - 1

    @property
    def fixed_epoch(self) -> int | None:
        """Epoch at which the present size was fixed, `None` if it is not fixed."""
        if self.state is None or self._mask_was_changed():
            return None
        return self.state.fixed_epoch

    @property
    def status(self) -> Status | None:
        """How the search stands or ended, `None` before the first `fit`."""
        if self.state is None:
            return None
        if self.collapsed:
            return "collapsed"
        if isinstance(self.rule, ElasticRule):
            return "fixed" if self.sampled else "unfinished"
        if self.fixed_epoch is None:
            return "infeasible" if self._code == "infeasible" else "unfinished"
        return "at_floor" if self.state.at_floor else "fixed"

    def _active(self) -> list[int]:
        """Dimensions active in the model; in a copy without one, by the rule."""
        if self.model is None:
            return list(self.state.active)
        return self.model.latent_mask.active_indices.tolist()

    def _mask_was_changed(self) -> bool:
        return self._active() != list(self.state.active)

    def result(self) -> str:
        """The outcome in one line."""
        if self.state is None:
            return "ALD: not run yet."
        left = len(self._active()) - len(getattr(self.state, "reserve", ()))
        status = self.status or "unfinished"
        if isinstance(self.rule, ElasticRule):
            curve = self.curve
            known = curve is not None and curve.gain is not None
            smallest = curve.smallest_size() if curve is not None and known else None
            return elastic_line(status, left, smallest, DEFAULT_TOLERANCE)
        return outcome_line(status, self.start_dims, left, self.fixed_epoch)

    def summary(self) -> None:
        """Print every decision and the outcome."""
        for decision in self.decisions:
            print(decision_line(decision))
        print(self.result())

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A copy without the model and data that a `fit` left here."""
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        for name, value in self.__dict__.items():
            drop = name in self._transient
            new.__dict__[name] = None if drop else copy.deepcopy(value, memo)
        return new


class ReportedRecord(PruningRecord):
    """A record of which a report can be written, from its last probe."""

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write the run that has ended as one HTML file, figures included.

        The figures are drawn from validation data, of which some are kept after `fit`.

        Args:
            path: The file; its folder must exist.

        Raises:
            ImportError: If matplotlib or jinja2 is missing.
            OSError: If the file cannot be written.
            RuntimeError: If no epoch has been trained yet.
        """
        from ald_keras.reports import check_packages

        if self.model is None or self.last_probe is None:
            raise RuntimeError(
                "`report` tells of a `fit` that has ended: pass this callback to `fit` "
                "first, with at least one epoch."
            )
        check_packages()
        # Loads matplotlib.
        from ald_keras.reports.notebook import write_callback_report

        write_callback_report(self, pathlib.Path(path))
