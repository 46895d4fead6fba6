"""Why a bound on the squared error was not met, as a code and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Epochs of which the last two windows are compared, as a share of all, and at least.
_WINDOW, _SHORTEST = 0.1, 2

CAUSES: dict[str, str] = {
    "noise": (
        "the noise of the counts alone is above the bound, so that no output meets it "
        "on new data. Raise `tau`, or lower `explained` of `tau_for`."
    ),
    "no_gain": (
        "the error is not below that of the best constant output. Lower the learning "
        "rate, check the likelihood, and scale what the encoder reads."
    ),
    "falling": (
        "the error was still falling. Train for more epochs, or raise the learning "
        "rate."
    ),
    "overfitting": (
        "training data are within the bound and validation data are not. Pass more "
        "data, use a smaller network, or raise `tau` (lower `explained` of `tau_for`)."
    ),
    "capacity": (
        "the error has stopped falling. Raise `tau` (lower `explained` of `tau_for`), "
        "raise `latent_dim`, or use a larger network."
    ),
}


def infeasible_cause(
    errors: Sequence[float],
    bound: float,
    trained: float | None = None,
    constant: float | None = None,
    noise: float | None = None,
) -> str:
    """The likely cause of an error above a bound.

    Args:
        errors: Squared errors a sample of the last epochs, one after another, the last
            one last; at least one.
        bound: Float > 0, the largest error allowed.
        trained: Error of training data, or `None` where `errors` are that. Defaults to
            `None`.
        constant: Error of the best constant output, or `None`. Defaults to `None`.
        noise: Error that remains whatever the output, or `None`. Defaults to `None`.

    Returns:
        A key of `CAUSES`.
    """
    if noise is not None and noise > bound:
        return "noise"
    within = trained is not None and trained <= bound
    if is_falling(errors, bound) and not (len(errors) == 1 and within):
        return "falling"
    if constant is not None and errors[-1] >= constant:
        return "no_gain"
    if within:
        return "overfitting"
    return "capacity"


def is_falling(errors: Sequence[float], bound: float) -> bool:
    """Whether errors would come down to a bound in as many epochs again, or fewer.

    They are taken to fall on as they did over the last tenth of the epochs. Too few to
    say so count as falling unless they have risen.

    Args:
        errors: Squared errors of epochs, one after another.
        bound: Float > 0.
    """
    window = max(_SHORTEST, round(_WINDOW * len(errors)))
    if len(errors) < 2 * window:
        return errors[-1] <= errors[0]
    last = float(np.mean(errors[-window:]))
    fall = float(np.mean(errors[-2 * window : -window])) - last
    return fall * len(errors) / window >= max(last - bound, 0.0) and fall > 0.0
