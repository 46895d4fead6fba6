"""Part of this process in a search that is spread over machines.

It is decided by keras-tuner's own environment variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

ALONE, CHIEF, WORKER = "alone", "chief", "worker"

VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


def find_role(environment: Mapping[str, str] = os.environ) -> str:
    """`ALONE`, `CHIEF` or `WORKER`.

    Args:
        environment: Environment variables. Defaults to those of the process.

    Raises:
        ValueError: If some of keras-tuner's variables are set and others are not.
    """
    given = [name for name in VARIABLES if environment.get(name)]
    # keras-tuner takes an id alone for a name without a meaning.
    if given in ([], [VARIABLES[0]]):
        return ALONE
    missing = [name for name in VARIABLES if name not in given]
    if missing:
        raise ValueError(
            f"The environment variable {missing[0]} must be set where {given[-1]} is."
        )
    return CHIEF if "chief" in environment[VARIABLES[0]] else WORKER


def worker_name(environment: Mapping[str, str] = os.environ) -> str | None:
    """What keras-tuner calls this worker, or `None` if it is none.

    Args:
        environment: Environment variables. Defaults to those of the process.

    Raises:
        ValueError: As `find_role` does.
    """
    return environment[VARIABLES[0]] if find_role(environment) == WORKER else None
