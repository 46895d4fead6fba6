"""Takes up a search where the file that a model was read from leaves it."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

_SEARCH = "search"

# Was the default rule up to version 0.1.0.
_REMOVED = "InformationRule"


def remember(
    model: Any, epoch: int, rule: Any, data: Any, snapshot: Any = None
) -> None:
    """Note a search in the model, for whoever saves it next.

    Args:
        model: Model with `memory`.
        epoch: Integer >= 0, the epoch that has ended.
        rule: The rule that decides.
        data: Plain types.
        snapshot: `Snapshot` that the search may go back to, or `None`. Defaults to
            `None`.
    """
    note = {"rule": _describe(rule), "search": data}
    arrays = () if snapshot is None else snapshot.arrays
    model.memory.write(epoch, _SEARCH, note, arrays)


def recall(model: Any, epoch: int, rule: Any) -> tuple[Any, Any] | None:
    """The search that a file has brought, with the arrays of its snapshot.

    Args:
        model: Model with `memory`.
        epoch: Integer >= 0, the epoch that `fit` begins with.
        rule: The rule that is to decide.

    Returns:
        What `remember` was given and its arrays, `None` if there is nothing to go on
        with.

    Raises:
        ValueError: If another rule had decided, one that is no longer there among them,
            or the notes are damaged.

    Warns:
        UserWarning: If `fit` does not begin where the search was left.
    """
    memory = model.memory
    note = memory.read(_SEARCH) if memory.is_loaded else None
    if note is None:
        return None
    last = memory.epoch
    try:
        before, data = note.data["rule"], note.data["search"]
    except (KeyError, TypeError) as error:
        raise damaged(error) from error
    if last + 1 != epoch:
        warnings.warn(
            f"The model was saved while its size was looked for, after epoch "
            f"{last + 1}. `fit` begins with epoch {epoch + 1}, so the search starts "
            f"anew; with `initial_epoch={last + 1}` it goes on.",
            stacklevel=2,
        )
        return None
    if str(before).startswith(f"{_REMOVED}("):
        raise ValueError(
            f"`rule` must be the one under which the model was saved, {_REMOVED}, "
            f"which this version no longer has. Received: {_describe(rule)}. Call "
            "`model.memory.clear()` before `fit` to start another search."
        )
    if before != _describe(rule):
        raise ValueError(
            "`rule` must be the one under which the model was saved, to go on with its "
            "search; `model.memory.clear()` starts another. "
            f"Received: {_describe(rule)}. Expected: {before}"
        )
    return data, list(note.arrays)


def damaged(error: Exception) -> ValueError:
    """What to raise where notes do not hold what they should."""
    return ValueError(f"The model's notes of its search are damaged: {error!r}")


def _describe(rule: Any) -> str:
    if dataclasses.is_dataclass(rule):
        return repr(rule)
    return f"{type(rule).__module__}.{type(rule).__qualname__}"
