"""Training that has diverged is an error, in the epoch in which it does."""

from __future__ import annotations

import math


def check_finite(epoch: int, name: str, value: float) -> None:
    """Raise a `ValueError` if a metric of an epoch, counted from 0, is not finite."""
    if not math.isfinite(value):
        raise ValueError(
            f"Epoch {epoch + 1}: the metric '{name}' must be finite. Received: "
            f"{value}. Training has diverged: lower the learning rate, or scale the "
            "data (divide counts by their mean or take log1p; standardise columns)."
        )
