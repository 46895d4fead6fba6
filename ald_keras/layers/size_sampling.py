"""Draws a latent size for each example of a batch, and masks what lies beyond it."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from ald_keras._typing import Store, Tensor
from ald_keras._validation import check_integer


@keras.saving.register_keras_serializable("ald_keras")
class SizeSampling(keras.layers.Layer):
    """Decodes a share of the examples from their first `k` dimensions, `k` random.

    With sizes sampled in training, one network answers for every latent size (nested
    dropout, Rippel, Gelbart & Adams 2014, arXiv 1402.0915). The order of the
    dimensions and the probability of each size are non-trainable weights: changing
    them takes effect in the next step, without a retrace. They are saved with the
    model. A new layer is off: it truncates no example.

    The sizes of a batch are one systematic sample (Cochran 1977, chapter 8): a single
    random number shifts evenly spaced points. Each example has exactly the given
    probabilities, and each batch as many truncated examples as they say, to within one.
    Neighbours in a batch tend to have the same size; batches should be shuffled, and
    hold more than `1 / (1 - share)` examples.

    Args:
        units: Integer >= 1, latent dimensions.
        seed: Integer seed of the sizes, or `None` for a random one. Defaults to `None`.

    Attributes:
        rank: Weight of shape `(units,)`, the place of each dimension in the order, 0
            for the first one.
        probabilities: Weight of shape `(units,)`; entry `k - 1` is the probability that
            an example is truncated to its first `k` dimensions. They sum to the share
            of truncated examples.

    Example:
    >>> sampling = SizeSampling(4, seed=0)
    >>> sampling.start(order=[2, 0, 1, 3], probabilities=[0.0, 0.5, 0.0, 0.0])
    >>> sizes = sampling.draw(8)
    >>> float(ops.sum(sampling.keep(sizes)))  # four of eight examples keep 2 of 4
    24.0
    """

    def __init__(self, units: int, seed: int | None = None, **kwargs: object):
        units = check_integer("units", units, 1)
        super().__init__(autocast=False, **kwargs)
        self.units = units
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.rank = self._weight("rank")
        self.probabilities = self._weight("probabilities")
        self.rank.assign(np.arange(units))
        self._damage: Exception | None = None
        self.built = True

    def _weight(self, name: str) -> Tensor:
        return self.add_weight(
            name=name,
            shape=(self.units,),
            initializer="zeros",
            trainable=False,
            dtype="float32",
            autocast=False,
        )

    def draw(self, samples: Tensor, rows: Tensor = None) -> Tensor:
        """Sizes of the examples of a batch; `units` is the full size.

        Args:
            samples: Integer or scalar tensor, number of examples.
            rows: First row and number of rows of the larger batch that these are part
                of: they get the sizes that they would get there. Defaults to `None`:
                they are all.

        Returns:
            Float32 tensor of shape `(samples,)`.
        """
        first, total = (0, samples) if rows is None else rows
        shift = keras.random.uniform((), dtype="float32", seed=self.seed_generator)
        place = ops.cast(first + ops.arange(samples, dtype="int32"), "float32")
        points = shift + place / ops.cast(total, "float32")
        points = points - ops.floor(points)
        # A point beyond the last edge passes all of them: the full size, and one more.
        edges = ops.cumsum(self.probabilities)
        passed = ops.sum(ops.cast(points[:, None] >= edges, "float32"), axis=1)
        return ops.minimum(passed + 1.0, float(self.units))

    def keep(self, sizes: Tensor) -> Tensor:
        """Mask of shape `(samples, units)`, 1 for the first dimensions of an example.

        Args:
            sizes: What `draw` returned.
        """
        return ops.cast(self.rank < sizes[:, None], "float32")

    @property
    def order(self) -> np.ndarray:
        """Indices of the dimensions, the most important one first."""
        return np.argsort(ops.convert_to_numpy(self.rank), kind="stable")

    @property
    def share(self) -> float:
        """Share of truncated examples, 0 while no sizes are sampled."""
        return float(ops.convert_to_numpy(self.probabilities).sum())

    def start(self, order: ArrayLike, probabilities: ArrayLike) -> None:
        """Sample sizes from the next step on.

        Args:
            order: The dimensions, each once, the most important one first.
            probabilities: Floats of shape `(units,)`; entry `k - 1` is the probability
                that an example is truncated to its first `k` dimensions.

        Raises:
            ValueError: If `order` is no permutation of the dimensions, a probability is
                negative or not finite, or they sum to 1 or more.
        """
        rank, values = _checked(order, probabilities, self.units)
        self.rank.assign(rank)
        self.probabilities.assign(values)

    @property
    def is_on(self) -> bool:
        """Whether sizes are sampled."""
        return self.share > 0.0

    def stop(self) -> None:
        """Truncate no example from the next step on; the order stays."""
        self.probabilities.assign(np.zeros(self.units))

    def take_over(self, other: SizeSampling, kept: np.ndarray) -> None:
        """Continue another layer's draws with only some of its dimensions.

        Args:
            other: The wider layer.
            kept: Indices of its dimensions that are left, ascending, shape `(units,)`.
        """
        probabilities = ops.convert_to_numpy(other.probabilities)[: self.units].copy()
        probabilities[-1] = 0.0  # which is the full size here
        rank = ops.convert_to_numpy(other.rank)[kept]
        self.start(np.argsort(rank), probabilities)
        self.seed_generator.state.assign(other.seed_generator.state)

    # Keras saves no seed generator; a reloaded model is to continue its draws.
    def save_own_variables(self, store: Store) -> None:
        store["rank"] = ops.convert_to_numpy(self.rank)
        store["probabilities"] = ops.convert_to_numpy(self.probabilities)
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store: Store) -> None:
        damage, self._damage = self._damage, None
        if not store or "rank" not in store:
            # Files of models without this layer hold nothing for it. Keras also tries a
            # layer that fails again by another name, which holds nothing either.
            if damage is not None:
                raise damage
            return
        try:
            rank = np.array(store["rank"])
            if not np.array_equal(np.sort(rank), np.arange(self.units)):
                raise ValueError("`rank` must be a permutation")
            self.start(np.argsort(rank), np.array(store["probabilities"]))
            self.seed_generator.state.assign(store["seed_state"])
        except (KeyError, TypeError, ValueError) as error:
            self._damage = ValueError(f"The file holds no readable sizes: {error!r}")
            raise self._damage from error

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "units": self.units, "seed": self.seed}


def _checked(
    order: ArrayLike, probabilities: ArrayLike, units: int
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks and probabilities of `start`, or its errors."""
    order = np.asarray(order)
    if sorted(order.tolist()) != list(range(units)):
        raise ValueError(
            f"`order` must hold each of the {units} dimensions once. "
            f"Received: order={order.tolist()}"
        )
    values = np.asarray(probabilities, "float32")
    total = float(values.sum(dtype="float64"))
    valid = values.shape == (units,) and (values >= 0.0).all()
    if not valid or not total < 1.0:
        raise ValueError(
            f"`probabilities` must hold {units} numbers >= 0 whose sum is below 1, as "
            "some examples must keep the full size. Received: probabilities of shape "
            f"{values.shape} with sum {total:g}: {values.tolist()!s:.200}"
        )
    return np.argsort(order), values
