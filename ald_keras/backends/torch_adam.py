"""Adam's update as one operation of PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import torch

_ADAM = keras.optimizers.Adam


@contextlib.contextmanager
def fused_adam(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """In which `optimizer.apply` updates all variables in one operation, not in nine.

    `torch._fused_adam_` divides by `sqrt(v) / sqrt(c) + epsilon`, Keras's Adam by
    `sqrt(v) + epsilon` with `sqrt(c)` in the learning rate, where `c` corrects the bias
    of `v`: with `epsilon / sqrt(c)` both are one formula. It serves float32 and float64
    variables of Adam and AdamW without `amsgrad`; other updates are Keras's own.

    Args:
        optimizer: The compiled one, perhaps wrapped for the scaling of the loss.
    """
    adam = getattr(optimizer, "inner_optimizer", optimizer)
    is_adam = getattr(type(adam), "update_step", None) is _ADAM.update_step
    if not is_adam or adam.amsgrad:
        yield
        return

    def update(grads: Sequence[Any], variables: Sequence[Any], rate: Any) -> None:
        indices = [adam._get_variable_index(variable) for variable in variables]
        values = [variable.value for variable in variables]
        momentums = [adam._momentums[i].value for i in indices]
        velocities = [adam._velocities[i].value for i in indices]
        # PyTorch 2.13 pairs values by their place in memory.
        if not all(v.is_contiguous() for v in (*values, *momentums, *velocities)):
            type(adam)._parallel_update_step(adam, grads, variables, rate)
            return
        step = float(adam.iterations.value) + 1.0
        # Of the step that is taken; a tensor for each, as an optimizer of PyTorch has.
        steps = [torch.tensor(step, device=value.device) for value in values]
        torch._fused_adam_(
            values,
            # Keras transposes the kernels of convolutions, and so their gradients.
            [grad.contiguous() for grad in grads],
            momentums,
            velocities,
            [],
            steps,
            lr=float(rate),
            beta1=adam.beta_1,
            beta2=adam.beta_2,
            weight_decay=0.0,
            eps=adam.epsilon / (1.0 - adam.beta_2**step) ** 0.5,
            amsgrad=False,
            maximize=False,
        )

    adam._parallel_update_step = update
    try:
        yield
    finally:
        del adam._parallel_update_step
