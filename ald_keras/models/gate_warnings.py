"""What a `fit` of a `GatedVAE` without a search leaves open."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from keras import ops

from ald_keras._typing import JSON
from ald_keras.metrics.infeasible import CAUSES, infeasible_cause

if TYPE_CHECKING:
    from ald_keras.models.gated_vae import GatedVAE

# A gate is decided if its probability lies outside of these.
UNDECIDED = (0.05, 0.95)


def unsettled_gates(vae: GatedVAE, history: JSON) -> str:
    """Why the gates are not settled and what to do, nothing where they are.

    Args:
        vae: The model, when `fit` has ended.
        history: `History.history` of that `fit`.
    """
    errors = history.get("squared_error")  # missing where no epoch was trained
    if vae.tau and errors and not ops.convert_to_numpy(vae.constraint.satisfied):
        known = vae.data_errors
        # Of training data, whose counts a network can overfit, noise and all.
        cause = infeasible_cause(errors, vae.tau, constant=known.constant)
        closed = ": no gate has closed" if vae.gated else ""
        return (
            f"GatedVAE: training did not meet the bound of {vae.tau:g}{closed}. The "
            f"squared error is {errors[-1]:.4g}, the sum over the "
            f"{math.prod(vae.data_shape)} values of a sample, not their mean. Likely "
            f"cause: {CAUSES[cause]}"
        )
    undecided = vae.undecided_gates
    if not undecided:
        return ""
    return (
        f"GatedVAE: {len(undecided)} of {vae.latent_dim} gates are undecided "
        f"(probabilities of {UNDECIDED[0]} to {UNDECIDED[1]}): {undecided}. Pass "
        "`GateSearch()` to `fit`, which decides them all, or call `harden()` to fix "
        "them as they are at inference."
    )
