"""The mask that switches latent dimensions off and on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import keras
import numpy as np
from keras import ops

from ald_keras._typing import Shape, Tensor
from ald_keras._validation import check_integer


@keras.saving.register_keras_serializable("ald_keras")
class LatentMask(keras.layers.Layer):
    """Multiplies a latent code by a non-trainable mask of zeros and ones.

    A dimension that is switched off costs nothing and gets no gradient, yet its
    weights stay where they are: switching it on again brings it back. Assigning
    the mask between two epochs takes effect in the next step, without a retrace.

    Args:
        units: Integer >= 1, latent dimensions.

    Call arguments:
        inputs: Tensor of shape `(..., units)`.

    Example:
    >>> mask = LatentMask(4)
    >>> mask.deactivate([1, 2])
    >>> mask.active_indices
    array([0, 3])
    """

    def __init__(self, units: int, **kwargs: object):
        units = check_integer("units", units, 1)
        # The KL is masked too, and stays in float32 under a mixed policy.
        super().__init__(autocast=False, **kwargs)
        self.units = units
        # Made here and not in `build`: a mask can be set before any data come.
        self.mask = self.add_weight(
            name="mask",
            shape=(self.units,),
            initializer="ones",
            trainable=False,
            dtype="float32",
            autocast=False,
        )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return inputs * ops.cast(self.mask, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    @property
    def active_indices(self) -> np.ndarray:
        """Indices of the active dimensions, ascending, shape `(active_dims,)`."""
        return np.flatnonzero(ops.convert_to_numpy(self.mask))

    @property
    def active_dims(self) -> int:
        """Number of active dimensions."""
        return len(self.active_indices)

    def deactivate(self, indices: Iterable[int]) -> None:
        """Switch active dimensions off.

        Args:
            indices: Distinct integers in `[0, units)`, each active now.

        Raises:
            ValueError: If an index is not an integer, out of range, repeated or
                inactive already, or if no dimension would be left.
        """
        chosen = self._checked(indices, active=True)
        if len(chosen) == self.active_dims:
            raise ValueError(
                "`indices` must leave at least one active dimension. "
                f"Received: indices={chosen.tolist()}, which are all "
                f"{self.active_dims} active ones."
            )
        self._write(chosen, 0.0)

    def activate(self, indices: Iterable[int]) -> None:
        """Switch inactive dimensions on again.

        Args:
            indices: Distinct integers in `[0, units)`, each inactive now.

        Raises:
            ValueError: If an index is not an integer, out of range, repeated or
                active already.
        """
        self._write(self._checked(indices, active=False), 1.0)

    @contextlib.contextmanager
    def only(self, indices: np.ndarray) -> Iterator[None]:
        """A context in which no other dimensions are active.

        Args:
            indices: Active dimensions, at least one.
        """
        before = ops.convert_to_numpy(self.mask).copy()
        self.mask.assign(np.isin(np.arange(self.units), indices))
        try:
            yield
        finally:
            self.mask.assign(before)

    def _write(self, indices: np.ndarray, value: float) -> None:
        mask = ops.convert_to_numpy(self.mask).copy()
        mask[indices] = value
        self.mask.assign(mask)

    def _checked(self, indices: Iterable[int], active: bool) -> np.ndarray:
        given = np.asarray(
            indices if isinstance(indices, np.ndarray) else list(indices)
        )
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise ValueError(
                "`indices` must be a sequence of integers. "
                f"Received: indices={given.tolist()}"
            )
        given = given.astype(np.int64)
        if given.size and (given.min() < 0 or given.max() >= self.units):
            raise ValueError(
                f"`indices` must lie in [0, {self.units}). "
                f"Received: indices={given.tolist()}"
            )
        if len(np.unique(given)) != len(given):
            raise ValueError(
                f"`indices` must be distinct. Received: indices={given.tolist()}"
            )
        wrong = given[np.isin(given, self.active_indices) != active]
        if wrong.size:
            state = "active" if active else "inactive"
            raise ValueError(
                f"`indices` must be {state} now. Received: indices={given.tolist()}, "
                f"of which {wrong.tolist()} are not."
            )
        return given

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "units": self.units}
