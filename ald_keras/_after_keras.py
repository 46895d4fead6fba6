"""Registers this package's classes with Keras, as soon as Keras is there.

Keras reads a model's file by the classes that are registered, so who has written
`import ald_keras` may expect `keras.saving.load_model` to know them. The package itself
does not load Keras, which takes seconds: it loads what it registers once somebody has
loaded Keras.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any


def load_after_keras(modules: Iterable[str]) -> None:
    """Load modules once Keras is loaded: at once where it is already.

    Args:
        modules: Their full names.
    """
    if "keras" in sys.modules:
        for module in modules:
            importlib.import_module(module)
    else:
        sys.meta_path.insert(0, _Watch(tuple(modules)))


class _Watch(importlib.abc.MetaPathFinder):
    """Leaves finding to the others, and sees when the outermost import has ended.

    Modules of this package that are half loaded cannot be imported by others. So it
    acts when Keras has been loaded and nothing of this package is being loaded.
    """

    def __init__(self, modules: tuple[str, ...]):
        self._modules = modules
        self._depth = 0

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "keras" and not fullname.startswith("ald_keras."):
            return None
        for finder in [other for other in sys.meta_path if other is not self]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                self._follow(spec.loader)
                return spec
        return None

    def _follow(self, loader: Any) -> None:
        """Count a module as being loaded while its loader executes it."""
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            self._depth += 1
            try:
                execute(module)
            finally:
                self._depth -= 1
            if self._depth == 0 and "keras" in sys.modules:
                self._load()

        loader.exec_module = exec_module

    def _load(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            for module in self._modules:
                importlib.import_module(module)


def name_missing_backend(error: ImportError) -> ImportError:
    """The error that says how to install a backend, where it is what Keras lacks."""
    if error.name not in ("tensorflow", "jax", "torch"):
        return error
    return ImportError(
        f"Keras is to run on {error.name}, which is not installed. Install a backend: "
        "pip install 'ald_keras[tensorflow]', or 'ald_keras[jax]' or "
        "'ald_keras[torch]' and set KERAS_BACKEND=jax or torch"
    )
