"""Which sizes are sampled while the size curve is measured."""

from __future__ import annotations

from ald_keras.rules.size_curve.sampled_sizes import LARGEST_SHARE, SampledSizes
from ald_keras.rules.size_curve.state import SizeCurveState

# Ratio of the probabilities of neighbouring sizes below the answer.
_FALL = 0.7

# Part of the truncated examples for sizes from the answer up.
_ABOVE = 0.2

# Share of all examples decoded from the fixed size, while there is a reserve, of which
# dimensions must be able to become informative.
_FIXED = 0.4

# Part of the truncated examples one size below the answer of an entangled network.
_DOWN = 0.7


def sampling_of(
    state: SizeCurveState, share: float, min_dims: int
) -> SampledSizes | None:
    """The sizes sampled until the next evaluation, `None` where none are.

    Args:
        state: The rule's state.
        share: Float in (0, 0.9], share of truncated examples.
        min_dims: Integer >= 1, the smallest size.
    """
    if state.phase == "settle" or (state.phase == "fixed" and not state.reserve):
        return None
    spectrum = state.spectra[-1]
    if state.phase == "fixed":
        found = {len(state.core): _FIXED}
    else:
        informative = len(state.informative)
        size = informative if state.size is None else state.size
        if size - 1 >= min_dims and state.is_entangled:
            found = {size - 1: _DOWN, size: 1.0 - _DOWN}
            share = LARGEST_SHARE
        else:
            found = _near(size, informative, min_dims)
        found = {size: share * part for size, part in found.items()}
    probabilities = [found.get(size, 0.0) for size in range(1, len(spectrum) + 1)]
    core, reserve = {*state.core}, {*state.reserve}
    order = sorted(
        range(len(spectrum)),
        key=lambda d: (d not in core, d not in reserve, -spectrum[d], d),
    )
    return SampledSizes(tuple(order), tuple(probabilities))


def _near(size: int, informative: int, min_dims: int) -> dict[int, float]:
    """Parts of the truncated examples by size, most of them just below the answer."""
    below = range(min_dims, size)
    above = range(max(size, 1), informative)
    part = _ABOVE if below and above else 1.0 if above else 0.0
    weights = {k: _FALL ** (size - 1 - k) for k in below}
    total = sum(weights.values())
    parts = {k: (1.0 - part) * weight / total for k, weight in weights.items()}
    return parts | {k: part / len(above) for k in above}
