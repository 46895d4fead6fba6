"""The rule as a value, and everything it refuses."""

import copy
import json
import pickle
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import yaml

from ald_keras.rules import (
    BUILT_IN_METRICS,
    DEFAULT_THRESHOLDS,
    ALDRule,
    ALDState,
    Observation,
    Rule,
)

OTHER = {
    "initial_step": 7,
    "final_step": 2,
    "patience": 3,
    "slope_window": 12,
    "slowdown_window": 4,
    "min_dims": 1,
    "selection": "kl",
    "thresholds": {"reconstruction": 0.5, "purity": -0.25},
}
METRICS = {**dict.fromkeys(BUILT_IN_METRICS, 0.5), "purity": 0.9}


def seen(**changes):
    arguments = {
        "epoch": 0,
        "metrics": METRICS,
        "active": range(8),
        "kl": (1.0,) * 8,
        "directions": {"purity": "max"},
    }
    return Observation(**{**arguments, **changes})


def test_defaults_are_the_papers():
    assert asdict(ALDRule()) == {
        "initial_step": 5,
        "final_step": 1,
        "patience": 5,
        "slope_window": 20,
        "slowdown_window": 10,
        "min_dims": 2,
        "selection": "random",
        "thresholds": {
            "silhouette": 0.0,
            "reconstruction": 0.0,
            "frechet_reconstruction": 0.0,
            "frechet_generation": 0.0,
        },
    }
    assert set(OTHER) == {field.name for field in fields(ALDRule)}
    assert ALDRule().thresholds == DEFAULT_THRESHOLDS


@pytest.mark.parametrize("rule", [ALDRule(), ALDRule(**OTHER)], ids=["default", "set"])
def test_round_trips(rule):
    plain = asdict(rule)
    assert type(plain["thresholds"]) is dict
    assert ALDRule(**plain) == rule
    assert ALDRule(**json.loads(json.dumps(plain))) == rule
    assert ALDRule(**yaml.safe_load(yaml.safe_dump(plain))) == rule
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert copy.deepcopy(rule) == rule
    assert hash(ALDRule(**plain)) == hash(rule)


def test_asdict_keeps_what_was_given():
    assert asdict(ALDRule(**OTHER)) == OTHER


@pytest.mark.parametrize("name", list(OTHER))
def test_every_field_tells_rules_apart(name):
    changed = {**asdict(ALDRule()), name: OTHER[name]}
    assert ALDRule(**changed) != ALDRule()


def test_thresholds_cannot_be_changed_afterwards():
    source = {"reconstruction": 0.5}
    rule = ALDRule(thresholds=source)
    source["reconstruction"] = 9.0
    assert rule.thresholds == {"reconstruction": 0.5}
    with pytest.raises(TypeError):
        rule.thresholds["reconstruction"] = 9.0
    asdict(rule)["thresholds"]["reconstruction"] = 9.0
    assert rule == ALDRule(thresholds={"reconstruction": 0.5})


def test_replace_keeps_the_other_fields():
    rule = replace(ALDRule(**OTHER), patience=9)
    assert asdict(rule) == {**OTHER, "patience": 9}


def test_numpy_numbers_become_plain():
    rule = ALDRule(patience=np.int64(3), thresholds={"silhouette": np.float32(0.5)})
    assert json.loads(json.dumps(asdict(rule))) == asdict(rule)
    assert ALDRule(thresholds={"silhouette": 0}).thresholds["silhouette"] == 0.0


def test_is_a_rule():
    assert isinstance(ALDRule(), Rule)
    assert not isinstance(object(), Rule)


def test_metrics_name_what_has_to_be_observed():
    assert ALDRule().metrics == BUILT_IN_METRICS
    assert ALDRule(**OTHER).metrics == ("silhouette", "reconstruction", "purity")


BAD_NUMBERS = [0, -1, 2.0, True, "5", None, float("nan")]


