"""Warnings that show the line of the user's program that led to them."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

# Packages between a user's line and a warning: `fit` passes through all of them.
_BETWEEN = ("ald_keras", "keras", "contextlib", "tensorflow", "jax", "torch")


def warn(text: str) -> None:
    """Give a `UserWarning` at the line outside this package and Keras.

    Args:
        text: The warning.
    """
    frame: FrameType | None = sys._getframe()
    level = 1
    while frame is not None and _is_between(frame):
        frame, level = frame.f_back, level + 1
    # Without a line outside, that of who calls this.
    warnings.warn(text, stacklevel=2 if frame is None else level)


def _is_between(frame: FrameType) -> bool:
    package, _, _ = str(frame.f_globals.get("__name__", "")).partition(".")
    return package in _BETWEEN
