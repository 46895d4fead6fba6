"""Where the batches of a stream come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ald_keras._typing import Tensor


class BatchSource(Protocol):
    """Samples, and the order in which each pass over them takes these.

    Attributes:
        samples: Integer >= 1.
        batch_size: Integer >= 1; the last batch of a pass may be smaller.
        arrays: A mapping from names to dense arrays, row numbers standing for what is
            in `lazy`, and perhaps further arrays.
        lazy: Mapping from names to what gives arrays when it is indexed by rows.
    """

    samples: int
    batch_size: int
    arrays: tuple[Any, ...]
    lazy: dict[str, Any]

    def __len__(self) -> int:
        """Number of batches in a pass."""

    def next_order(self) -> Any:
        """Order of the samples in the pass that begins, int64 of shape `(samples,)`."""

    def named(self, parts: Mapping[str, Tensor]) -> Any:
        """Parts of a batch as a model takes them: one, or a dict by name."""
