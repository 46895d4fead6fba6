"""What an unknown word may have been meant for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A sentence with the nearest known word, led by a space, or nothing."""
    nearest = difflib.get_close_matches(str(word), list(known), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
