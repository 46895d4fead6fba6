"""Whether the weight of the KL is constant, so that epochs can be compared."""

from __future__ import annotations

import keras
import numpy as np

from ald_keras._typing import JSON
from ald_keras.callbacks.model_protocol import BetaModel


class BetaWatch:
    """Compares `beta` within an epoch, with the epoch before, and between observations.

    While `beta` moves, the curves of a run change for that reason alone.
    """

    def __init__(self) -> None:
        self._at_begin = self._at_last_end = self._observed = np.nan

    def to_dict(self) -> dict[str, object]:
        """What the next epochs need to know, in plain types."""
        return {"at_last_end": self._at_last_end, "observed": self._observed}

    def load_state(self, data: JSON) -> None:
        """Load what `to_dict` returned."""
        self._at_last_end = float(data["at_last_end"])
        self._observed = float(data["observed"])

    def begin_epoch(self, model: BetaModel) -> None:
        """Read the `beta` that the epoch is trained with."""
        self._at_begin = beta_of(model)

    def is_constant(self, model: BetaModel) -> bool:
        """Whether the epoch can be observed, as far as it has been trained.

        `beta` has not moved within it, and is that of the epoch before or the one that
        the model was built with, where a warm-up ends.
        """
        beta = beta_of(model)
        # The model keeps `beta` in float32.
        at_goal = bool(beta == np.float32(model.final_beta))
        return beta == self._at_begin and (beta == self._at_last_end or at_goal)

    def differs_from_last_observation(self) -> bool:
        """Whether the last observation was made under another `beta`."""
        before, self._observed = self._observed, self._at_begin
        return not np.isnan(before) and before != self._observed

    def end_epoch(self, model: BetaModel) -> None:
        """Read the `beta` that the epoch has ended with."""
        self._at_last_end = beta_of(model)


def beta_of(model: BetaModel) -> float:
    """The weight of the KL now."""
    # Not `float(variable)`, which fails for one that is mirrored over devices.
    return float(keras.ops.convert_to_numpy(model.beta))
