"""State of callbacks that is saved with a model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ald_keras._typing import Store

_INDEX, _ARRAYS = "notes", "arrays"


class Entry(NamedTuple):
    """What was saved under one name.

    Args:
        data: Plain types, as JSON holds them exactly.
        arrays: NumPy arrays.
    """

    data: Any
    arrays: tuple[np.ndarray, ...] = ()


class SavedState:
    """What callbacks know after an epoch, for every file that the model is saved to.

    A `.keras` file, `save_weights`, `ModelCheckpoint` and `BackupAndRestore` write and
    read it with the weights of the model, so that what decides on the mask is never
    older or newer than the weights. It is empty but while `fit` runs, and between the
    loading of a file and the `fit` that resumes.

    Attributes:
        epoch: The epoch, counted from 0, after which it was written, or `None`.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self.epoch: int | None = None

    def write(
        self, epoch: int, name: str, data: object, arrays: Iterable[np.ndarray] = ()
    ) -> None:
        """Write an entry, in the place of an earlier one of this name.

        Args:
            epoch: Integer >= 0, the epoch that has ended.
            name: Text.
            data: Plain types, as JSON holds them exactly.
            arrays: NumPy arrays; they are not copied. Defaults to none.
        """
        self._entries[name] = Entry(data, tuple(arrays))
        self.epoch = epoch

    def read(self, name: str) -> Entry | None:
        """The entry of a name, `None` where there is none."""
        return self._entries.get(name)

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()
        self.epoch = None

    def to_store(self, store: Store) -> None:
        """Write it into what `save_own_variables` is given."""
        if not self._entries:
            return
        index = [[name, e.data, len(e.arrays)] for name, e in self._entries.items()]
        text = json.dumps({"epoch": self.epoch, "notes": index}).encode("utf-8")
        store[_INDEX] = np.frombuffer(text, np.uint8)
        arrays = [array for entry in self._entries.values() for array in entry.arrays]
        for i, array in enumerate(arrays):
            store[f"{_ARRAYS}{i}"] = array

    @classmethod
    def from_store(cls, store: Store) -> SavedState:
        """Read it from what `load_own_variables` is given; empty where it has none.

        Raises:
            ValueError: If it is damaged.
        """
        state = cls()
        names = store.keys()
        if _INDEX not in names:
            return state
        try:
            content = json.loads(np.asarray(store[_INDEX], np.uint8).tobytes())
            epoch, taken = int(content["epoch"]), 0
            for name, data, count in content["notes"]:
                numbers = range(taken, taken + count)
                arrays = [np.array(store[f"{_ARRAYS}{i}"]) for i in numbers]
                state.write(epoch, name, data, arrays)
                taken += count
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"The file holds no readable state of a search: {error!r}"
            ) from error
        return state


def without_saved_state(store: Store) -> Store:
    """The variables in what `load_own_variables` is given."""
    names = store.keys()
    return {n: store[n] for n in names if not n.startswith((_INDEX, _ARRAYS))}
