"""Options of gates under a bound on the error: models and configs check them alike.

A config is read without Keras, and so these checks cannot stand beside the layers.
"""

from __future__ import annotations

import numpy as np

from ald_keras._validation import check_integer, check_real

# How the gradient of the gates' probabilities is estimated.
ESTIMATORS = ("arm", "disarm")


def check_tau(tau: object, gated: bool) -> float:
    """The bound on the error as a float; a `ValueError` if out of range."""
    tau = check_real("tau", tau, at_least=0.0, float32=True)
    if tau == 0 and gated:
        raise ValueError(
            "`tau` must be above 0, since no network has an error of 0 and no gate "
            "would ever close. Received: tau=0. For the lowest error pass gated=False."
        )
    return tau


def check_warmup(name: str, value: object) -> int | float:
    """A warm-up: steps, or a share of a run.

    Args:
        name: The argument's name.
        value: What was received.

    Raises:
        ValueError: If it is neither an integer >= 0 nor a float in [0, 1).
    """
    if isinstance(value, (float, np.floating)) and 0.0 <= value < 1.0:
        return float(value)
    try:
        return check_integer(name, value, 0)
    except ValueError as error:
        raise ValueError(
            f"`{name}` must be an integer >= 0, in steps, or a float in [0, 1), a "
            f"share of the run. Received: {name}={value!r}"
        ) from error
