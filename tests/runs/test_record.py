import json

import pytest

from ald_keras.runs.record import (
    NEEDED,
    RunRecord,
    check_needed,
    load_record,
    read_record,
)

GATED = {
    "tau": 8.0,
    "tolerance": 0.02,
    "error": 7,
    "feasible": True,
    "undecided_gates": 0,
}
OPEN = {"tau": 8.0, "max_multiplier": 1e4, "lowest_error": 7.5}


def test_a_run_writes_what_the_record_defines(recorded_run):
    record = load_record(recorded_run / "run.json")
    assert set(record) <= set(RunRecord.__annotations__)
    check_needed(recorded_run / "run.json", record, NEEDED)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"argv": ["--seed", "3"]},
        {"seconds": None, "fixed_epoch": 3, "status": "fixed", "outcome": None},
        {"bound": GATED},
        {"bound": OPEN},
        {"bound": {**OPEN, "last_error": 7.6}},
        {"rule_stop": None},
        {"test": {"elbo": -100.0, "active_units": 3, "silhouette": float("nan")}},
    ],
)
def test_records_that_are_read(tmp_path, record):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(record))
    assert str(load_record(path)) == str(record)


@pytest.mark.parametrize(
    ("record", "match"),
    [
        ([], "must hold a mapping"),
        ({"versions": 3}, "`versions` must be a mapping to text"),
        ({"seed": True}, "`seed` must be a whole number"),
        ({"epochs": -1}, "`epochs` must be a whole number"),
        ({"epochs": 2**63}, "`epochs` must be a whole number"),
        ({"seconds": "3"}, "`seconds` must be a number or null"),
        ({"seconds": float("inf")}, "`seconds` must be finite"),
        ({"status": "ended"}, "`status` must be one of .*'fixed'"),
        ({"elastic": 1}, "`elastic` must be true or false"),
        ({"rule_stop": {"epoch": 3}}, "`rule_stop` must be a mapping with"),
        ({"bound": {"tau": 8.0}}, "`bound` must be a mapping with"),
        ({"bound": {**GATED, "feasible": 1}}, "`bound` must be a mapping with"),
        ({"bound": {**OPEN, "lowest_error": None}}, "`bound` must be a mapping with"),
        ({"bound": {**OPEN, "last_error": None}}, "`bound` must be a mapping with"),
        ({"resumed_after_epochs": [0.5]}, "must be a list of a whole number"),
        ({"test": {"elbo": "-100"}}, "`test` must be a mapping to a number"),
    ],
)
def test_damaged_records(tmp_path, record, match):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=match) as error:
        load_record(path)
    assert str(error.value).startswith(str(path))


def test_a_run_without_its_record_or_config_is_not_whole(tmp_path):
    assert read_record(tmp_path) is None
    (tmp_path / "run.json").write_text('{"active_dims": 3}')
    assert read_record(tmp_path) is None
    (tmp_path / "config.yaml").touch()
    assert read_record(tmp_path) == {"active_dims": 3}
