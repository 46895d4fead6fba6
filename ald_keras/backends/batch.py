"""The batch of a training or test step."""

from __future__ import annotations

from collections.abc import Iterable

import keras
from keras import ops

from ald_keras._typing import Tensor


class Batch:
    """A batch that one device has as a whole.

    Where each replica has a part, a subclass says how parts make up the whole.

    Attributes:
        rows: First row of this part and rows of the whole, or `None` on one device.
    """

    rows: tuple[Tensor, Tensor] | None = None

    def part_mean(self, values: Tensor) -> Tensor:
        """Mean of this part's values, shape `(samples, ...)`; 0 of an empty part."""
        return ops.mean(values, axis=0)

    def mean(self, part_mean: Tensor) -> Tensor:
        """Mean over the whole batch of what parts have on average."""
        return part_mean

    def sum(self, part_sum: Tensor) -> Tensor:
        """Sum over the whole batch of what the sums of parts are."""
        return part_sum

    def weighted(self, loss: Tensor) -> Tensor:
        """This part's loss such that those of all parts sum up to the whole's."""
        return loss

    def results(
        self, trackers: Iterable[keras.metrics.Mean], **figures: Tensor
    ) -> dict[str, Tensor]:
        """What a step returns: means so far, by name, and figures that replicas share.

        Args:
            trackers: Metrics of what the parts had on average.
            **figures: Scalars that are the same on every replica.
        """
        return {**{m.name: m.result() for m in trackers}, **figures}
