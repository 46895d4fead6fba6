"""Carries a rule's decisions out on a model."""

from __future__ import annotations

from typing import Any

from ald_keras.rules import Decision


class MaskWriter:
    """Switches dimensions off and on, and keeps what a trial may have to bring back.

    Args:
        model: Model with `latent_mask` and `snapshot`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._snapshot: Any = None

    def apply(self, decision: Decision) -> None:
        """Write the mask, and the weights where dimensions come back.

        Raises:
            RuntimeError: If dimensions are to come back that were not on trial.
        """
        mask = self._model.latent_mask
        if decision.action == "restore":
            if self._snapshot is None:
                raise RuntimeError("A rule can bring back only what it has on trial.")
            self._snapshot.restore()
            mask.activate(decision.indices)
            self.forget()
            return
        if decision.action == "try":
            self._snapshot = self._model.snapshot()
        mask.deactivate(decision.indices)

    def forget(self) -> None:
        """Free the copies: nothing is on trial any more."""
        self._snapshot = None
