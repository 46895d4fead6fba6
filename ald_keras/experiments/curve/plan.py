"""Jobs of an experiment on size curves: elastic runs, then sizes from scratch."""

from __future__ import annotations

import dataclasses

from ald_keras.experiments.core.settings import without
from ald_keras.experiments.stability.plan import RulesPlan

# Where most data sets have their smallest sufficient size, and some larger sizes; the
# full one is added.
SIZES = (*range(4, 21), 24, 32)


@dataclasses.dataclass(frozen=True)
class CurvePlan(RulesPlan):
    """Elastic runs from one start, and sizes from scratch up to it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if max(self.sizes or (), default=0) > self.largest:
            raise ValueError(
                f"`--sizes` must be at most the {self.largest} dimensions of "
                f"`latent_dim`. Received: {list(self.sizes or ())}"
            )

    def settings(self) -> dict[str, object]:
        """The resolved settings."""
        return {
            "config": without(self.base, ("seed", "latent_dim", "method", "rule")),
            "elastic": {
                name: group.to_dict()["rule"] for name, group in self.groups.items()
            },
            "start": self.largest,
            "seeds": self.seeds,
            "sizes": list(self.sizes or ()),
            "fixed_seeds": self.fixed_seeds,
        }
