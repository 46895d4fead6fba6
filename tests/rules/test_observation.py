import copy
import dataclasses
import math

import numpy as np
import pytest

from ald_keras.rules import BUILT_IN_METRICS, Observation

GOOD = {
    "epoch": 4,
    "metrics": {"silhouette": 0.1, "purity": 0.9},
    "active": (0, 2),
    "kl": (1.5, 0.0, 0.25),
    "directions": {"purity": "max"},
}


def test_numpy_scalars_become_plain():
    observation = Observation(
        epoch=np.int64(4),
        metrics={"silhouette": np.float32(0.5)},
        active=np.flatnonzero([1, 0, 1]),
        kl=np.array([1.5, 0.0, 0.25], "float32"),
    )
    assert observation == Observation(4, {"silhouette": 0.5}, (0, 2), (1.5, 0.0, 0.25))
    assert type(observation.epoch) is int
    assert {type(value) for value in observation.kl} == {float}
    assert {type(value) for value in observation.metrics.values()} == {float}
    assert observation.directions == {}


def test_is_frozen_down_to_its_mappings():
    source = dict(GOOD["metrics"])
    observation = Observation(**{**GOOD, "metrics": source})
    source["silhouette"] = 9.0
    assert observation.metrics["silhouette"] == 0.1
    assert copy.deepcopy(observation) is observation
    assert len({observation, Observation(**GOOD)}) == 1
    with pytest.raises(TypeError):
        observation.metrics["silhouette"] = 1.0
    with pytest.raises(TypeError):
        observation.directions["purity"] = "min"
    with pytest.raises(dataclasses.FrozenInstanceError):
        observation.epoch = 5


def test_metric_gives_the_value():
    assert Observation(**GOOD).metric("purity") == 0.9


def test_missing_metric_names_itself_and_what_is_there():
    with pytest.raises(ValueError, match="'reconstruction'.*epoch 4") as error:
        Observation(**GOOD).metric("reconstruction")
    assert "['purity', 'silhouette']" in str(error.value)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_non_finite_values_are_refused_when_used(bad):
    observation = Observation(
        **{**GOOD, "metrics": {"silhouette": bad, "purity": 1.0}, "kl": (1.0, 0.0, bad)}
    )
    assert observation.metric("purity") == 1.0
    with pytest.raises(ValueError, match="silhouette=-?(nan|inf) at epoch 4"):
        observation.metric("silhouette")
    with pytest.raises(ValueError, match="kl=-?(nan|inf) in dimension 2 at epoch 4"):
        observation.check_kl()


def test_finite_kl_passes():
    Observation(**GOOD).check_kl()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epoch": -1}, ValueError, "`epoch`"),
        ({"epoch": 1.0}, ValueError, "`epoch`"),
        ({"epoch": True}, ValueError, "`epoch`"),
        ({"metrics": [0.1]}, TypeError, "`metrics`"),
        ({"metrics": {"silhouette": "0.1"}}, ValueError, "`silhouette`"),
        ({"metrics": {"": 0.1}}, ValueError, "non-empty strings"),
        ({"active": ()}, ValueError, "`active`"),
        ({"active": (2, 0)}, ValueError, "`active`"),
        ({"active": (0, 3)}, ValueError, "`active`"),
        ({"kl": (1.0, None, 0.0)}, ValueError, "`kl`"),
        ({"progress": 0.0}, ValueError, "`progress` must be"),
        ({"progress": float("nan")}, ValueError, "`progress`"),
        ({"directions": "max"}, TypeError, "`directions`"),
        ({"directions": {"purity": "up"}}, ValueError, "purity='up'"),
        ({"directions": {"silhouette": "max"}}, ValueError, "'silhouette'"),
    ],
)
def test_bad_arguments(change, error, message):
    with pytest.raises(error, match=message):
        Observation(**{**GOOD, **change})


def test_built_in_metrics_are_the_four_of_the_paper():
    assert BUILT_IN_METRICS == (
        "silhouette",
        "reconstruction",
        "frechet_reconstruction",
        "frechet_generation",
    )
