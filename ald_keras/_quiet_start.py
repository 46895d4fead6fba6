"""Loads Keras without what its backend prints meanwhile, for commands."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"

# What C++ prints while TensorFlow is loaded: on devices and instructions, below fatal.
_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|[IWE]\d{4} \d\d:\d\d:\d+"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] "
    rb"|To enable the following instructions: "
)


def load_backend() -> None:
    """Load Keras and its backend; TensorFlow says only what has failed.

    Who sets `TF_CPP_MIN_LOG_LEVEL` to less than 3 sees what it asks for.
    """
    if "keras" in sys.modules:
        return
    # TensorFlow prints some messages whatever the level is.
    if os.environ.get(_LEVEL, "3") != "3":
        importlib.import_module("keras")
        return
    os.environ[_LEVEL] = "3"
    with _without_chatter():
        _quiet_absl()
        importlib.import_module("keras")


def _quiet_absl() -> None:
    with contextlib.suppress(ImportError):
        logging = importlib.import_module("absl.logging")
        logging.set_verbosity(logging.ERROR)


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold back standard error, and pass on what is no chatter.

    C++ writes to the file itself, before its own levels count.
    """
    try:
        sys.stderr.flush()
        error = os.dup(2)
    except (AttributeError, OSError):  # there is none
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(error, 2)
            os.close(error)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(2, line)
