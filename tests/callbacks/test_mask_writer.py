"""Dimensions that a rule removes and opens again."""

import dataclasses

import keras
import numpy as np
from builders import digits, small_vae

from ald_keras import ALDCallback
from ald_keras.rules import Decision

X = digits(150)
REMOVED = (1, 4)


@dataclasses.dataclass(frozen=True)
class ScriptState:
    active: tuple
    fixed_epoch: int | None = None
    step: int = 1
    at_floor: bool = False

    def to_dict(self):
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Script:
    """A rule that makes a given decision at each epoch."""

    actions: dict
    metrics: tuple = ()

    def init(self, n_dims, seed):
        return ScriptState(tuple(range(n_dims)))

    def restart(self, state, active):
        return ScriptState(tuple(active))

    def state_from_dict(self, data):
        return ScriptState(**data)

    def update(self, state, observation):
        action = self.actions.get(observation.epoch, "wait")
        active = set(state.active)
        if action == "prune":
            active -= {*REMOVED}
        elif action == "open":
            active |= {*REMOVED}
        after = ScriptState(tuple(sorted(active)))
        indices = () if action == "wait" else REMOVED
        decision = Decision(
            observation.epoch, action, indices, len(active), "As scripted."
        )
        return after, decision


class Record(keras.callbacks.Callback):
    """Weights, slots and mask when an epoch begins."""

    def __init__(self):
        super().__init__()
        self.weights, self.slots, self.masks = {}, {}, {}

    def on_epoch_begin(self, epoch, logs=None):
        weights = [*self.model.encoder.weights, *self.model.decoder.weights]
        self.weights[epoch] = [np.array(w) for w in weights]
        self.slots[epoch] = [np.array(v) for v in self.model.optimizer.variables]
        self.masks[epoch] = self.model.latent_mask.active_indices.tolist()


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_what_is_opened_keeps_the_weights_there_are():
    vae = small_vae(8)
    vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    before, after = Record(), Record()
    script = Script({1: "prune", 3: "open"})
    pruning = ALDCallback(script, n_clusters=3, features=None)
    vae.fit(
        X[:100],
        epochs=5,
        validation_data=X[100:],
        callbacks=[before, pruning, after],
        verbose=0,
    )
    # Removed when epoch 2 begins, opened when epoch 4 does.
    assert after.masks[1] == before.masks[2] == [*range(8)]
    assert after.masks[2] == after.masks[3] == [0, 2, 3, 5, 6, 7]
    assert after.masks[4] == [*range(8)]
    assert equal(before.weights[4], after.weights[4])
    assert equal(before.slots[4], after.slots[4])
    assert not equal(after.weights[2], after.weights[4])
    assert [d.action for d in pruning.decisions] == ["prune", "open"]
