"""What a model remembers of a search that is under way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import keras
import numpy as np

_NOTES = "notes"
_ARRAYS = "arrays"


class Note(NamedTuple):
    """What was noted under one name.

    Args:
        data: Plain types, as JSON holds them exactly.
        arrays: Numpy arrays.
    """

    data: Any
    arrays: tuple[np.ndarray, ...] = ()


@keras.saving.register_keras_serializable("ald_keras")
class SearchMemory(keras.layers.Layer):
    """Carries what callbacks know through every file that a model is saved to.

    A `.keras` file, `save_weights`, `ModelCheckpoint` and `BackupAndRestore` write and
    read it with the weights, so that what decides on the mask is never older or newer
    than the weights that it belongs to. It has no weights of its own, takes no part in
    `get_weights`, and computes nothing.

    Attributes:
        is_loaded: Whether what it holds has been read from a file.
        epoch: The epoch that had ended when it was noted, or `None`.
        loads: How often it was read from a file.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        # Not a plain dict, which Keras would take for a container of layers.
        self._held = _Held()
        self.built = True

    @property
    def is_loaded(self) -> bool:
        return self._held.is_loaded

    @property
    def loads(self) -> int:
        return self._held.loads

    @property
    def epoch(self) -> int | None:
        return self._held.epoch

    def write(
        self, epoch: int, name: str, data: Any, arrays: Iterable[np.ndarray] = ()
    ) -> None:
        """Note something in the place of what was noted under this name.

        Args:
            epoch: Integer >= 0, the epoch that has ended.
            name: Text.
            data: Plain types, as JSON holds them exactly.
            arrays: Numpy arrays; they are not copied. Defaults to none.
        """
        self._held.notes[name] = Note(data, tuple(arrays))
        self._held.epoch = epoch

    def read(self, name: str) -> Note | None:
        """What was noted under a name, `None` where nothing was."""
        return self._held.notes.get(name)

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()

    def save_own_variables(self, store: Any) -> None:
        notes = self._held.notes
        if not notes:
            return
        index = [[name, note.data, len(note.arrays)] for name, note in notes.items()]
        text = json.dumps({"epoch": self.epoch, "notes": index}).encode("utf-8")
        store[_NOTES] = np.frombuffer(text, np.uint8)
        arrays = [array for note in notes.values() for array in note.arrays]
        for i, array in enumerate(arrays):
            store[f"{_ARRAYS}{i}"] = array

    def load_own_variables(self, store: Any) -> None:
        damage, self._held.damage = self._held.damage, None
        self.clear()
        # Files of models without this layer hold nothing for it.
        if not store or _NOTES not in store:
            # Keras tries a layer that fails again by its other name, which holds
            # nothing either, and would count that as success.
            if damage is not None:
                raise damage
            return
        try:
            content = json.loads(np.asarray(store[_NOTES], np.uint8).tobytes())
            epoch, taken = int(content["epoch"]), 0
            for name, data, count in content["notes"]:
                numbers = range(taken, taken + count)
                self.write(epoch, name, data, [_read(store, i) for i in numbers])
                taken += count
        except (KeyError, TypeError, ValueError) as error:
            self.clear()
            self._held.damage = ValueError(
                f"The file holds no readable notes of a search: {error!r}"
            )
            raise self._held.damage from error
        self._held.is_loaded = True
        self._held.loads += 1


class _Held:
    """The notes, and whether they come from a file."""

    def __init__(self) -> None:
        self.notes: dict[str, Note] = {}
        self.damage: ValueError | None = None
        self.loads = 0
        self.clear()

    def clear(self) -> None:
        self.notes.clear()
        self.epoch: int | None = None
        self.is_loaded = False


def _read(store: Any, number: int) -> np.ndarray:
    return np.array(store[f"{_ARRAYS}{number}"])
