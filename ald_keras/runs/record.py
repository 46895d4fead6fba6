"""The record of a run, `run.json`: what it holds, and whether a file holds that."""

from __future__ import annotations

import math
import pathlib
import reprlib
import types
from collections.abc import Iterable, Mapping
from typing import (
    Any,
    Literal,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from ald_keras._typing import JSON
from ald_keras.files.text_files import read_json
from ald_keras.rules.outcome import Status

RECORD = "run.json"
CONFIG = "config.yaml"

# What a report cannot do without.
NEEDED = ("versions", "seed", "epochs", "start_dims", "active_dims")

# Counts are read by programs that hold them in 64 bits.
_COUNTS = range(2**63)


class RuleStop(TypedDict):
    """Where the paper's rule would have stopped, of a run that continued."""

    epoch: int
    active_dims: int


class _OpenBound(TypedDict):
    tau: float
    max_multiplier: float
    lowest_error: float


class OpenBound(_OpenBound, total=False):
    """The bound on the error of a model whose gates all stay open."""

    last_error: float


class _GatedBound(TypedDict):
    tau: float
    tolerance: float
    error: float
    feasible: bool
    undecided_gates: int


class GatedBound(_GatedBound, total=False):
    """The bound on the error under which gates were searched."""

    cause: str | None


class _ColumnRecord(TypedDict):
    name: str


class ColumnRecord(_ColumnRecord, total=False):
    """A column of the data; with mean and standard deviation if it is standardised."""

    mean: float
    std: float


class ConditionRecord(TypedDict):
    """What a model reads beside the data."""

    shape: list[int]
    dtype: str


class RunRecord(TypedDict, total=False):
    """What `run.json` holds; an experiment may add keys of its own.

    Losses are in nats per sample; epochs are counted from 0.
    """

    versions: dict[str, str]
    seed: int
    seconds: float | None
    resumed_after_epochs: list[int]
    epochs: int
    steps: int
    start_dims: int
    active_dims: int
    validation_loss: float | None
    fixed_epoch: int | None
    fixed_step: int | None
    status: Status | None
    outcome: str | None
    elastic: bool
    rule_stop: RuleStop | None
    bound: OpenBound | GatedBound | None
    parameters: int
    parameters_compact: int
    samples: dict[str, int]
    columns: list[ColumnRecord]
    conditions: dict[str, ConditionRecord]
    baseline_nll: float | None
    features: str | None
    test: dict[str, float]
    test_compact: dict[str, float]


def read_record(folder: pathlib.Path) -> JSON | None:
    """The record of a whole run, `None` if the run is not whole.

    Raises:
        ValueError: If the file is damaged: a run that is killed leaves none.
    """
    path = folder / RECORD
    if not path.is_file() or not (folder / CONFIG).is_file():
        return None
    return load_record(path)


def load_record(path: pathlib.Path) -> JSON:
    """What a `run.json` holds.

    Raises:
        ValueError: If it is damaged, naming it.
    """
    record = read_json(path)
    if not isinstance(record, dict):
        raise ValueError(f"{path} must hold a mapping. Received: {record!r:.100}")
    for name, kind in get_type_hints(RunRecord).items():
        if name in record and not _fits(record[name], kind):
            raise ValueError(
                f"{path}: `{name}` must be {_words(kind)}. "
                f"Received: {reprlib.repr(record[name])}"
            )
    if not math.isfinite(record.get("seconds") or 0.0):
        raise ValueError(
            f"{path}: `seconds` must be finite. Received: {record['seconds']}"
        )
    return record


def check_needed(
    path: pathlib.Path, record: Mapping[str, object], needed: Iterable[str]
) -> None:
    """Raise a `ValueError` unless a record holds what its reader needs.

    Args:
        path: The file, for the message.
        record: What `load_record` gave.
        needed: Keys that must be there.
    """
    missing = [name for name in needed if name not in record]
    if missing:
        raise ValueError(f"{path} must hold {missing} too.")


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value of JSON is of a type."""
    parts = get_args(kind)
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        return (
            isinstance(value, dict)
            and kind.__required_keys__ <= value.keys()
            and all(_fits(value[name], hints[name]) for name in hints if name in value)
        )
    if get_origin(kind) in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if get_origin(kind) is Literal:
        return value in parts
    if get_origin(kind) is dict:
        is_dict = isinstance(value, dict)
        return is_dict and all(_fits(each, parts[1]) for each in value.values())
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_fits(each, parts[0]) for each in value)
    if isinstance(value, bool):
        return kind is bool
    if kind is int:
        return isinstance(value, int) and value in _COUNTS
    return isinstance(value, (int, float) if kind is float else kind)


_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def _words(kind: Any) -> str:
    parts = get_args(kind)
    if is_typeddict(kind):
        return f"a mapping with {sorted(kind.__required_keys__)}"
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(map(_words, parts))
    if get_origin(kind) is Literal:
        return f"one of {list(parts)}"
    if get_origin(kind) in (dict, list):
        whole = "a mapping to" if get_origin(kind) is dict else "a list of"
        return f"{whole} {_words(parts[-1])}"
    return _WORDS[kind]
