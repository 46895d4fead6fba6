"""The multiplier that holds a constraint while a network is trained."""

from __future__ import annotations

import keras
from keras import ops

from ald_keras._typing import Tensor
from ald_keras._validation import check_integer, check_real


@keras.saving.register_keras_serializable("ald_keras")
class ConstraintMultiplier(keras.layers.Layer):
    """GECO's multiplier of a constraint `error <= tau` (Rezende & Viola 2018).

    After each step the multiplier is multiplied by `exp(rate * v)`, where `v` is the
    exponential moving average of `error - tau`, relative to `band * tau` and bounded to
    [-1, 1] (arXiv 1810.00597, Algorithm 1, made to do with one rate for any unit and
    however far the error is off). With `tau` 0 it rises to its upper bound.

    Args:
        tau: Float >= 0, in the error's unit.
        initial: Float > 0, the multiplier at the start. Defaults to 1.0.
        rate: Float > 0, largest change in a step. Defaults to 0.01.
        band: Float > 0, share of `tau` by which the error is off where the change is
            largest. Defaults to 0.1.
        decay: Float in [0, 1), of the moving average. Defaults to 0.99.
        minimum: Float > 0, lower bound. Defaults to 1e-3.
        maximum: Float above `minimum`, upper bound. Defaults to 1e4.
        warmup: Integer >= 0, steps during which the multiplier rests, unless the bound
            is met before. Defaults to 0.

    Attributes:
        multiplier: Non-trainable scalar.
        average: Non-trainable scalar, the moving average of the error minus `tau`,
            with the margin.
        margin: Non-trainable scalar by which the error is to be below `tau`; 0 unless
            it is assigned.
        satisfied: Non-trainable scalar, 1 once the average has been at most 0, else 0.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        tau: float,
        initial: float = 1.0,
        rate: float = 0.01,
        band: float = 0.1,
        decay: float = 0.99,
        minimum: float = 1e-3,
        maximum: float = 1e4,
        warmup: int = 0,
        **kwargs: object,
    ):
        super().__init__(autocast=False, **kwargs)
        self.tau = check_real("tau", tau, at_least=0.0, float32=True)
        self.rate = check_real("rate", rate, above=0.0, float32=True)
        self.band = check_real("band", band, above=0.0, float32=True)
        self.decay = check_real("decay", decay, at_least=0.0, below=1.0)
        self.minimum = check_real("minimum", minimum, above=0.0, float32=True)
        self.maximum = check_real("maximum", maximum, above=self.minimum, float32=True)
        self.initial = check_real(
            "initial", initial, at_least=self.minimum, at_most=self.maximum
        )
        self.warmup = check_integer("warmup", warmup, 0)
        self.multiplier = self._scalar("multiplier", self.initial)
        self.average = self._scalar("average", 0.0)
        self.steps = self._scalar("steps", 0.0)
        self.margin = self._scalar("margin", 0.0)
        self.satisfied = self._scalar("satisfied", 0.0)
        self.built = True

    def _scalar(self, name: str, value: float) -> Tensor:
        return self.add_weight(
            name=name,
            shape=(),
            initializer=keras.initializers.Constant(value),
            trainable=False,
            dtype="float32",
            autocast=False,
        )

    def constraint(self, error: Tensor) -> Tensor:
        """What must not be above 0: the error minus `tau`, with the margin."""
        return error - self.tau + ops.cast(self.margin, error.dtype)

    def warmup_fraction(self) -> Tensor:
        """Share of the warm-up to come, from 1 to 0; 0 once the bound was met."""
        left = 1.0 - self.steps / max(1.0, float(self.warmup))
        open_ended = 1.0 - ops.convert_to_tensor(self.satisfied)
        return ops.maximum(left, 0.0) * open_ended if self.warmup else 0.0 * left

    def update(self, error: Tensor) -> None:
        """Take in the mean error of one step; one that is not finite is passed over.

        Args:
            error: Scalar tensor.
        """
        constraint = ops.cast(self.constraint(error), "float32")
        steps = self.steps + 1.0
        # Unbiased from the first step on, as in Adam.
        share = (1.0 - self.decay) / (1.0 - self.decay**steps)
        average = self.average + share * (constraint - self.average)
        scale = self.band * self.tau if self.tau > 0.0 else 1e-12
        violation = ops.clip(average / scale, -1.0, 1.0)
        moving = ops.cast(self.warmup_fraction() <= 0.0, "float32")
        raised = self.multiplier * ops.exp(moving * self.rate * violation)
        satisfied = ops.maximum(self.satisfied, ops.cast(average <= 0.0, "float32"))
        raised = ops.clip(raised, self.minimum, self.maximum)
        # A step that overflowed, which a scaled optimizer leaves out, is left out here.
        usable = ops.isfinite(constraint)
        for variable, value in (
            (self.steps, steps),
            (self.average, average),
            (self.multiplier, raised),
            (self.satisfied, satisfied),
        ):
            variable.assign(ops.where(usable, value, variable))

    def get_config(self) -> dict[str, object]:
        names = (
            "tau",
            "initial",
            "rate",
            "band",
            "decay",
            "minimum",
            "maximum",
            "warmup",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
