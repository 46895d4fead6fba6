"""The backend that runs computes and decides what TensorFlow did."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from ald_keras.callbacks.epoch_meter import EpochMeter

_spec = importlib.util.spec_from_file_location(
    "reference", pathlib.Path(__file__).with_name("reference.py")
)
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)


@pytest.mark.parametrize("case", reference.CASES)
def test_losses_and_gradients_are_those_recorded(case):
    found = reference.measured(case)
    with np.load(reference.REFERENCE) as recorded:
        names = [name for name in recorded.files if name.startswith(f"{case}/")]
        assert sorted(found) == sorted(names)
        for name in names:
            wanted = recorded[name]
            largest = float(np.abs(wanted).max())
            np.testing.assert_allclose(
                found[name], wanted, rtol=1e-5, atol=1e-5 * largest, err_msg=name
            )
        gradients = [recorded[name] for name in names if "gradient" in name]
    assert sum(bool(gradient.any()) for gradient in gradients) > 5


def test_the_same_figures_lead_to_the_same_masks(monkeypatch):
    monkeypatch.setattr(EpochMeter, "measure", reference.scripted)
    recorded = json.loads(reference.DECISIONS.read_text(encoding="utf-8"))
    found = json.loads(json.dumps(reference.decided()))
    assert found == recorded
    actions = {decision["action"] for decision in found[0]["decisions"]}
    assert "prune" in actions
