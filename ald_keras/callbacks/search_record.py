"""What the callbacks that search for a size have in common."""

from __future__ import annotations

import abc
import copy
from typing import Any

import keras
import numpy as np

from ald_keras._typing import JSON
from ald_keras.callbacks.continuation import damaged, load_state
from ald_keras.rules import Decision, Rule
from ald_keras.rules.outcome import decision_line


class SearchRecord(keras.callbacks.Callback, abc.ABC):
    """The state of a search and its decisions, saved with the model.

    Attributes:
        decisions: List of `Decision`, all that changed or fixed the size, with reason.
        state: State of the rule, or `None` before the first `fit`.
        start_dims: Active dimensions when the last `fit` began.
        fixed_step: Optimizer steps after which the present size was fixed, or `None`
            where that is not known.
    """

    # Attributes that belong to a `fit` and do not go into a copy.
    _transient: tuple[str, ...] = ("_model",)

    rule: Rule[Any, Any]

    def __init__(self) -> None:
        super().__init__()
        self.decisions: list[Decision] = []
        self.state: Any = None
        self.start_dims = 0
        self.fixed_step: int | None = None
        # State and decision that take effect when the next epoch begins.
        self._pending: tuple[Any, Decision] | None = None
        self._last_epoch: int | None = None

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

    def _saved_rule(self) -> Rule[Any, Any]:
        """The rule as it was given, by which a search is known."""
        return self.rule

    def _to_save(self) -> dict[str, object]:
        """What is decided so far, in plain types."""
        return {
            "state": self.state.to_dict(),
            "pending": self._pending and [part.to_dict() for part in self._pending],
            "decisions": [decision.to_dict() for decision in self.decisions],
            "start_dims": self.start_dims,
            "fixed_step": self.fixed_step,
        }

    def _load(self, search: JSON, arrays: list[np.ndarray]) -> None:
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
        """Epoch at which the size was fixed, `None` if it is not fixed."""
        return None if self.state is None else self.state.fixed_epoch

    def _active(self) -> list[int]:
        """Dimensions active in the model; in a copy without one, by the rule."""
        if self.model is None:
            return list(self.state.active)
        return self.model.latent_mask.active_indices.tolist()

    @abc.abstractmethod
    def result(self) -> str:
        """The outcome in one line."""

    def summary(self) -> None:
        """Print every decision and the outcome."""
        for decision in self.decisions:
            print(decision_line(decision))
        print(self.result())

    def progress(self) -> keras.callbacks.ProgbarLogger:
        """What `fit` shows in place of Keras's progress bar."""
        # It needs this class.
        from ald_keras.callbacks.search_progress import SearchProgress

        return SearchProgress(self)

    def __deepcopy__(self, memo: dict[int, object]) -> SearchRecord:
        """A copy without the model and data that a `fit` left here."""
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        for name, value in self.__dict__.items():
            drop = name in self._transient
            new.__dict__[name] = None if drop else copy.deepcopy(value, memo)
        return new
