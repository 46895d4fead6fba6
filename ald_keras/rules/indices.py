"""Checks of indices of latent dimensions."""

from __future__ import annotations

from collections.abc import Iterable

from ald_keras._validation import check_integer


def check_indices(
    name: str, values: Iterable[object], n_dims: int | None = None
) -> tuple[int, ...]:
    """Dimension indices as a tuple of strictly increasing plain ints.

    Args:
        name: The argument's name.
        values: Indices in ascending order.
        n_dims: Number of latent dimensions, which every index must lie below.
            Defaults to `None`: no upper end.

    Raises:
        WrongTypeError: If an index is no integer.
        ValueError: If an index is negative, `n_dims` or more, repeated or out of order.
    """
    indices = tuple(check_integer(name, value, 0) for value in values)
    if any(b <= a for a, b in zip(indices, indices[1:], strict=False)):
        expected = "in ascending order without repetition"
        raise ValueError(_text(name, expected, indices))
    if n_dims is not None and indices and indices[-1] >= n_dims:
        expected = f"below the number of latent dimensions, {n_dims}"
        raise ValueError(_text(name, expected, indices))
    return indices


def check_active(
    name: str, values: Iterable[object], n_dims: int | None = None
) -> tuple[int, ...]:
    """Like `check_indices`, for active dimensions; none at all is a `ValueError`."""
    indices = check_indices(name, values, n_dims)
    if not indices:
        raise ValueError(_text(name, "at least one dimension", ()))
    return indices


def _text(name: str, expected: str, value: object) -> str:
    return f"`{name}` must be {expected}. Received: {name}={value!r}"
