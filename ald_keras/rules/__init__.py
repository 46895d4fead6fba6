"""Pure decisions on the number of latent dimensions: NumPy, no Keras, no I/O.

A rule is asked once per recorded epoch: `(state, observation) -> (state,
decision)`. Nothing here touches a model; a callback observes and applies.
"""

from typing import Any

from ald_keras.rules.decision import Action, Decision
from ald_keras.rules.gates.rule import GateRule
from ald_keras.rules.gates.state import GateState
from ald_keras.rules.gates.steps import GateObservation
from ald_keras.rules.observation import (
    BASELINE_NLL,
    BUILT_IN_METRICS,
    OBJECTIVE,
    Direction,
    Observation,
)
from ald_keras.rules.paper.rule import DEFAULT_THRESHOLDS, ALDRule
from ald_keras.rules.paper.selection import SELECTIONS, select_dims
from ald_keras.rules.paper.slopes import fit_slope
from ald_keras.rules.paper.state import ALDState
from ald_keras.rules.paper.to_the_end import ALDToTheEndRule, ALDToTheEndState
from ald_keras.rules.rule import PruningRule, Rule, RuleState
from ald_keras.rules.size_curve.elastic import ElasticRule, ElasticState
from ald_keras.rules.size_curve.measurement import SizeMeasurement
from ald_keras.rules.size_curve.rule import SizeCurveRule
from ald_keras.rules.size_curve.sampled_sizes import SampledSizes, order_by_kl
from ald_keras.rules.size_curve.state import SizeCurveState

RULES: dict[str, Any] = {
    "ald": ALDRule,
    "ald_to_the_end": ALDToTheEndRule,
    "elastic": ElasticRule,
    "size_curve": SizeCurveRule,
}
"""Classes of the rules by the names that a config takes."""

__all__ = [
    "RULES",
    "ALDRule",
    "ALDState",
    "ALDToTheEndRule",
    "ALDToTheEndState",
    "Action",
    "BUILT_IN_METRICS",
    "DEFAULT_THRESHOLDS",
    "Decision",
    "Direction",
    "ElasticRule",
    "ElasticState",
    "GateObservation",
    "GateRule",
    "GateState",
    "BASELINE_NLL",
    "OBJECTIVE",
    "Observation",
    "PruningRule",
    "Rule",
    "RuleState",
    "SELECTIONS",
    "SampledSizes",
    "SizeCurveRule",
    "SizeCurveState",
    "SizeMeasurement",
    "fit_slope",
    "order_by_kl",
    "select_dims",
]
