"""Carries a rule's decisions out on a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from ald_keras.rules import Decision, ElasticRule, SampledSizes


class MaskWriter:
    """Switches dimensions off and on, and keeps what a trial may have to bring back.

    Args:
        model: Model with `latent_mask` and `snapshot`.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._snapshot: Any = None
        self._sums: list[float] = []

    def apply(self, decision: Decision, active: Sequence[int]) -> None:
        """Write the mask, and the weights where dimensions come back.

        Args:
            decision: What is decided.
            active: The active dimensions after it.

        Raises:
            RuntimeError: If dimensions are to come back that were not on trial.
        """
        mask = self._model.latent_mask
        if decision.action == "restore":
            if self._snapshot is None:
                raise RuntimeError("A rule can bring back only what it has on trial.")
            self._snapshot.restore()
        if decision.action == "try":
            self._snapshot = self._model.snapshot()
        before = {*mask.active_indices.tolist()}
        mask.activate(sorted({*active} - before))
        mask.deactivate(sorted(before - {*active}))

    def sample_sizes(self, sampling: SampledSizes | None) -> None:
        """Train at these sizes from the next step on; at the full one for `None`."""
        layer = self._model.size_sampling
        if sampling is None:
            layer.stop()
        else:
            layer.start(sampling.order, sampling.probabilities)

    def continue_sampling(self, rule: Any, state: Any) -> Any:
        """The state of an `ElasticRule` whose model samples sizes already."""
        layer = self._model.size_sampling
        if not isinstance(rule, ElasticRule) or not layer.is_on:
            return state
        probabilities = keras.ops.convert_to_numpy(layer.probabilities)
        sampling = SampledSizes(layer.order, probabilities)
        return dataclasses.replace(state, sampling=sampling)

    @property
    def snapshot(self) -> Any:
        """What the trial may have to bring back, or `None`."""
        return self._snapshot

    def recall(self, arrays: list[Any]) -> None:
        """Take up a trial whose copies a file has kept."""
        self._snapshot = self._model.snapshot(arrays)

    def forget(self) -> None:
        """Free the copies: nothing is on trial any more."""
        self._snapshot = None
        self._sums = []

    def note_weights(self) -> None:
        """Note the weights as training left them, to notice others later."""
        self._sums = self._sum_up()

    def weights_were_changed(self) -> bool:
        """Whether the weights are not those noted, but for example restored ones."""
        return bool(self._sums) and self._sums != self._sum_up()

    def _sum_up(self) -> list[float]:
        arrays = map(keras.ops.convert_to_numpy, self._model.trainable_variables)
        return [float(array.sum(dtype="float64")) for array in arrays]
