"""Reports that a person can open: one HTML file that needs nothing beside it."""

import importlib
import sys
from collections.abc import Callable

# Files of a run's figures, as `python -m ald_keras.experiments.figures` writes them.
RUN_FIGURES = (
    "size_curve",
    "training",
    "comparison",
    "kl",
    "traversals",
    "codes",
    "reconstructions",
    "samples",
)

_PACKAGES = ("matplotlib", "jinja2")


def check_packages() -> None:
    """Check that what reports are made with is installed.

    Raises:
        ImportError: If it is not, naming the command that installs it.
    """
    for name in _PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f"A report needs the package {name}: pip install {' '.join(_PACKAGES)}"
            ) from error


def try_to_report(where: str, write: Callable[[], None]) -> None:
    """Write a report; one that fails costs a line on standard error, nothing else.

    Args:
        where: Text, what the report is on.
        write: Writes it.
    """
    try:
        check_packages()
        write()
    except Exception as error:  # whatever it is: what was computed must not be lost
        words = " ".join(str(error).split()) or type(error).__name__
        print(f"{where}: the report could not be written: {words}", file=sys.stderr)
