"""Which dimensions are removed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SELECTIONS = {
    "random": "drawn at random",
    "kl": "with the smallest mean KL",
    "last": "with the highest indices",
}
"""Orders of removal, each with its wording in a decision's reason."""


def select_dims(
    selection: str,
    active: Sequence[int],
    kl: Sequence[float],
    count: int,
    seed: Sequence[int],
) -> tuple[int, ...]:
    """Chooses `count` of the active dimensions for removal.

    Args:
        selection: `"random"` (as arXiv 2312.06280), `"kl"` (smallest mean KL
            first, ties by lowest index; the criterion that paper names as
            possibly better) or `"last"` (highest indices first, as the authors'
            published code does).
        active: Indices of the active dimensions, ascending.
        kl: Mean KL of every latent dimension, shape `(n_dims,)`, nats per
            sample. Read by `"kl"` alone.
        count: Integer from 1 to `len(active)`.
        seed: Non-negative integers; the same ones give the same draw. Read by
            `"random"` alone.

    Returns:
        Tuple of `count` indices, ascending.

    Raises:
        ValueError: If `selection` is unknown or `count` out of range.
    """
    if not 1 <= count <= len(active):
        raise ValueError(
            f"`count` must lie between 1 and the {len(active)} active dimensions. "
            f"Received: count={count}"
        )
    if selection == "random":
        chosen = np.random.default_rng(list(seed)).choice(active, count, replace=False)
        return tuple(sorted(int(index) for index in chosen))
    if selection == "kl":
        return tuple(sorted(sorted(active, key=lambda i: (kl[i], i))[:count]))
    if selection == "last":
        return tuple(sorted(active)[-count:])
    raise ValueError(
        f"`selection` must be one of {tuple(SELECTIONS)}. "
        f"Received: selection={selection!r}"
    )
