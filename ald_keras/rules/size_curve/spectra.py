"""Which dimensions are informative, from their mean KL over the last evaluations.

A spectrum holds the mean KL of every latent dimension, in nats per sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Spectrum = tuple[float, ...]

# Evaluations over which training must have settled and a dimension must be idle.
SETTLE = 10

# Training has settled when no more than this share of the informative dimensions has
# changed, and the total KL has grown by no more than this share.
_SETTLED_DIMS, _SETTLED_KL = 0.1, 0.05

# Idle dimensions that stay, as a share of the informative ones and at least.
_RESERVE, _MINIMUM_RESERVE = 0.25, 2


def informative_dims(
    active: Sequence[int], spectrum: Spectrum, idle_kl: float
) -> list[int]:
    """Active dimensions whose mean KL is at least `idle_kl`, ascending."""
    return [d for d in active if spectrum[d] >= idle_kl]


def idle_dims(
    active: Sequence[int], spectra: Sequence[Spectrum], idle_kl: float
) -> list[int]:
    """Active dimensions that were idle in all spectra, the least idle one last."""
    last = spectra[-1]
    idle = [d for d in active if all(spectrum[d] < idle_kl for spectrum in spectra)]
    return sorted(idle, key=lambda d: (last[d], -d))


def has_settled(
    active: Sequence[int], spectra: Sequence[Spectrum], idle_kl: float
) -> bool:
    """Whether from the first spectrum to the last hardly anything has changed.

    At most a tenth of the informative dimensions has changed, the total KL has grown by
    at most 5 %, and some dimension is idle: while all of them are informative, a
    network may just have begun to let go of some.
    """
    sets = [{*informative_dims(active, spectrum, idle_kl)} for spectrum in spectra]
    changed = sets[0].union(*sets) - sets[0].intersection(*sets)
    same_dims = len(changed) <= max(1.0, _SETTLED_DIMS * len(sets[-1]))
    some = 0 < len(sets[-1]) < len(active)
    return some and same_dims and not is_growing(spectra)


def is_growing(spectra: Sequence[Spectrum]) -> bool:
    """Whether the total KL has grown by more than 5 % from the first to the last."""
    before, after = math.fsum(spectra[0]), math.fsum(spectra[-1])
    return after > (1.0 + _SETTLED_KL) * before


def reserve_size(informative: int) -> int:
    """Idle dimensions that stay active beside so many informative ones.

    Example:
    >>> reserve_size(3), reserve_size(12)
    (2, 3)
    """
    return max(_MINIMUM_RESERVE, math.ceil(_RESERVE * informative))


def surplus_and_missing(
    active: Sequence[int],
    removed: Sequence[int],
    spectra: Sequence[Spectrum],
    idle_kl: float,
    minimum: int = 1,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Idle dimensions beyond the reserve, and removed ones that the reserve needs.

    Args:
        active: Active dimensions, ascending.
        removed: Dimensions removed as idle, ascending.
        spectra: As many as a dimension must be idle for.
        idle_kl: Float, mean KL below which a dimension is idle.
        minimum: Integer >= 1, dimensions that stay active. Defaults to 1.

    Returns:
        Dimensions to remove and dimensions to open, ascending. Nothing is removed
        where all dimensions are idle.
    """
    idle = idle_dims(active, spectra, idle_kl)
    reserve = reserve_size(len(active) - len(idle))
    count = min(len(idle) - reserve, len(active) - minimum)
    surplus = idle[: max(0, count)] if len(idle) < len(active) else []
    return tuple(sorted(surplus)), tuple(removed[: max(0, reserve - len(idle))])


def exchange(
    active: Sequence[int],
    removed: Sequence[int],
    surplus: Sequence[int],
    missing: Sequence[int],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Active and removed dimensions once `surplus` is removed and `missing` opened."""
    now_active = sorted({*active, *missing} - {*surplus})
    now_removed = sorted({*removed, *surplus} - {*missing})
    return tuple(now_active), tuple(now_removed)
