"""The checkpoint of a run that trains, from which a killed one is resumed."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from typing import Any

import keras

from ald_keras._typing import JSON, Logs
from ald_keras._validation import check_real
from ald_keras.files.atomic import atomic_path
from ald_keras.files.model_files import load_weights
from ald_keras.models.latent_vae import LatentVAE
from ald_keras.runs.config import UNUSED

_KEY = "run"

# Keys that may change when a run is resumed: they do not change its result.
_ELSEWHERE = ("report", "strategy", "tensorboard")


@dataclasses.dataclass
class Progress:
    """How far a run has come.

    Args:
        epochs: Integer >= 0, epochs trained. Defaults to 0.
        history: Mapping from the names in `logs` to one value an epoch. Defaults to
            none.
        seconds: Float >= 0, what they took. Defaults to 0.
        resumed: Epochs after which the run was resumed. Defaults to none.
        seconds_before: Float >= 0, what they took until it was resumed last. Defaults
            to 0.
    """

    epochs: int = 0
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    resumed: list[int] = dataclasses.field(default_factory=list)
    seconds_before: float = 0.0


class RunCheckpoint(keras.callbacks.Callback):
    """Saves the model with the state of its run, at the end of epochs.

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
        config: JSON,
        progress: Progress,
        seconds: float | None,
    ) -> None:
        if seconds is not None:
            check_real("checkpoint_seconds", seconds, at_least=0.0, finite=False)
        super().__init__()
        self._path, self._config = path, config
        self.progress, self._seconds = progress, seconds
        self._started = self._saved = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
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
        state = {"config": self._config, "progress": dataclasses.asdict(progress)}
        self.model.saved_state.write(epoch, _KEY, state)
        with atomic_path(self._path) as temporary:
            self.model.save(temporary)
        self._saved = time.perf_counter()


def read_checkpoint(
    path: pathlib.Path, model: LatentVAE, config: JSON
) -> Progress | None:
    """Load the state of a killed run into a new model.

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
        # Of another network, the config says more clearly what differs.
        saved = model.saved_state.read(_KEY)
        if saved is not None and isinstance(saved.data, dict):
            check_config(path, saved.data.get("config"), config)
        raise
    saved = model.saved_state.read(_KEY)
    if saved is None:
        raise ValueError(f"{path} holds no saved state of a run.")
    try:
        before, progress = saved.data["config"], Progress(**saved.data["progress"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} holds a damaged state of a run: {error!r}") from error
    check_config(path, before, config)
    progress.resumed.append(progress.epochs)
    progress.seconds_before = progress.seconds
    return progress


def check_config(path: pathlib.Path, before: Any, config: JSON) -> None:
    """Raise a `ValueError` if a run's config was another one.

    Args:
        path: File or folder of the run, for the message.
        before: Its config in plain types.
        config: The config now.
    """
    before = before if isinstance(before, dict) else {}
    # As they are read from a file.
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
                f"{path} is of a run with another config and cannot be resumed with "
                f"this one: `{name}` is {there} there and {here} here. Pass its own "
                "config, or restart it with --overwrite."
            )
