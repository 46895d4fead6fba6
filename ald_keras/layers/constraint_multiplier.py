"""The multiplier that holds a constraint while a network is trained."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import ops

from ald_keras._gate_options import check_warmup
from ald_keras._typing import Tensor
from ald_keras._validation import check_real

# Steps that a run is taken to have while that is not known.
_UNKNOWN_STEPS = 10_000

# Share of the run that the average goes back at most, and steps that it does at least.
_MEMORY, _SHORTEST = 0.01, 10

# Multiples of `tau` that one step may add to the average: what a network gives that has
# not learned anything yet would be remembered for ever.
_LARGEST_EXCESS = 4.0


@dataclass
class _Untracked:
    """Hides a variable from Keras, which takes all that a layer holds for weights."""

    variable: keras.Variable


@keras.saving.register_keras_serializable("ald_keras")
class ConstraintMultiplier(keras.layers.Layer):
    """GECO's multiplier of a constraint `error <= tau` (Rezende & Viola 2018).

    After each step the multiplier is multiplied by `exp(rate * v)`, where `v` is the
    exponential moving average of `error - tau`, relative to `band * tau` and bounded to
    [-1, 1] (arXiv 1810.00597, Algorithm 1, made to do with one rate for any unit and
    however far the error is off). With `tau` 0 it rises to its upper bound.

    The multiplier is in nats per unit of the error; times `scale` it is in nats per
    error of `tau`, a number that does not depend on the error's unit.

    Args:
        tau: Float >= 0, in the error's unit.
        initial: Float > 0, the multiplier at the start. Defaults to `None`:
            `1 / scale`.
        rate: Float > 0, largest change in a step; larger by the root of the ratio where
            the average is shorter than `decay` makes it. Defaults to 0.01.
        band: Float > 0, share of `tau` by which the error is off where the change is
            largest. Defaults to 0.1.
        decay: Float in [0, 1), of the moving average, which goes back `1 / (1 - decay)`
            steps, or fewer: a hundredth of a shorter run, at least 10. An error
            counts as `5 * tau` at most. Defaults to 0.99.
        minimum: Float > 0, lower bound. Defaults to `None`: a thousandth of `initial`.
        maximum: Float above `minimum`, upper bound. Defaults to `None`: 1e4 times
            `initial`.
        warmup: Integer >= 0, steps during which the multiplier rests, unless the bound
            is met before; or a float in [0, 1), a share of the run whose steps
            `set_run_steps` was given, and until then of 10,000 steps. Defaults
            to 0.

    Attributes:
        scale: Float, `tau`, or 1 where that is 0.
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
        initial: float | None = None,
        rate: float = 0.01,
        band: float = 0.1,
        decay: float = 0.99,
        minimum: float | None = None,
        maximum: float | None = None,
        warmup: int | float = 0,
        **kwargs: object,
    ):
        super().__init__(autocast=False, **kwargs)
        self.tau = check_real("tau", tau, at_least=0.0, float32=True)
        self.rate = check_real("rate", rate, above=0.0, float32=True)
        self.band = check_real("band", band, above=0.0, float32=True)
        self.decay = check_real("decay", decay, at_least=0.0, below=1.0)
        self.scale = self.tau or 1.0
        initial = 1.0 / self.scale if initial is None else initial
        check_real("initial", initial, above=0.0, float32=True)
        minimum = 1e-3 * initial if minimum is None else minimum
        maximum = 1e4 * initial if maximum is None else maximum
        self.minimum = check_real("minimum", minimum, above=0.0, float32=True)
        self.maximum = check_real("maximum", maximum, above=self.minimum, float32=True)
        self.initial = check_real(
            "initial", initial, at_least=self.minimum, at_most=self.maximum
        )
        self.warmup = check_warmup("warmup", warmup)
        self.multiplier = self._scalar("multiplier", self.initial)
        self.average = self._scalar("average", 0.0)
        self.steps = self._scalar("steps", 0.0)
        self.margin = self._scalar("margin", 0.0)
        self.satisfied = self._scalar("satisfied", 0.0)
        # No weights: each `fit` sets them anew, and the files of models have none.
        self._warmup_steps, self._memory = (
            _Untracked(keras.Variable(0.0, dtype="float32", trainable=False))
            for _ in range(2)
        )
        self.set_run_steps(None)
        self.built = True

    @property
    def variables(self) -> list[keras.Variable]:
        # What a step reads and no file holds, as of random number generators.
        own = [self._warmup_steps.variable, self._memory.variable]
        return [*super().variables, *own]

    def set_run_steps(self, steps: int | None, trained: bool = False) -> None:
        """Take in how long the run is of which warm-up and average are a share.

        Args:
            steps: Integer >= 1, steps of the run from its first epoch on, or `None`
                where that is not known.
            trained: Boolean, the run trains on from an earlier one: there is no
                warm-up. Defaults to `False`.
        """
        length = 0 if trained else self.warmup
        if isinstance(length, float):
            length = round(length * (_UNKNOWN_STEPS if steps is None else steps))
        self._warmup_steps.variable.assign(float(length))
        memory = 1.0 / (1.0 - self.decay)
        if steps is not None:
            memory = min(memory, max(_SHORTEST, _MEMORY * steps))
        self._memory.variable.assign(memory)

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
        length = ops.convert_to_tensor(self._warmup_steps.variable)
        left = 1.0 - self.steps / ops.maximum(length, 1.0)
        left = ops.where(length > 0.0, ops.maximum(left, 0.0), 0.0)
        return left * (1.0 - ops.convert_to_tensor(self.satisfied))

    def update(self, error: Tensor) -> None:
        """Take in the mean error of one step; one that is not finite is passed over.

        Args:
            error: Scalar tensor.
        """
        constraint = ops.cast(self.constraint(error), "float32")
        steps = self.steps + 1.0
        memory = ops.convert_to_tensor(self._memory.variable)
        # Unbiased from the first step on, as in Adam.
        decay = 1.0 - 1.0 / memory
        share = (1.0 - decay) / (1.0 - decay**steps)
        limited = constraint
        if self.tau > 0.0:
            limited = ops.minimum(constraint, _LARGEST_EXCESS * self.tau)
        average = self.average + share * (limited - self.average)
        band = self.band * self.tau if self.tau > 0.0 else 1e-12
        violation = ops.clip(average / band, -1.0, 1.0)
        moving = ops.cast(self.warmup_fraction() <= 0.0, "float32")
        # As fast as a shorter average can follow.
        rate = self.rate / ops.sqrt((1.0 - self.decay) * memory)
        raised = self.multiplier * ops.exp(moving * rate * violation)
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
            before = ops.convert_to_tensor(variable)
            variable.assign(ops.where(usable, value, before))

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
