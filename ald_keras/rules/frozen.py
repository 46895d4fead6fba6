"""Building blocks of value types that nobody can change after construction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

V = TypeVar("V")
T = TypeVar("T", bound="Immutable")


class FrozenMapping(Mapping[str, V]):
    """Read-only, hashable mapping from names to immutable values.

    It compares equal to any mapping with the same items and prints as a dict.
    A deep copy is a plain, independent `dict`. `dataclasses.asdict` deep-copies
    what it does not know, so a dataclass with such a field turns into plain
    types that JSON and YAML accept.

    Args:
        items: Mapping from names to hashable values; it is copied.

    Example:
    >>> limits = FrozenMapping({"silhouette": 0.0})
    >>> limits["silhouette"]
    0.0
    >>> import copy
    >>> type(copy.deepcopy(limits))
    <class 'dict'>
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V]) -> None:
        self._items = dict(items)

    def __getitem__(self, name: str) -> V:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)

    def __deepcopy__(self, memo: dict[int, object]) -> dict[str, V]:
        return dict(self._items)


class Immutable:
    """Base of frozen dataclasses whose fields are all immutable.

    A copy of such an object is the object itself. Without this a deep copy
    would hold the plain dict that a `FrozenMapping` becomes when copied alone.
    """

    def _set(self, **values: object) -> None:
        """Replace fields in `__post_init__` by what a check has returned."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __copy__(self: T) -> T:
        return self

    def __deepcopy__(self: T, memo: dict[int, object]) -> T:
        return self
