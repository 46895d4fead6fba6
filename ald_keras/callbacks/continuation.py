"""Saves the state of a search with the model, and loads it to resume."""

from __future__ import annotations

import dataclasses

import numpy as np

from ald_keras._typing import JSON
from ald_keras._warn import warn
from ald_keras.callbacks.model_protocol import SavingModel, Snapshot

_SEARCH = "search"

# Was the default rule up to version 0.1.0.
_REMOVED = "InformationRule"


def save_state(
    model: SavingModel,
    epoch: int,
    rule: object,
    data: JSON,
    snapshot: Snapshot | None = None,
) -> None:
    """Write the state of a search for whoever saves the model next.

    Args:
        model: Model with `saved_state`.
        epoch: Integer >= 0, the epoch that has ended.
        rule: The rule that decides.
        data: Plain types.
        snapshot: `Snapshot` that the search may roll back to, or `None`. Defaults to
            `None`.
    """
    entry = {"rule": _describe(rule), "search": data}
    arrays = () if snapshot is None else snapshot.arrays
    model.saved_state.write(epoch, _SEARCH, entry, arrays)


def load_state(
    model: SavingModel, rule: object
) -> tuple[JSON, list[np.ndarray]] | None:
    """The state of a search that was saved with the model, and its snapshot's arrays.

    Args:
        model: Model with `saved_state`, of which a `fit` begins.
        rule: The rule that is to decide.

    Returns:
        What `save_state` was given and the arrays, `None` if there is nothing to
        resume.

    Raises:
        ValueError: If a callback saves within epochs; if another rule had decided, one
            that was removed among them; or if the state is damaged.

    Warns:
        UserWarning: If `fit` does not begin where the search was left.
    """
    model.check_savers()
    entry, first = model.saved_state.read(_SEARCH), model.first_epoch
    if entry is None:
        return None
    done = model.saved_state.epoch + 1
    try:
        before, data = entry.data["rule"], entry.data["search"]
    except (KeyError, TypeError) as error:
        raise damaged(error) from error
    if done != first:
        warn(
            f"The model was saved in the middle of a search, after epoch {done}. "
            f"`fit` begins with epoch {first + 1}, so the search restarts. Pass "
            f"`initial_epoch={done}` to resume it."
        )
        return None
    if str(before).startswith(f"{_REMOVED}("):
        raise ValueError(
            f"`rule` must be the one under which the model was saved, {_REMOVED}, "
            f"which this version no longer has. Received: {_describe(rule)}. Call "
            "`model.saved_state.clear()` before `fit` to start another search."
        )
    if before != _describe(rule):
        raise ValueError(
            "`rule` must be the one under which the model was saved, to resume its "
            f"search: {before}. Received: {_describe(rule)}. Call "
            "`model.saved_state.clear()` before `fit` to start another search."
        )
    return data, list(entry.arrays)


def damaged(error: Exception) -> ValueError:
    """What to raise where the state does not hold what it should."""
    return ValueError(
        f"The state of the search saved with the model is damaged: {error!r}"
    )


def _describe(rule: object) -> str:
    if dataclasses.is_dataclass(rule):
        return repr(rule)
    return f"{type(rule).__module__}.{type(rule).__qualname__}"
