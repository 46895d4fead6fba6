import copy
import json
import pickle

import pytest

from ald_keras.rules import ALDRule
from ald_keras.rules.frozen import FrozenMapping


def test_reads_like_the_dict_it_was_made_from():
    source = {"a": 1.0, "b": None}
    frozen = FrozenMapping(source)
    assert frozen == source
    assert list(frozen) == ["a", "b"]
    assert {**frozen} == source
    assert len(frozen) == 2
    assert repr(frozen) == repr(source)


def test_later_changes_of_the_source_do_not_reach_it():
    source = {"a": 1.0}
    frozen = FrozenMapping(source)
    source["a"] = 2.0
    assert frozen["a"] == 1.0


def test_cannot_be_written():
    frozen = FrozenMapping({"a": 1.0})
    with pytest.raises(TypeError):
        frozen["a"] = 2.0
    with pytest.raises(TypeError):
        del frozen["a"]


def test_hash_ignores_the_order():
    left = FrozenMapping({"a": 1.0, "b": 2.0})
    right = FrozenMapping({"b": 2.0, "a": 1.0})
    assert left == right
    assert hash(left) == hash(right)


def test_deep_copy_is_a_plain_dict_that_json_takes():
    frozen = FrozenMapping({"a": 1.0})
    copied = copy.deepcopy(frozen)
    assert type(copied) is dict
    assert json.loads(json.dumps(copied)) == frozen
    copied["a"] = 2.0
    assert frozen["a"] == 1.0


def test_survives_pickle():
    frozen = FrozenMapping({"a": 1.0})
    assert pickle.loads(pickle.dumps(frozen)) == frozen


def test_owner_stays_frozen_when_copied():
    rule = ALDRule(thresholds={"silhouette": 0.5})
    for copied in (copy.copy(rule), copy.deepcopy(rule), copy.deepcopy([rule])[0]):
        assert copied == rule
        assert hash(copied) == hash(rule)
        with pytest.raises(TypeError):
            copied.thresholds["silhouette"] = 1.0
