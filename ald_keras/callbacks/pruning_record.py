"""Applies what a rule decides on a model's mask, and keeps a record of it."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from ald_keras._typing import JSON
from ald_keras._warn import warn
from ald_keras.callbacks.epoch_meter import ProbeSample
from ald_keras.callbacks.mask_writer import write_mask
from ald_keras.callbacks.optimizer_steps import steps_taken
from ald_keras.callbacks.search_record import SearchRecord
from ald_keras.metrics import SizeCurve
from ald_keras.rules import Decision, ElasticRule, RuleState, SizeCurveRule
from ald_keras.rules.outcome import (
    COLLAPSED,
    NEVER_SAMPLED,
    Status,
    elastic_line,
    outcome_line,
    unfinished,
)
from ald_keras.rules.tolerance import DEFAULT_TOLERANCE


class PruningRecord(SearchRecord):
    """Applies a rule's decisions to the mask, and says how the run has ended.

    Attributes:
        collapsed: Whether no active dimension is informative (posterior collapse).
        last_probe: `ProbeSample` of the last epoch of the last `fit`, or `None`.
        curve: `SizeCurve` on validation data at the end of the last `fit`, or `None`.
        sampled: Whether the weights of the last `fit` come from training with sampled
            sizes.
    """

    _transient = (*SearchRecord._transient, "last_probe")

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 0
        self._clear()

    def _clear(self) -> None:
        """Drop what an earlier `fit` has left."""
        self.decisions = []
        self.collapsed = self.sampled = False
        self.last_probe: ProbeSample | None = None
        self.curve: SizeCurve | None = None
        self.fixed_step = self._pending = self._last_epoch = None
        # `Decision.code` of the last evaluation.
        self._code = ""
        # Observations that the rule has had since it was restarted.
        self._observed = 0

    def _to_save(self) -> dict[str, object]:
        return {
            **super()._to_save(),
            "collapsed": self.collapsed,
            "observed": self._observed,
            "code": self._code,
        }

    def _load(self, search: JSON, arrays: list[np.ndarray]) -> None:
        super()._load(search, arrays)
        self.collapsed = search["collapsed"]
        self._observed, self._code = search["observed"], search["code"]

    def _accept(self, state: RuleState, decision: Decision) -> None:
        if state.fixed_epoch != self.state.fixed_epoch:
            self.fixed_step = None
            if state.fixed_epoch is not None:
                self.fixed_step = steps_taken(self.model)
        self.state = state
        # A wait is recorded when its cause is another one than before.
        new_cause = decision.code not in ("", self._code)
        self._code = decision.code
        if decision.action != "wait" or new_cause:
            self._log(decision)

    def _apply(self, state: RuleState, decision: Decision) -> None:
        write_mask(self.model, state.active)
        self._accept(state, decision)

    def _apply_pending(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._apply(*pending)

    def _log(self, decision: Decision) -> None:
        self.decisions.append(decision)
        if self.verbose:
            print(f"\nEpoch {decision.epoch + 1}: {decision.reason}")

    def _check_mask(self, epoch: int) -> None:
        """Restart the rule where the mask was changed from outside."""
        if not self._mask_was_changed():
            return
        found = self._active()
        reason = (
            f"The mask was changed from outside, from {len(self.state.active)} to "
            f"{len(found)} active dimensions, for example by restored weights. Both "
            "stay as restored; the rule restarts from them."
        )
        warn(f"ALD: {reason}")
        self.state = self.rule.restart(self.state, found)
        self.fixed_step = self._pending = None
        self._observed, self._code = 0, "restart"
        self._log(Decision(epoch, "restart", (), len(found), reason))

    def _fix_pending(self) -> None:
        """Apply what was decided last on a fixed size, and remove the reserve."""
        if self._pending is not None and self._pending[0].fixed_epoch is not None:
            self._apply_pending()
        self._pending = None
        if not isinstance(self.rule, SizeCurveRule):
            return
        state, decision = self.rule.finish(self.state)
        if decision is not None:
            self._apply(state, decision)

    @property
    def fixed_epoch(self) -> int | None:
        """Epoch at which the present size was fixed, `None` if it is not fixed."""
        if self.state is None or self._mask_was_changed():
            return None
        return super().fixed_epoch

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

    def _report_outcome(self) -> None:
        settled = self._observed >= 10 or self.state.fixed_epoch is not None
        if self.collapsed and settled:
            warn(f"ALD: {COLLAPSED}")
        elif isinstance(self.rule, SizeCurveRule) and self.fixed_epoch is None:
            warn(f"ALD: {unfinished(self._code)}")
        elif self.elastic and not self.sampled:
            warn(f"ALD: {NEVER_SAMPLED}")
        if self.verbose or (self.params or {}).get("verbose"):
            print(self.result())

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
                "`report` needs a `fit` that has ended: pass this callback to `fit` "
                "first, with at least one epoch."
            )
        check_packages()
        # Loads matplotlib.
        from ald_keras.reports.notebook import write_callback_report

        write_callback_report(self, pathlib.Path(path))
