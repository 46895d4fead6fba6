"""The state that callbacks save with a model is in every file it is saved to."""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from ald_keras import MaskedVAE
from ald_keras.architectures import build_architecture

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
    model.saved_state.write(7, "one", DATA, ARRAYS)
    model.saved_state.write(8, "two", [1, 2], ARRAYS[:1])


def assert_same(state):
    assert state.epoch == 8
    one, two = state.read("one"), state.read("two")
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
    assert_same(keras.saving.load_model(tmp_path / "model.keras").saved_state)


@pytest.mark.parametrize("name", ["w.weights.h5", "model.keras"])
def test_saved_weights_bring_it_back(vae, tmp_path, name):
    write(vae)
    save = vae.save if name.endswith(".keras") else vae.save_weights
    save(tmp_path / name)
    other = small_vae()
    other.load_weights(tmp_path / name)
    assert_same(other.saved_state)


def test_weights_without_a_state_leave_none(vae, tmp_path):
    small_vae().save_weights(tmp_path / "w.weights.h5")
    write(vae)
    vae.load_weights(tmp_path / "w.weights.h5")
    assert vae.saved_state.read("one") is None
    assert vae.saved_state.epoch is None


def test_it_is_no_weight(vae):
    before = len(vae.get_weights())
    write(vae)
    assert len(vae.get_weights()) == before


def test_a_later_entry_replaces_an_earlier_one(vae):
    write(vae)
    vae.saved_state.write(9, "one", {"new": 1})
    assert vae.saved_state.read("one").data == {"new": 1}
    assert vae.saved_state.read("one").arrays == ()
    vae.saved_state.clear()
    assert vae.saved_state.read("two") is None


def test_a_fit_drops_what_it_has_saved(vae):
    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.saved_state.write(epoch, "mine", {})

    vae.fit(np.zeros((4, 4), "float32"), callbacks=[Save()], verbose=0)
    assert vae.saved_state.read("mine") is None


DAMAGED = (b"\xff", b"{}", b"[1]", b'{"epoch": 1, "notes": [["a", {}, 9]]}')


def damage(file, text):
    with h5py.File(file, "r+") as content:
        stored = content["vars"]
        del stored["notes"]
        stored["notes"] = np.frombuffer(text, np.uint8)


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_weights_are_an_error(vae, tmp_path, text):
    path = tmp_path / "w.weights.h5"
    write(vae)
    vae.save_weights(path)
    damage(path, text)
    other = small_vae()
    with pytest.raises(ValueError, match="no readable state of a search"):
        other.load_weights(path)
    assert other.saved_state.epoch is None


def test_a_damaged_model_is_an_error(vae, tmp_path):
    whole, broken = tmp_path / "whole.keras", tmp_path / "broken.keras"
    write(vae)
    vae.save(whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            content = io.BytesIO(source.read(name))
            if name == "model.weights.h5":
                damage(content, DAMAGED[0])
            target.writestr(name, content.getvalue())
    with pytest.raises(ValueError, match="no readable state of a search"):
        keras.saving.load_model(broken)


@pytest.mark.parametrize("saver", ["BackupAndRestore", "ModelCheckpoint"])
def test_savers_of_keras_save_it(vae, tmp_path, saver):
    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            write(self.model)

    file = tmp_path / ("latest.weights.h5" if saver[0] == "B" else "m.keras")
    saving = (
        keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        if saver == "BackupAndRestore"
        else keras.callbacks.ModelCheckpoint(file)
    )
    vae.fit(np.zeros((4, 4), "float32"), callbacks=[saving, Save()], verbose=0)
    other = small_vae()
    other.load_weights(file)
    assert_same(other.saved_state)
