"""What callbacks use of a model that `fit` trains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import keras
import numpy as np

from ald_keras._typing import JSON, Tensor
from ald_keras.layers import LatentMask, SizeSampling
from ald_keras.metrics import SizeCurve
from ald_keras.metrics.model_protocol import MaskedModel


class Validation(Protocol):
    """Validation data of the `fit` that runs."""

    @property
    def data(self) -> object:
        """A tuple `(x, y, sample_weight)` of arrays, or a stream."""

    @property
    def frequency(self) -> object:
        """`validation_freq` of `fit`."""

    @property
    def steps(self) -> int | None:
        """Batches of a stream that are used, `None` for all."""


class Entry(Protocol):
    """What was saved under one name."""

    @property
    def data(self) -> Any:
        """Plain types, as JSON holds them exactly."""

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Arrays that were saved with them."""


class SavedState(Protocol):
    """State of callbacks that is saved with a model."""

    epoch: Any  # `None` where nothing is saved, else an integer

    def write(
        self, epoch: int, name: str, data: object, arrays: Iterable[np.ndarray] = ()
    ) -> None:
        """Write an entry."""

    def read(self, name: str) -> Entry | None:
        """The entry of a name, `None` where there is none."""


class Snapshot(Protocol):
    """Weights at one moment."""

    @property
    def arrays(self) -> Sequence[np.ndarray]:
        """The values."""

    def restore(self) -> None:
        """Write them back."""


class SavingModel(Protocol):
    """A model that saves the state of callbacks."""

    saved_state: SavedState
    first_epoch: int

    def check_savers(self) -> None:
        """Raise a `ValueError` if a callback saves within epochs."""


class OptimizedModel(Protocol):
    """A compiled model."""

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """Its optimizer."""


class ValidatedModel(Protocol):
    """A model that checks data and knows the validation data of `fit`."""

    @property
    def validation_data(self) -> Validation | None:
        """Validation data while `fit` runs, else `None`."""

    def check_data(self, name: str, data: object) -> None:
        """Raise a `ValueError` naming `name` if data are not fit to train on."""

    def named(self, data: Any) -> Any:
        """Several inputs in a list by their names; anything else as it is."""


class BetaModel(Protocol):
    """A model whose loss weighs the KL."""

    beta: keras.Variable
    final_beta: float


class PrunableModel(
    MaskedModel, BetaModel, ValidatedModel, OptimizedModel, SavingModel, Protocol
):
    """What `ALDCallback` uses of a `MaskedVAE`."""

    @property
    def latent_mask(self) -> LatentMask:
        """The mask over the latent dimensions."""

    @property
    def size_sampling(self) -> SizeSampling:
        """Draws the sizes that examples are decoded at."""

    def from_chief(self, function: Callable[[], JSON]) -> JSON:
        """What a function gives, called once where several workers train together."""

    def is_monitored(self, names: Iterable[str]) -> bool:
        """Whether a callback of this `fit` decides by one of some entries of `logs`."""

    def training_samples(self, count: int) -> Tensor:
        """At most so many samples of the training data, or `None`."""

    def size_curve(self, x: Tensor, y: Tensor = None, *, seed: int = 0) -> SizeCurve:
        """Loss at every latent size."""

    def size_meter(self, x: Tensor, seed: int, posterior: Any = None) -> Any:
        """Measures the model at one latent size after another."""
