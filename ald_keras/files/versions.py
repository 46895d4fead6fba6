"""Versions of the packages that decide a run's metrics."""

from __future__ import annotations

import importlib.metadata
import platform

from ald_keras import __version__


def versions() -> dict[str, str]:
    """Versions of the library, of Python and of the packages that decide metrics."""
    packages = ("keras", "tensorflow", "numpy", "scipy", "scikit-learn")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"ald_keras": __version__, "python": platform.python_version(), **found}
