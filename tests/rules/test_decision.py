import copy
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ald_keras.rules import Decision

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PRUNE = {
    "epoch": 4,
    "action": "prune",
    "indices": (1, 3),
    "active_dims": 6,
    "reason": "Removed 2 of 8 dimensions.",
    "code": "idle_removed",
    "details": {"sizes": (3, 4), "tolerance": 0.5},
}


@st.composite
def decisions(draw):
    action = draw(st.sampled_from(["wait", "prune", "stop"]))
    indices = st.sets(st.integers(0, 500), min_size=1, max_size=9)
    return Decision(
        epoch=draw(st.integers(0, 10**6)),
        action=action,
        indices=tuple(sorted(draw(indices))) if action == "prune" else (),
        active_dims=draw(st.integers(1, 500)),
        reason=draw(st.text(min_size=1)),
        details=draw(
            st.dictionaries(st.text(min_size=1), FLOATS | st.lists(FLOATS, max_size=3))
        ),
    )


@given(decision=decisions())
def test_json_round_trip_is_exact(decision):
    restored = Decision.from_dict(json.loads(json.dumps(decision.to_dict())))
    assert restored == decision
    assert repr(restored) == repr(decision)


def test_dict_holds_every_field():
    data = Decision(**PRUNE).to_dict()
    assert list(data) == [field.name for field in dataclasses.fields(Decision)]
    details = {**PRUNE["details"], "sizes": [3, 4]}
    assert data == {**PRUNE, "indices": [1, 3], "details": details}


def test_numpy_values_become_plain():
    decision = Decision(
        **{
            **PRUNE,
            "epoch": np.int64(4),
            "indices": np.array([1, 3]),
            "details": {"sizes": (np.int64(3), 4), "tolerance": np.float64(0.5)},
        }
    )
    assert decision == Decision(**PRUNE)
    json.dumps(decision.to_dict())


def test_is_frozen_down_to_its_details():
    decision = Decision(**PRUNE)
    assert copy.deepcopy(decision) is decision
    assert len({decision, Decision(**PRUNE)}) == 1
    with pytest.raises(TypeError):
        decision.details["tolerance"] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        decision.action = "wait"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epoch": -1}, ValueError, "`epoch`"),
        ({"action": "remove"}, ValueError, "`action`.*'remove'"),
        ({"action": ["prune"]}, ValueError, "`action`"),
        ({"action": "wait"}, ValueError, "`indices`"),
        ({"action": "sample"}, ValueError, "`indices`"),
        ({"indices": ()}, ValueError, "`indices`"),
        ({"indices": (3, 1)}, ValueError, "`indices`"),
        ({"active_dims": 0}, ValueError, "`active_dims`"),
        ({"details": {"a": float("nan")}}, ValueError, r"details\['a'\]"),
        ({"details": {"a": ["b"]}}, ValueError, r"details\['a'\]"),
        ({"details": 3}, TypeError, "`details`"),
        ({"reason": ""}, ValueError, "`reason`"),
        ({"reason": None}, ValueError, "`reason`"),
    ],
)
def test_bad_arguments(change, error, message):
    with pytest.raises(error, match=message):
        Decision(**{**PRUNE, **change})


def test_from_dict_wants_exactly_the_fields():
    data = Decision(**PRUNE).to_dict()
    with pytest.raises(ValueError, match=r"missing \['reason'\], unknown \['why'\]"):
        Decision.from_dict(
            {**{k: data[k] for k in data if k != "reason"}, "why": "because"}
        )
    with pytest.raises(TypeError, match="`data`"):
        Decision.from_dict([data])
