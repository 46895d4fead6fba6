"""When to warn, while training goes on, that a bound is not met."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ald_keras.rules.gates.state import GateState

if TYPE_CHECKING:
    from ald_keras.rules.gates.rule import GateRule

# Share of all epochs without the bound being met after which this is said, again and
# again; epochs that this takes at least, and where it is not known how many there are.
UNMET_SHARE, UNMET_MINIMUM, UNMET = 0.5, 10, 50


def is_long_unmet(rule: GateRule, state: GateState) -> bool:
    """Whether it is time to say that the bound is not met."""
    every = UNMET
    if rule.epochs is not None:
        every = max(UNMET_MINIMUM, math.ceil(UNMET_SHARE * rule.epochs))
        if len(state.unmet) >= rule.epochs:
            # The run ends, and says so itself.
            return False
    return len(state.unmet) > 0 and len(state.unmet) % every == 0


def unmet_reason(rule: GateRule, state: GateState) -> str:
    """That the bound was not met, in words."""
    return (
        f"The bound of {rule.tau:g} was not met in {len(state.unmet)} epochs measured "
        f"one after another; the lowest error was {min(state.unmet):.4g}."
    )
