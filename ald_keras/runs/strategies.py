"""Which devices and machines a run trains on."""

from __future__ import annotations

from typing import Any

STRATEGIES = ("none", "mirrored", "multi_worker")


def open_strategy(name: str) -> Any:
    """The distribution strategy of a config, something with a `scope()`.

    Args:
        name: `"none"`, `"mirrored"` (all accelerators of this machine, or all its
            logical CPUs where it has none; with TensorFlow and JAX) or `"multi_worker"`
            (the processes that the environment variable `TF_CONFIG` names; with
            TensorFlow). The last one must come before anything else of TensorFlow.

    Raises:
        ValueError: If the name is unknown, the backend has no such strategy, or
            `TF_CONFIG` does not name the workers.
    """
    if name not in STRATEGIES:
        raise ValueError(f"`strategy` must be one of {STRATEGIES}. Received: {name!r}")
    # Loads the backend, which who reads a config can do without.
    from ald_keras.backends import open_strategy as open_in_backend

    return open_in_backend(name)
