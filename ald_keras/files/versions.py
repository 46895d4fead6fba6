"""Versions of the packages that decide a run's metrics."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform

from ald_keras import __version__


def versions() -> dict[str, str]:
    """Versions of the library, of Python and of the packages that decide metrics.

    Of the backends of Keras the one that runs is among them.
    """
    # Loaded where a run writes its record; commands that only read do without.
    import keras

    packages = ("keras", "numpy", "scipy", "scikit-learn")
    found = {name: importlib.metadata.version(name) for name in packages}
    backend = keras.backend.backend()
    # Of several packages of that name, such as `tensorflow-cpu`, the one that runs.
    found[backend] = importlib.import_module(backend).__version__
    return {"ald_keras": __version__, "python": platform.python_version(), **found}
