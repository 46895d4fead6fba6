"""How much worse a loss may become."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ald_keras._validation import check_real
from ald_keras.rules.frozen import Immutable

# The loss that a smaller latent space may cost, as a share of the gain.
TOLERANCE = 0.005
DEFAULT_TOLERANCE = f"{TOLERANCE:.1%}"

_PERCENT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*")


@dataclass(frozen=True)
class Tolerance(Immutable):
    """An increase in nats per sample, or a share of what the latent space gains.

    Args:
        nats: Float >= 0, or `None`.
        share: Float >= 0 of the gain, or `None`.
    """

    nats: float | None
    share: float | None

    def of(self, loss: float, baseline_nll: float | None) -> float:
        """The increase allowed at this loss, in nats per sample.

        Args:
            loss: Float, nats per sample.
            baseline_nll: NLL of the best output that is the same for all samples, nats
                per sample; only a share needs it.

        Raises:
            ValueError: If it is missing.
        """
        if self.nats is not None:
            return self.nats
        if baseline_nll is None:
            raise ValueError(
                "`baseline_nll` must be a number where the tolerance is a share of the "
                "gain. Received: None."
            )
        return (self.share or 0.0) * max(0.0, baseline_nll - loss)


def parse_tolerance(name: str, value: object, may_be_zero: bool = False) -> Tolerance:
    """Reads `0.5` as nats per sample and `"0.5%"` as a share.

    Args:
        name: Argument's name for the message.
        value: What was received.
        may_be_zero: Boolean, whether 0 is allowed. Defaults to `False`: every removal
            costs something.

    Raises:
        ValueError: If it is neither, or out of range.

    Example:
    >>> parse_tolerance("tolerance", "1%").of(105.0, baseline_nll=205.0)
    1.0
    """
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value)
        if found is None:
            raise ValueError(
                f"`{name}` must be a number of nats or a percentage such as '0.5%'. "
                f"Received: {name}={value!r}"
            )
        amount = float(found.group(1)) / 100.0
        tolerance = Tolerance(None, amount)
    else:
        amount = check_real(name, value)
        tolerance = Tolerance(amount, None)
    if not 0.0 <= amount < math.inf or (amount == 0.0 and not may_be_zero):
        least = "at least" if may_be_zero else "above"
        raise ValueError(
            f"`{name}` must be {least} 0 and finite. Received: {name}={value!r}"
        )
    return tolerance


def format_nats(value: float, tolerance: float) -> str:
    """A loss above another, with as many digits as show the tolerance.

    Args:
        value: Float, nats per sample; what is below 0 is no increase.
        tolerance: Float >= 0, nats per sample; 0 where it is not known.

    Example:
    >>> format_nats(0.2412, tolerance=0.0141), format_nats(-0.0015, tolerance=0.0141)
    ('0.241', '0.000')
    """
    digits = 3
    if tolerance > 0.0:
        digits = min(max(1 - math.floor(math.log10(tolerance)), 0), 9)
    return f"{max(value, 0.0):.{digits}f}"
