"""Whether the weight of the KL is constant, so that epochs can be compared."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


class BetaWatch:
    """Compares `beta` within an epoch and with the epoch before.

    Under a `beta` that moves, the curves of a run change for that reason alone.

    Attributes:
        moved: Whether it is another one than at the end of the epoch before, or moved
            within the epoch: what was recorded until then tells nothing of it.
        is_constant: Whether the epoch can be observed: it has not moved within it, and
            is that of the epoch before or the one that the model was built with, where
            a warm-up ends.
    """

    def __init__(self) -> None:
        self._at_begin = self._at_last_end = np.nan
        self.moved = self.is_constant = False

    def to_dict(self) -> dict[str, Any]:
        """What the next epochs need to know, in plain types."""
        return {"at_last_end": self._at_last_end}

    def load_state(self, data: dict[str, Any]) -> None:
        """Load what `to_dict` returned."""
        self._at_last_end = float(data["at_last_end"])

    def begin_epoch(self, model: Any) -> None:
        """Note `beta` as the epoch is trained with."""
        self._at_begin = _beta(model)

    def is_constant_now(self, model: Any) -> bool:
        """Whether, within an epoch, `beta` has stayed what it was and is to stay."""
        beta = _beta(model)
        at_goal = bool(beta == np.float32(model.final_beta))
        return beta == self._at_begin and (beta == self._at_last_end or at_goal)

    def end_epoch(self, model: Any) -> None:
        """Compare, and set `moved` and `is_constant`."""
        beta, before = _beta(model), self._at_last_end
        self._at_last_end = beta
        within = beta != self._at_begin
        self.moved = within or beta != before
        # The model keeps `beta` in float32.
        at_goal = beta == np.float32(model.final_beta)
        self.is_constant = not within and (beta == before or bool(at_goal))


def _beta(model: Any) -> float:
    # Not `float(variable)`, which fails for one that is mirrored over devices.
    return float(keras.ops.convert_to_numpy(model.beta))
