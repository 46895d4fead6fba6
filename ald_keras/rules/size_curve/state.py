"""What `SizeCurveRule` knows between evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from ald_keras._validation import check_fields, check_flag, check_integer, check_real
from ald_keras.rules.frozen import Immutable
from ald_keras.rules.indices import check_active, check_indices
from ald_keras.rules.size_curve.measurement import SizeMeasurement
from ald_keras.rules.size_curve.sampled_sizes import SampledSizes
from ald_keras.rules.size_curve.spectra import Spectrum, informative_dims

Phase = Literal["settle", "measure", "fixed"]

# Above this many dimensions not every size is measured.
_ALL = 24

# Sizes measured on each side of the answer.
_NEIGHBOURS = 3


@dataclass(frozen=True)
class SizeCurveState(Immutable):
    """Everything `SizeCurveRule` knows; it survives JSON.

    Args:
        active: Indices of the active dimensions, ascending, at least one.
        removed: Dimensions that were removed, ascending. Defaults to none.
        reserve: Active dimensions that are not counted in the size, ascending: idle
            ones that may still become informative. Defaults to none.
        phase: `"settle"`, `"measure"` or `"fixed"`. Defaults to `"settle"`.
        spectra: Mean KL of every dimension in each of the last evaluations, in nats,
            oldest first. Defaults to none.
        size: The answer so far, or `None`. Defaults to `None`.
        first_size: The first answer, or `None`. Defaults to `None`.
        is_entangled: Boolean, whether the network uses more dimensions than it needs,
            as the rule's docstring says. Defaults to `False`.
        window: The last measurements, oldest first. Defaults to none.
        below: Increase one size below the answer in each evaluation since the answer
            has changed. Defaults to none.
        steady: Evaluations since the answer, or the informative dimensions that decide
            on it, have changed. Defaults to 0.
        awake: Evaluations since a dimension of the reserve has been informative.
            Defaults to 0.
        sampling: `SampledSizes` until the next evaluation, or `None`. Defaults to
            `None`.
        idle_kl: Float, mean KL in nats below which a dimension is idle now. Defaults to
            0.
        every_size: Boolean, whether all sizes are measured each time. Defaults to
            `False`.
        fixed_epoch: Epoch in which the size was fixed, from 0, or `None`. Defaults to
            `None`.
        last_epoch: Epoch observed last, from 0, or `None`. Defaults to `None`.
        at_floor: Boolean, whether the size was fixed by `min_dims` and not by the data.
            Defaults to `False`.

    Raises:
        ValueError: If a field is out of its range.
    """

    active: tuple[int, ...]
    removed: tuple[int, ...] = ()
    reserve: tuple[int, ...] = ()
    phase: Phase = "settle"
    spectra: tuple[Spectrum, ...] = ()
    size: int | None = None
    first_size: int | None = None
    is_entangled: bool = False
    window: tuple[SizeMeasurement, ...] = ()
    below: tuple[float, ...] = ()
    steady: int = 0
    awake: int = 0
    sampling: SampledSizes | None = None
    idle_kl: float = 0.0
    every_size: bool = False
    fixed_epoch: int | None = None
    last_epoch: int | None = None
    at_floor: bool = False

    def __post_init__(self) -> None:
        if self.phase not in get_args(Phase):
            raise ValueError(
                f"`phase` must be one of {get_args(Phase)}. "
                f"Received: phase={self.phase!r}"
            )
        spectra = tuple(
            tuple(check_real("spectra", value) for value in row) for row in self.spectra
        )
        below = tuple(check_real("below", value) for value in self.below)
        self._set(active=check_active("active", self.active))
        for name in ("removed", "reserve"):
            self._set(**{name: check_indices(name, getattr(self, name))})
        if not {*self.reserve} < {*self.active}:
            raise ValueError(
                "`reserve` must be some of the active dimensions, and not all. "
                f"Received: reserve={self.reserve}, active={self.active}"
            )
        if not {*self.removed}.isdisjoint(self.active):
            raise ValueError(
                "`removed` must hold no active dimension. "
                f"Received: removed={self.removed}, active={self.active}"
            )
        for name in ("steady", "awake"):
            check_integer(name, getattr(self, name), 0)
        minima = {"size": 1, "first_size": 1, "fixed_epoch": 0, "last_epoch": 0}
        for name, minimum in minima.items():
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), minimum)
        check_real("idle_kl", self.idle_kl, at_least=0.0)
        for name in ("is_entangled", "every_size", "at_floor"):
            check_flag(name, getattr(self, name))
        if len({len(row) for row in spectra}) > 1:
            raise ValueError(
                "`spectra` must hold as many values in each row. "
                f"Received: {[len(row) for row in spectra]}"
            )
        self._set(spectra=spectra, below=below, window=tuple(self.window))

    @property
    def core(self) -> tuple[int, ...]:
        """Active dimensions without the reserve, ascending."""
        reserve = {*self.reserve}
        return tuple(d for d in self.active if d not in reserve)

    @property
    def informative(self) -> list[int]:
        """Active dimensions that were informative in the last evaluation, ascending."""
        return informative_dims(self.active, self.spectra[-1], self.idle_kl)

    @property
    def sizes_to_measure(self) -> tuple[int, ...]:
        """Sizes that the next observation must hold, ascending; none before measuring.

        The last one is the full size.
        """
        full = len(self.active)
        if self.phase == "settle" or (self.phase == "fixed" and not self.reserve):
            return ()
        if self.phase == "fixed":
            return (len(self.core), full)
        middle = len(self.informative) if self.size is None else self.size
        near = range(middle - _NEIGHBOURS, middle + _NEIGHBOURS + 1)
        sizes = {full, *(size for size in near if 1 <= size <= full)}
        if self.size is None or self.every_size:
            sizes.update(range(1, min(full, _ALL) + 1))
        return tuple(sorted(sizes))

    def changed(self, **changes: Any) -> SizeCurveState:
        """A copy with other values."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, object]:
        """The state in plain types that JSON holds exactly."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("active", "removed", "reserve", "below"):
            plain[name] = list(plain[name])
        plain["spectra"] = [list(row) for row in self.spectra]
        plain["window"] = [measured.to_dict() for measured in self.window]
        plain["sampling"] = self.sampling and self.sampling.to_dict()
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> SizeCurveState:
        """Rebuild it from what `to_dict` returned.

        Raises:
            TypeError: If `data` is not a mapping.
            ValueError: If fields are missing, unknown or invalid.
        """
        values = check_fields("SizeCurveState", data, [f.name for f in fields(cls)])
        if values["sampling"] is not None:
            values["sampling"] = SampledSizes.from_dict(values["sampling"])
        values["window"] = [SizeMeasurement.from_dict(m) for m in values["window"]]
        return cls(**values)
