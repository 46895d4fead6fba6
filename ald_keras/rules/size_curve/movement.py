"""How the answer of `SizeCurveRule` moves, from the last evaluations."""

from __future__ import annotations

from collections.abc import Sequence

# An answer has fallen when it is at most this part of the first one. The network learns
# while the loss falls by more than this part of the tolerance an evaluation.
_FALLEN, _LEARNING = 0.8, 0.5


def is_entangled(
    size: int, first_size: int, losses: Sequence[float], allowed: float
) -> bool:
    """Whether a network that hardly learns any more gives up dimensions one by one.

    It has spread over more dimensions than it needs then. An answer that falls while
    the loss does is that of a network which has not learned enough yet.

    Args:
        size: Integer >= 1, the answer.
        first_size: Integer >= 1, the first one.
        losses: Loss at full size in the last evaluations, oldest first, at least one,
            in nats per sample.
        allowed: Float, the tolerance in nats per sample.

    Example:
    >>> is_entangled(6, first_size=9, losses=[83.2, 83.1, 83.1], allowed=0.3)
    True
    >>> is_entangled(6, first_size=9, losses=[86.2, 84.0, 83.1], allowed=0.3)
    False
    """
    learning = losses[0] - losses[-1] > _LEARNING * allowed * (len(losses) - 1)
    return size <= _FALLEN * first_size and not learning


def is_falling(below: Sequence[float], patience: int, allowed: float) -> bool:
    """Whether one size less would soon be sufficient, as its increase falls.

    Args:
        below: Increase one size below the answer in the last evaluations, oldest first,
            in nats per sample.
        patience: Integer >= 1, evaluations to look ahead, and back for half as many.
        allowed: Float, the tolerance in nats per sample.

    Example:
    >>> is_falling([1.6, 1.4, 1.2, 1.0], patience=3, allowed=0.5)
    True
    >>> is_falling([1.1, 1.0, 1.1, 1.0], patience=3, allowed=0.5)
    False
    """
    half = max(1, patience // 2)
    if len(below) <= half:
        return False
    last = below[-1]
    fall = (below[-1 - half] - last) / half
    return fall > 0.0 and last - fall * patience <= allowed
