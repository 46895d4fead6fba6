"""What a rule sees of one epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ald_keras._validation import check_integer, check_mapping, check_real
from ald_keras.rules.frozen import FrozenMapping, Immutable
from ald_keras.rules.indices import check_active
from ald_keras.rules.size_curve.measurement import SizeMeasurement

Direction = Literal["min", "max"]
"""Which values of a metric are better: low or high ones."""

BUILT_IN_METRICS = (
    "silhouette",
    "reconstruction",
    "frechet_reconstruction",
    "frechet_generation",
)
"""Names of the metrics that are measured on every probe."""


OBJECTIVE = "loss"
"""Name of what training minimises: reconstruction plus weighted KL, training data."""

BASELINE_NLL = "baseline_nll"
"""Name of the NLL of the best output that is the same for all samples."""


@dataclass(frozen=True)
class Observation(Immutable):
    """Measurements of one epoch, taken on validation data but for the training loss.

    NumPy scalars are turned into plain numbers. Values may be non-finite here:
    a rule refuses those it uses, through `metric` and `check_kl`.

    Args:
        epoch: Integer >= 0, the epoch that has just ended.
        metrics: Mapping from names to floats: `silhouette` (-1 to 1, higher is
            better), `reconstruction` (negative log-likelihood, nats per
            sample), `frechet_reconstruction`, `frechet_generation` (lower is
            better), `loss` (the training loss, mean of the epoch's steps, nats per
            sample), `baseline_nll` (the NLL of the best output that is the same for all
            samples, nats per sample), and a user's own.
        active: Indices of the dimensions active now, ascending, at least one.
        kl: Mean KL divergence of each latent dimension, shape `(n_dims,)`,
            nats per sample, 0 for pruned dimensions.
        directions: Mapping from a user's own metrics to `"min"` (lower is
            better) or `"max"` (higher is better). Defaults to none.
        progress: Float in (0, 1], share of the planned epochs of this `fit` that are
            over, or `None` where it is not known. Defaults to `None`.
        sizes: `SizeMeasurement` at the sizes that the rule's state asks for, or `None`
            where it asks for none. Defaults to `None`.
        beta: Float >= 0, weight of the KL in the loss. Defaults to 1.

    Raises:
        TypeError: If `metrics` or `directions` is not a mapping.
        ValueError: If a value is not a number, an index is out of range, or a
            direction is unknown or given for a built-in metric.
    """

    epoch: int
    metrics: Mapping[str, float]
    active: tuple[int, ...]
    kl: tuple[float, ...]
    directions: Mapping[str, Direction] = FrozenMapping({})
    progress: float | None = None
    sizes: SizeMeasurement | None = None
    beta: float = 1.0

    def __post_init__(self) -> None:
        epoch = check_integer("epoch", self.epoch, 0)
        metrics = {
            name: check_real(name, value, finite=False)
            for name, value in check_mapping("metrics", self.metrics).items()
        }
        kl = tuple(check_real("kl", value, finite=False) for value in self.kl)
        active = check_active("active", self.active, len(kl))
        self._set(epoch=epoch, metrics=FrozenMapping(metrics), active=active, kl=kl)
        if self.progress is not None:
            progress = check_real("progress", self.progress, above=0.0, at_most=1.0)
            self._set(progress=progress)
        self._set(
            directions=_check_directions(self.directions),
            beta=check_real("beta", self.beta, at_least=0.0),
        )

    def metric(self, name: str) -> float:
        """Value of a metric that a rule needs.

        Args:
            name: Name of the metric.

        Returns:
            Finite float, in the metric's unit.

        Raises:
            ValueError: If the metric was not measured or is not finite.
        """
        if name not in self.metrics:
            raise ValueError(
                f"`metrics` must hold {name!r}, which the rule needs, at epoch "
                f"{self.epoch}. Received: metrics named {sorted(self.metrics)}"
            )
        value = self.metrics[name]
        if not math.isfinite(value):
            raise ValueError(
                f"`metrics` must be finite to decide on. Received: {name}={value} "
                f"at epoch {self.epoch}"
            )
        return value

    def measurement(self) -> SizeMeasurement:
        """`sizes`, for a rule that needs it.

        Raises:
            ValueError: If it was not measured.
        """
        if self.sizes is None:
            raise ValueError(
                "`sizes` must hold what was measured at the sizes that the state asks "
                f"for, at epoch {self.epoch}. Received: None"
            )
        return self.sizes

    def check_kl(self) -> None:
        """Raise an error where a mean KL is not finite.

        Raises:
            ValueError: If a value of `kl` is not finite.
        """
        for index, value in enumerate(self.kl):
            if not math.isfinite(value):
                raise ValueError(
                    f"`kl` must be finite to decide on. Received: kl={value} in "
                    f"dimension {index} at epoch {self.epoch}"
                )


def _check_directions(directions: Mapping[str, Direction]) -> FrozenMapping[Direction]:
    for name, direction in check_mapping("directions", directions).items():
        if name in (*BUILT_IN_METRICS, OBJECTIVE, BASELINE_NLL):
            raise ValueError(
                "`directions` must name a user's own metrics only, those of the "
                f"built-in ones are fixed. Received: {name!r}"
            )
        if direction not in ("min", "max"):
            raise ValueError(
                f"`directions` must hold 'min' or 'max'. Received: {name}={direction!r}"
            )
    return FrozenMapping(directions)
