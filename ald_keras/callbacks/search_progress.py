"""Progress of a `fit` in what matters: size, loss, KL, and what the search is at."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import keras

from ald_keras._typing import Logs
from ald_keras._validation import WrongTypeError
from ald_keras.callbacks.search_record import SearchRecord
from ald_keras.rules.outcome import decision_line
from ald_keras.rules.phase import phase_title

# Metrics of the line; the squared error is that of a model with a bound on it.
_SHOWN = {"loss": "loss", "KL": "kl_loss", "squared error": "squared_error"}

# Characters of the bar, and seconds between two drawings of it.
_BAR, _PAUSE = 20, 0.1

_CLEAR = "\r\x1b[K"


class SearchProgress(keras.callbacks.ProgbarLogger):
    """One line an epoch and one line a decision, in place of Keras's progress bar.

    The line says how far the epoch is, the latent size (and the dimensions in reserve
    once it is fixed), loss and KL per sample (of validation data where there are some),
    and what the search is at. In a terminal the
    line of the present epoch is rewritten; elsewhere it is printed when the epoch ends.
    `fit(verbose=2)` prints all metrics as Keras does, `verbose=0` nothing.

    Args:
        search: The `ALDCallback` or `GateSearch` of the same `fit`, or `None` where
            nothing is searched. Defaults to `None`.

    Raises:
        WrongTypeError: If `search` is something else.

    Example:
    ```python
    callback = ALDCallback()
    vae.fit(x, validation_data=(x_val,), callbacks=[callback, SearchProgress(callback)])
    ```
    """

    # What Keras sets: steps of an epoch, where they are known, and those taken.
    target: int | None
    seen: int

    def __init__(self, search: SearchRecord | None = None) -> None:
        if search is not None and not isinstance(search, SearchRecord):
            raise WrongTypeError(
                "`search` must be an ALDCallback or a GateSearch. "
                f"Received: search={search!r}"
            )
        super().__init__()
        self._search = search
        self._printed = 0
        self._text = ""
        self._drawn = 0.0

    @property
    def _draws(self) -> bool:
        """Whether this draws its own line, and not Keras's."""
        return self.verbose == 1

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        self._printed = 0 if self._search is None else len(self._search.decisions)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if not self._draws:
            super().on_epoch_begin(epoch, logs)
            return
        self._text = f"Epoch {epoch + 1}/{self.epochs}"
        # What was decided at the end of an epoch applies, or is known, from here on.
        self._print_decisions()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._draws:
            super().on_train_batch_end(batch, logs)
            return
        self.seen = batch + 1
        now = time.monotonic()
        if not _is_terminal() or now - self._drawn < _PAUSE:
            return
        self._drawn = now
        bar = ""
        if self.target:
            done = min(_BAR, self.seen * _BAR // self.target)
            bar = f" [{'=' * done}{' ' * (_BAR - done)}]"
        self._write(f"{_CLEAR}{self._text}{bar}{self._metrics(logs or {})}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if not self._draws:
            super().on_epoch_end(epoch, logs)
            return
        if self.target is None:
            self.target = self.seen
        start = _CLEAR if _is_terminal() else ""
        self._write(f"{start}{self._text}{self._metrics(logs or {})}\n")
        self._print_decisions()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._draws:
            self._print_decisions()

    def _metrics(self, logs: Mapping[str, Any]) -> str:
        """What a person reads of the metrics, and of the search."""
        parts = []
        if "active_dims" in logs:
            # Not of the model, whose variables are elsewhere while JAX trains.
            dims, of = round(float(logs["active_dims"])), self.model.latent_dim
            parts.append(self._size(dims, of))
        for title, name in _SHOWN.items():
            # Validation's at the end of an epoch; within one there is only training's.
            value = logs.get(f"val_{name}", logs.get(name))
            if value is not None:
                parts.append(f"{title} {float(value):.2f}")
        return " - ".join(["", *parts, phase_title(self._state)])

    @property
    def _state(self) -> Any:
        return None if self._search is None else self._search.state

    def _size(self, dims: int, of: int) -> str:
        """Active dimensions; those of a rule's reserve apart, once it has one."""
        spare = len(getattr(self._state, "reserve", ()))
        # A state that takes effect in the next epoch has other dimensions.
        if not spare or len(self._state.active) != dims:
            return f"{dims} of {of} dimensions"
        return f"{dims - spare} of {of} dimensions + {spare} in reserve"

    def _print_decisions(self) -> None:
        if self._search is None:
            return
        new = self._search.decisions[self._printed :]
        self._printed = len(self._search.decisions)
        for decision in new:
            self._write(f"  {decision_line(decision)}\n")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()
