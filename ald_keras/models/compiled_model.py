"""What a model does when it is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ald_keras._typing import JSON, FitData
from ald_keras.backends import Steps, check_scope, strategy_of
from ald_keras.models import compiled, keras_internals
from ald_keras.models.fit_batches import steps_per_execution as chosen_steps

_STEPS = "steps_per_execution"


class CompiledModel(Steps, keras_internals.PrebuiltModel):
    """A model with a loss of its own, whose optimizer is built when it is compiled.

    Attributes:
        checks_batches: Boolean, training steps look for values that they cannot use.
    """

    def __init__(self, **kwargs: object):
        super().__init__(**kwargs)
        self._chooses_steps = True
        self.checks_batches = True
        self.steps_per_execution: int

    def compile(
        self,
        optimizer: Any = "adam",
        loss: object = None,
        steps_per_execution: int | None = None,
        **kwargs: object,
    ) -> None:
        """Set the optimizer; the loss is the negative ELBO.

        Args:
            optimizer: Keras optimizer or its name. Defaults to `"adam"`.
            loss: Must be `None`.
            steps_per_execution: Integer >= 1, steps between two calls of callbacks.
                Defaults to `None`: several where no callback is to see each batch.
            **kwargs: As Keras takes them: `jit_compile`, ...

        Raises:
            ValueError: If a loss or metrics are given, or in another strategy's scope.
        """
        values = {"loss": loss, **kwargs}
        refused = "loss", "loss_weights", "metrics", "weighted_metrics"
        given = [name for name in refused if values.get(name)]
        if given:
            raise ValueError(
                f"`compile` takes no loss and no metrics. Received: {given}. The loss "
                "is the negative ELBO; the model's `likelihood=` says what is in it."
            )
        check_scope(self.variables)
        self._chooses_steps = steps_per_execution is None
        steps = 1 if steps_per_execution is None else steps_per_execution
        super().compile(optimizer=optimizer, steps_per_execution=steps, **kwargs)
        compiled.forget_compiled(self)
        # So that what is saved or read before the first step is whole.
        if self.optimizer is not None and not self.optimizer.built:
            with strategy_of(self).scope():
                self.optimizer.build(self.trainable_variables)

    def get_compile_config(self) -> JSON:
        config = super().get_compile_config()
        if config and self._chooses_steps:
            config = {key: config[key] for key in config if key != _STEPS}
        return config

    def compile_from_config(self, config: JSON) -> None:
        config = keras_internals.of_any_backend(config)
        self.compile(**keras.saving.deserialize_keras_object(config))

    def prepare_steps(
        self,
        x: FitData,
        callbacks: Sequence[keras.callbacks.Callback],
        checks_batches: bool,
    ) -> None:
        """Set how many steps one execution takes, unless the user has.

        Args:
            x: What Keras's `fit` is given.
            callbacks: The callbacks of this `fit`.
            checks_batches: Whether steps look for values that they cannot use.
        """
        before = self.steps_per_execution, self.checks_batches
        self.checks_batches = checks_batches
        if self._chooses_steps:
            self.steps_per_execution = chosen_steps(self, x, callbacks)
        if before != (self.steps_per_execution, self.checks_batches):
            # They hold what they were traced with.
            self.train_function = self.test_function = self.predict_function = None
