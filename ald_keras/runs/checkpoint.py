"""What a run keeps while it trains, so that a killed one can go on."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from typing import Any

import keras

from ald_keras.files.atomic import atomic_path
from ald_keras.files.model_files import load_weights
from ald_keras.runs.config import UNUSED

CHECKPOINT = "checkpoint.keras"

_NOTE = "run"

# What may change when a run goes on, since it does not change what it comes to.
_ELSEWHERE = ("report", "strategy", "tensorboard")


@dataclasses.dataclass
class Progress:
    """How far a run has come.

    Args:
        epochs: Integer >= 0, epochs trained. Defaults to 0.
        history: Mapping from the names in `logs` to one value an epoch. Defaults to
            none.
        seconds: Float >= 0, what they took. Defaults to 0.
        resumed: Epochs after which the run was taken up again. Defaults to none.
        seconds_before: Float >= 0, what they took until it was taken up last. Defaults
            to 0.
    """

    epochs: int = 0
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    resumed: list[int] = dataclasses.field(default_factory=list)
    seconds_before: float = 0.0


class RunCheckpoint(keras.callbacks.Callback):
    """Saves the model with all that is known of its run, at the end of epochs.

    The one file is written beside the earlier one and then takes its place: whenever
    the run is killed, one whole file is there. The last epoch writes one in any case.
    It must be the last callback.

    Args:
        path: The file.
        config: The run's config in plain types.
        progress: How far the run has come; it is kept up to date.
        seconds: Float >= 0, time between two files; with 0 each epoch writes one. With
            `None` none is written, as another worker does.

    Raises:
        ValueError: If `seconds` is negative.
    """

    def __init__(
        self,
        path: pathlib.Path,
        config: dict[str, Any],
        progress: Progress,
        seconds: float | None,
    ) -> None:
        if seconds is not None and not seconds >= 0.0:
            raise ValueError(
                "`checkpoint_seconds` must be at least 0. "
                f"Received: checkpoint_seconds={seconds}"
            )
        super().__init__()
        self._path, self._config = path, config
        self.progress, self._seconds = progress, seconds
        self._started = self._saved = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        progress = self.progress
        progress.epochs = epoch + 1
        for name, value in (logs or {}).items():
            progress.history.setdefault(name, []).append(float(value))
        now = time.perf_counter()
        progress.seconds = progress.seconds_before + now - self._started
        is_last = progress.epochs == (self.params or {}).get("epochs")
        if self._seconds is None:
            return
        if now - self._saved < self._seconds and not is_last:
            return
        note = {"config": self._config, "progress": dataclasses.asdict(progress)}
        self.model.saved_state.write(epoch, _NOTE, note)
        with atomic_path(self._path) as temporary:
            self.model.save(temporary)
        self._saved = time.perf_counter()


def read_checkpoint(
    path: pathlib.Path, model: Any, config: dict[str, Any]
) -> Progress | None:
    """Bring a new model to where a killed run has left its own.

    Args:
        path: The file.
        model: Model as the config describes it, compiled and not trained.
        config: The run's config in plain types.

    Returns:
        How far the run had come, `None` without a file.

    Raises:
        ValueError: If the file is damaged, or of a run with another config.
    """
    if not path.exists():
        return None
    try:
        load_weights(model, path)
    except ValueError:
        # Of another network, the config tells more clearly than what does not fit.
        note = model.saved_state.read(_NOTE)
        if note is not None and isinstance(note.data, dict):
            check_config(path, note.data.get("config"), config)
        raise
    note = model.saved_state.read(_NOTE)
    if note is None:
        raise ValueError(f"{path} holds no notes of a run.")
    try:
        before, progress = note.data["config"], Progress(**note.data["progress"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} holds damaged notes: {error!r}") from error
    check_config(path, before, config)
    progress.resumed.append(progress.epochs)
    progress.seconds_before = progress.seconds
    return progress


def check_config(path: pathlib.Path, before: Any, config: dict[str, Any]) -> None:
    """Raise a `ValueError` if a run's config was another one.

    Args:
        path: File or folder of the run, for the message.
        before: Its config in plain types.
        config: The config now.
    """
    before = before if isinstance(before, dict) else {}
    # As they come back from a file.
    before, config = (json.loads(json.dumps(each)) for each in (before, config))
    skipped = {*_ELSEWHERE}
    if before.get("method") == config.get("method"):
        skipped |= UNUSED.get(str(config.get("method")), set())
    for name in (*config, *(name for name in before if name not in config)):
        there, here = before.get(name), config.get(name)
        if name == "data":  # which may have moved
            there, here = ({**(part or {}), "dir": None} for part in (there, here))
        if name not in skipped and there != here:
            raise ValueError(
                f"{path} is of a run with another config, which cannot go on with "
                f"this one: `{name}` is {there} there and {here} here. Give it its own "
                "config, or start it again with --overwrite."
            )
