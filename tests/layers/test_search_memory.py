"""What callbacks note in a model comes back from every file it is saved to."""

import json

import h5py
import keras
import numpy as np
import pytest

from ald_keras import MaskedVAE
from ald_keras.architectures import build_architecture
from ald_keras.layers import SearchMemory

DATA = {"losses": [0.1, 1 / 3, float("nan")], "name": "größer", "none": None}
ARRAYS = [
    np.array([[1.5, np.nan]], np.float32),
    np.array(3, np.int64),
    np.zeros((0, 2)),
    np.array([1.0], np.float16),
]


@pytest.fixture
def vae():
    return small_vae()


def small_vae():
    encoder, decoder = build_architecture("mlp", (4,), 2, seed=0, hidden=[3])
    model = MaskedVAE(encoder, decoder, 2, seed=0)
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    return model


def write(model):
    model.memory.write(7, "one", DATA, ARRAYS)
    model.memory.write(8, "two", [1, 2], ARRAYS[:1])


def assert_same(memory):
    assert memory.is_loaded
    assert memory.epoch == 8
    one, two = memory.read("one"), memory.read("two")
    assert json.dumps(one.data) == json.dumps(DATA)
    assert two.data == [1, 2]
    for found, wanted in zip(
        (*one.arrays, *two.arrays), ARRAYS + ARRAYS[:1], strict=True
    ):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


def test_a_saved_model_brings_it_back(vae, tmp_path):
    write(vae)
    vae.save(tmp_path / "model.keras")
    assert_same(keras.saving.load_model(tmp_path / "model.keras").memory)


@pytest.mark.parametrize("name", ["w.weights.h5", "model.keras"])
def test_saved_weights_bring_it_back(vae, tmp_path, name):
    write(vae)
    save = vae.save if name.endswith(".keras") else vae.save_weights
    save(tmp_path / name)
    other = small_vae()
    other.load_weights(tmp_path / name)
    assert_same(other.memory)


def test_weights_without_notes_leave_none(vae, tmp_path):
    small_vae().save_weights(tmp_path / "w.weights.h5")
    write(vae)
    vae.load_weights(tmp_path / "w.weights.h5")
    assert vae.memory.read("one") is None
    assert vae.memory.epoch is None
    assert not vae.memory.is_loaded


def test_it_is_no_weight(vae):
    before = len(vae.get_weights())
    write(vae)
    assert len(vae.get_weights()) == before
    assert not SearchMemory().weights


def test_a_later_note_replaces_an_earlier_one(vae):
    write(vae)
    vae.memory.write(9, "one", {"new": 1})
    assert vae.memory.read("one").data == {"new": 1}
    assert vae.memory.read("one").arrays == ()
    vae.memory.clear()
    assert vae.memory.read("two") is None


def test_a_fit_forgets_what_it_has_noted(vae):
    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.memory.write(epoch, "mine", {})

    vae.fit(np.zeros((4, 4), "float32"), callbacks=[Note()], verbose=0)
    assert vae.memory.read("mine") is None


@pytest.mark.parametrize(
    "text", [b"\xff", b"{}", b"[1]", b'{"epoch": 1, "notes": [["a", {}, 9]]}']
)
def test_damaged_notes_are_an_error(vae, tmp_path, text):
    path = tmp_path / "w.weights.h5"
    write(vae)
    vae.save_weights(path)
    with h5py.File(path, "r+") as file:
        notes = file["layers/search_memory/vars"]
        del notes["notes"]
        notes["notes"] = np.frombuffer(text, np.uint8)
    with pytest.raises(ValueError, match="no readable notes of a search"):
        small_vae().load_weights(path)
