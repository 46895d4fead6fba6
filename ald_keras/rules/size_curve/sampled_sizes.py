"""Which sizes a model is trained at, beside the full one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from ald_keras._validation import check_fields, check_integer, check_real
from ald_keras.rules.frozen import Immutable

# The full size needs examples too.
LARGEST_SHARE = 0.9


@dataclass(frozen=True)
class SampledSizes(Immutable):
    """An order of the latent dimensions, and how often each size is sampled.

    Args:
        order: All dimensions, the most important one first.
        probabilities: Floats >= 0 of shape `(n_dims,)`; entry `k - 1` is the
            probability that an example is truncated to its first `k` dimensions. Their
            sum, the share of truncated examples, is below 1.

    Raises:
        ValueError: If `order` is no permutation, or a probability is out of range.
    """

    order: tuple[int, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        order = tuple(check_integer("order", index, 0) for index in self.order)
        if sorted(order) != list(range(len(order))):
            raise ValueError(
                f"`order` must hold each dimension once. Received: order={list(order)}"
            )
        values = tuple(check_real("probabilities", p) for p in self.probabilities)
        valid = len(values) == len(order) and min(values, default=0.0) >= 0.0
        if not valid or not math.fsum(values) < 1.0:
            raise ValueError(
                f"`probabilities` must hold {len(order)} numbers >= 0 whose sum is "
                f"below 1. Received: probabilities={list(values)}"
            )
        self._set(order=order, probabilities=values)

    def to_dict(self) -> dict[str, object]:
        """Plain types that JSON holds exactly."""
        return {"order": list(self.order), "probabilities": list(self.probabilities)}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> SampledSizes:
        """Rebuild it from what `to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        return cls(**check_fields("SampledSizes", data, [f.name for f in fields(cls)]))


def order_by_kl(kl: Sequence[float], active: Sequence[int]) -> tuple[int, ...]:
    """All dimensions, active ones first, by descending KL, equal ones by index.

    Example:
    >>> order_by_kl([0.0, 2.0, 0.5, 3.0], active=[0, 1, 2])
    (1, 2, 0, 3)
    """
    is_active = set(active)
    return tuple(sorted(range(len(kl)), key=lambda d: (d not in is_active, -kl[d], d)))


def check_share(share: object) -> float:
    """The share of truncated examples as a float.

    Raises:
        ValueError: If it is not in (0, 0.9].
    """
    share = check_real("share", share)
    if not 0.0 < share <= LARGEST_SHARE:
        raise ValueError(
            f"`share` must lie in (0, {LARGEST_SHARE}]: the full size needs "
            f"examples too. Received: share={share}"
        )
    return share
