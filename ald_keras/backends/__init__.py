"""What is peculiar to one Keras backend, behind the same names for each.

`Steps`: the training and test steps of a model, from what it computes in `keras.ops`.
`batch_of`: the batch of a step, of which a replica may have a part. `cond`, `compiled`:
a branch and a function that run fast. `sync`: weights as the last step left them.
`shared_random_state`: what layers draw from beside their own. `without_gradients`:
where nothing is trained. `stream`: batches in an order that seed and epoch decide.
`open_strategy`, `strategy_of`, `check_scope`, `together`, `is_chief`, `from_chief`:
several devices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING or keras.backend.backend() == "tensorflow":
    from ald_keras.backends.tensorflow import (
        Steps,
        batch_of,
        compiled,
        cond,
        is_eager,
        longest_execution,
        set_shared_random_state,
        shared_random_state,
        stream,
        sync,
        without_gradients,
    )
    from ald_keras.backends.tensorflow_strategies import (
        check_scope,
        from_chief,
        is_chief,
        open_strategy,
        strategy_of,
        together,
    )
elif keras.backend.backend() == "jax":
    from ald_keras.backends.jax import (
        Steps,
        compiled,
        cond,
        is_eager,
        longest_execution,
        open_strategy,
        set_shared_random_state,
        shared_random_state,
        sync,
        without_gradients,
    )
    from ald_keras.backends.single_process import (
        batch_of,
        check_scope,
        from_chief,
        is_chief,
        strategy_of,
        stream,
        together,
    )
elif keras.backend.backend() == "torch":
    from ald_keras.backends.single_process import (
        batch_of,
        check_scope,
        from_chief,
        is_chief,
        strategy_of,
        stream,
        together,
    )
    from ald_keras.backends.torch import (
        Steps,
        compiled,
        cond,
        is_eager,
        longest_execution,
        open_strategy,
        set_shared_random_state,
        shared_random_state,
        sync,
        without_gradients,
    )
else:
    raise ImportError(
        "`KERAS_BACKEND` must be 'tensorflow', 'jax' or 'torch'. "
        f"Received: {keras.backend.backend()!r}"
    )

__all__ = [
    "Steps",
    "batch_of",
    "check_scope",
    "compiled",
    "cond",
    "from_chief",
    "is_chief",
    "is_eager",
    "longest_execution",
    "open_strategy",
    "set_shared_random_state",
    "shared_random_state",
    "strategy_of",
    "stream",
    "sync",
    "together",
    "without_gradients",
]