@pytest.mark.parametrize("name", ["initial_step", "final_step", "patience", "min_dims"])
@pytest.mark.parametrize("value", BAD_NUMBERS)
def test_counts_are_positive_integers(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive") as error:
        ALDRule(**{name: value})
    assert str(error.value).endswith(f"Received: {name}={value!r}")


@pytest.mark.parametrize("name", ["slope_window", "slowdown_window"])
@pytest.mark.parametrize("value", [1, *BAD_NUMBERS])
def test_windows_are_integers_of_at_least_two(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 2"):
        ALDRule(**{name: value})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"initial_step": 2, "final_step": 3}, ValueError, "final_step=3.*=2"),
        ({"selection": "first"}, ValueError, "`selection`.*'random'.*'first'"),
        ({"selection": None}, ValueError, "`selection`"),
        ({"selection": ["kl"]}, ValueError, "`selection`"),
        ({"thresholds": {}}, ValueError, "`thresholds` must name at least one"),
        ({"thresholds": {"baseline_nll": 0}}, ValueError, "none that never changes"),
        ({"thresholds": None}, TypeError, "`thresholds` must be a mapping"),
        ({"thresholds": ["silhouette"]}, TypeError, "`thresholds`"),
        ({"thresholds": {1: 0.0}}, ValueError, "`thresholds`"),
        ({"thresholds": {"silhouette": float("nan")}}, ValueError, "silhouette.*nan"),
        ({"thresholds": {"silhouette": float("inf")}}, ValueError, "silhouette.*inf"),
        ({"thresholds": {"silhouette": True}}, ValueError, "silhouette.*True"),
        ({"thresholds": {"silhouette": "0"}}, ValueError, "silhouette.*'0'"),
        ({"thresholds": {"silhouette": None}}, ValueError, "silhouette.*None"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        ALDRule(**arguments)


@pytest.mark.parametrize(
    ("n_dims", "seed", "message"),
    [
        (0, 0, "`n_dims`"),
        (8.0, 0, "`n_dims`"),
        (True, 0, "`n_dims`"),
        (8, -1, "`seed`"),
        (8, None, "`seed`"),
        (8, 0.5, "`seed`"),
    ],
)
def test_bad_start(n_dims, seed, message):
    with pytest.raises(ValueError, match=message):
        ALDRule().init(n_dims, seed)


@pytest.mark.parametrize("fixed_epoch", [None, 3], ids=["open", "fixed"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": {**METRICS, "silhouette": float("nan")}}, "silhouette=nan.*4"),
        ({"metrics": {**METRICS, "purity": float("inf")}}, "purity=inf at epoch 4"),
        ({"metrics": {"purity": 1, "reconstruction": 1}}, "'silhouette'.*epoch 4"),
        ({"metrics": {"purity": 1, "silhouette": 1}}, "'reconstruction'.*epoch 4"),
        ({"kl": (1.0,) * 7 + (float("inf"),)}, "kl=inf in dimension 7 at epoch 4"),
        ({"kl": (1.0,) * 9}, "`kl`.*9 values at epoch 4"),
        ({"active": range(7)}, "`active`.*restart.*epoch 4"),
        ({"epoch": 3}, "`epoch`.*epoch=3"),
        ({"directions": {}}, "`directions`.*'purity'.*epoch 4"),
    ],
)
def test_bad_observations(changes, message, fixed_epoch):
    rule = ALDRule(**OTHER)
    state = replace(rule.init(8, 0), last_epoch=3, fixed_epoch=fixed_epoch)
    assert rule.update(state, seen(epoch=4))[1].action == "wait"
    with pytest.raises(ValueError, match=message):
        rule.update(state, seen(**{"epoch": 4, **changes}))


def test_wrong_types():
    rule = ALDRule()
    with pytest.raises(TypeError, match="`state` must be an ALDState"):
        rule.update(rule.init(8, 0).to_dict(), seen())
    with pytest.raises(TypeError, match="`observation` must be an Observation"):
        rule.update(rule.init(8, 0), {"epoch": 0})


@pytest.mark.parametrize(
    "other", [ALDRule(**OTHER), ALDRule(initial_step=4), ALDRule(thresholds={"a": 0.0})]
)
def test_state_of_another_rule_is_refused(other):
    state = other.init(8, 0)
    with pytest.raises(ValueError, match="`state` must come from a rule"):
        ALDRule().update(state, seen())
    with pytest.raises(ValueError, match="`state` must come from a rule"):
        ALDRule().state_from_dict(state.to_dict())


def test_state_is_rebuilt_by_its_rule():
    rule = ALDRule(**OTHER)
    state, _ = rule.update(rule.init(8, 5), seen())
    restored = rule.state_from_dict(json.loads(json.dumps(state.to_dict())))
    assert isinstance(restored, ALDState)
    assert restored == state
