"""What a `fit` of a `GatedVAE` without a search leaves open."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from keras import ops

from ald_keras._typing import JSON

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
    if vae.gated and not ops.convert_to_numpy(vae.constraint.satisfied):
        return (
            f"GatedVAE: training did not meet the bound of {vae.tau:g}: no gate has "
            f"closed. The squared error is {history['squared_error'][-1]:.4g}, the sum "
            f"over the {math.prod(vae.data_shape)} values of a sample, not their mean. "
            "Raise `tau` (`tau_for` finds one) or train for more epochs."
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
