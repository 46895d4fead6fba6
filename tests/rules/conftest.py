"""Scripted epochs for the rules' tests."""

import pytest

from ald_keras.rules import Observation


def _observe(state, epoch, metrics, *, kl=None, directions=None):
    kl = tuple(range(state.n_dims)) if kl is None else kl
    return Observation(epoch, metrics, state.active, kl, directions or {})


def _play(rule, curves, *, n_dims=64, seed=0, state=None, directions=None, kl=None):
    """Plays curves (name -> values) and returns the (state, decision) of each epoch."""
    state = rule.init(n_dims, seed) if state is None else state
    first = 0 if state.last_epoch is None else state.last_epoch + 1
    played = []
    for offset, values in enumerate(zip(*curves.values(), strict=True)):
        metrics = dict(zip(curves, values, strict=True))
        seen = _observe(state, first + offset, metrics, kl=kl, directions=directions)
        state, decision = rule.update(state, seen)
        played.append((state, decision))
    return played


@pytest.fixture(scope="session")
def observe():
    """Function that builds the observation a state expects."""
    return _observe


@pytest.fixture(scope="session")
def play():
    """Function that plays scripted curves through a rule."""
    return _play
