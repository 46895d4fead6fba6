"""Stochastic gates of latent dimensions, trained by an antithetic estimator."""

from __future__ import annotations

import math

import keras
from keras import ops

from ald_keras._gate_options import ESTIMATORS
from ald_keras._typing import Store, Tensor
from ald_keras._validation import check_choice, check_integer, check_real


@keras.saving.register_keras_serializable("ald_keras")
class LatentGates(keras.layers.Layer):
    """One gate a latent dimension, open with probability `sigmoid(logit)`.

    The loss is no differentiable function of gates that are 0 or 1. Its gradient with
    regard to the logits is estimated from two draws of all gates that share their
    random numbers: ARM (Yin & Zhou 2019, arXiv 1807.11143, Eq. 9) or DisARM (Dong, Mnih
    & Tucker 2020, arXiv 2006.10680, Eq. 6), which has the same mean and cost and less
    variance.

    A gate can be decided: it is then open or closed for good, whatever its logit, and
    has no gradient.

    Args:
        units: Integer >= 1, gates.
        probability: Float in (0, 1), of being open at the start. Defaults to 0.9.
        speed: Float > 0, logits per unit of the trained weight: under Adam and its
            kin, which move all weights alike, logits go so many times faster. Defaults
            to 10.0.
        estimator: `"arm"` or `"disarm"`. Defaults to `"arm"`.
        seed: Integer seed of the draws, or `None`. Defaults to `None`.

    Attributes:
        weight: Trainable weight of shape `(units,)`, the logits divided by `speed`.
        decided: Non-trainable weight of shape `(units,)`: 1 open for good, -1 closed
            for good, 0 not decided.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        units: int,
        probability: float = 0.9,
        speed: float = 10.0,
        estimator: str = "arm",
        seed: int | None = None,
        **kwargs: object,
    ):
        units = check_integer("units", units, 1)
        probability = check_real("probability", probability, above=0.0, below=1.0)
        speed = check_real("speed", speed, above=0.0, float32=True)
        check_choice("estimator", estimator, ESTIMATORS)
        super().__init__(autocast=False, **kwargs)
        self.units, self.speed = units, speed
        self.probability, self.estimator, self.seed = probability, estimator, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        start = math.log(probability / (1.0 - probability)) / self.speed
        self.weight = self._vector("weight", start, trainable=True)
        self.decided = self._vector("decided", 0.0, trainable=False)
        self.built = True

    def _vector(self, name: str, value: float, trainable: bool) -> Tensor:
        return self.add_weight(
            name=name,
            shape=(self.units,),
            initializer=keras.initializers.Constant(value),
            trainable=trainable,
            dtype="float32",
            autocast=False,
        )

    def logits(self) -> Tensor:
        """Logits of shape `(units,)`."""
        return self.speed * ops.convert_to_tensor(self.weight)

    def probabilities(self) -> Tensor:
        """Probabilities of being open, shape `(units,)`; of decided ones 0 or 1."""
        return self._with_decided(ops.sigmoid(self.logits()))

    def open_gates(self) -> Tensor:
        """Gates at inference, 0 or 1, shape `(units,)`: those more often open.

        At least one is open: where none would be, the likeliest.
        """
        probabilities = self.probabilities()
        likeliest = ops.one_hot(ops.argmax(probabilities), self.units)
        is_open = ops.cast(probabilities > 0.5, "float32")
        return ops.maximum(is_open, likeliest * (1.0 - ops.max(is_open)))

    def draw(self, samples: Tensor, rows: Tensor = None) -> Tensor:
        """Uniform random numbers of shape `(samples, units)`, one a gate and sample.

        Args:
            samples: Integer.
            rows: First row and number of rows of the larger batch that these are part
                of, as `GaussianSampling` takes them. Defaults to `None`: they are all.
        """
        first, total = (0, samples) if rows is None else rows
        shape, seed = (total, self.units), self.seed_generator
        drawn = keras.random.uniform(shape, dtype="float32", seed=seed)
        return drawn if rows is None else drawn[first : first + samples]

    def pair(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """The two antithetic draws of all gates.

        Args:
            uniform: What `draw` gave.

        Returns:
            `1[u > sigmoid(-logit)]` and `1[u < sigmoid(logit)]`, each 0 or 1 and of
            shape `(samples, units)`; of decided gates what was decided.
        """
        logits = self.logits()
        first = ops.cast(uniform > ops.sigmoid(-logits), "float32")
        second = ops.cast(uniform < ops.sigmoid(logits), "float32")
        return self._with_decided(first), self._with_decided(second)

    def gradient(self, uniform: Tensor, difference: Tensor) -> Tensor:
        """Estimates of the gradient of the expected loss, one a sample.

        Args:
            uniform: What `draw` gave, shape `(samples, units)`.
            difference: Loss of each sample under the first draw of `pair` minus that
                under the second, shape `(samples,)`. A loss that was averaged over
                samples first gives another, wrong gradient.

        Returns:
            Tensor of shape `(samples, units)`, with regard to the logits; its mean over
            samples is the estimate.
        """
        difference = ops.expand_dims(difference, -1)
        if self.estimator == "arm":
            estimate = difference * (uniform - 0.5)
        else:
            first, second = self.pair(uniform)
            sign = (1.0 - 2.0 * second) * ops.abs(first - second)
            weight = ops.sigmoid(ops.abs(self.logits()))
            estimate = 0.5 * difference * sign * weight
        return estimate * self.undecided()

    def undecided(self) -> Tensor:
        """1 for gates that are not decided, else 0; shape `(units,)`."""
        return ops.cast(ops.equal(self.decided, 0.0), "float32")

    def _with_decided(self, values: Tensor) -> Tensor:
        free = self.undecided()
        fixed = ops.cast(ops.convert_to_tensor(self.decided) > 0.0, "float32")
        return values * free + fixed * (1.0 - free)

    # Keras saves no seed generator; a reloaded model is to continue its draws.
    def save_own_variables(self, store: Store) -> None:
        super().save_own_variables(store)
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store: Store) -> None:
        for index, variable in enumerate((self.weight, self.decided)):
            variable.assign(store[str(index)])
        self.seed_generator.state.assign(store["seed_state"])

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "units": self.units,
            "probability": self.probability,
            "speed": self.speed,
            "estimator": self.estimator,
            "seed": self.seed,
        }
