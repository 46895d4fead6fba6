"""A `fit` that was interrupted goes on as if it had not been."""

import json
import os
import pathlib
import random
import subprocess
import sys
import time
import warnings

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from ald_keras import ALDCallback, GatedVAE, GateSearch, MaskedVAE, SizeCurveRule
from ald_keras.architectures import build_architecture
from ald_keras.datasets import EpochShuffledBatches

DIGITS = (load_digits().data / 16.0).astype("float32")
TRAIN, VALIDATION = DIGITS[:256], DIGITS[256:356]
RULE = SizeCurveRule(tolerance=0.5, patience=2)
TESTS = pathlib.Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
EPOCHS = {"masked": 24, "gated": 48}
OPTIONS = {
    "probe_size": 50,
    "n_clusters": 4,
    "features": None,
    # Epochs have fewer steps than an evaluation needs otherwise.
    "interval": "epoch",
}


def build(kind):
    keras.utils.set_random_seed(0)
    encoder, decoder = build_architecture("mlp", (64,), 6, seed=0, hidden=[32])
    if kind == "gated":
        vae = GatedVAE(encoder, decoder, 6, tau=3.2, warmup=8, seed=0)
    else:
        vae = MaskedVAE(encoder, decoder, 6, seed=0)
    vae.compile(keras.optimizers.Adam(5e-3 if kind == "gated" else 1e-2))
    return vae


def pruning_of(kind, rule=RULE):
    if kind == "gated":
        return [GateSearch()]
    return [ALDCallback(rule, **OPTIONS)]


def fit(vae, kind, callbacks, **options):
    batches = EpochShuffledBatches(TRAIN, batch_size=32, seed=0)
    with warnings.catch_warnings():
        # How a run this short ends is of no interest here.
        warnings.filterwarnings("ignore", message="GatedVAE: ")
        vae.fit(
            batches.dataset,
            validation_data=(VALIDATION,),
            epochs=EPOCHS[kind],
            callbacks=[batches.callback, *callbacks],
            verbose=0,
            **options,
        )
    return vae, callbacks[0]


def assert_same(found, wanted):
    (vae, search), (expected, reference) = found, wanted
    assert search.decisions == reference.decisions
    assert search.state == reference.state
    assert search.result() == reference.result()
    for a, b in zip(vae.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    slots = (model.optimizer.variables for model in (vae, expected))
    for a, b in zip(*slots, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))


@pytest.fixture(
    scope="module", params=["masked", pytest.param("gated", marks=pytest.mark.slow)]
)
def whole(request, tmp_path_factory):
    """A run without interruption, and what it has saved after each epoch."""
    kind, folder = request.param, tmp_path_factory.mktemp("epochs")
    saving = keras.callbacks.ModelCheckpoint(folder / "{epoch}.keras")
    run = fit(build(kind), kind, [*pruning_of(kind), saving])
    actions = {decision.action for decision in run[1].decisions}
    wanted = {"try", "restore"} if kind == "gated" else {"sample", "stop"}
    assert wanted <= actions, actions
    return kind, folder, run


def moments(search, kind):
    """Epochs done at which something is pending, on trial, sampled, or to be undone."""
    first, second = ("try", "restore") if kind == "gated" else ("sample", "stop")
    begun = [d.epoch for d in search.decisions if d.action == first]
    ended = [d.epoch for d in search.decisions if d.action == second]
    found = {begun[-1] + 1, begun[-1] + 2, ended[-1] + 1, EPOCHS[kind]}
    return sorted(epoch for epoch in found if epoch <= EPOCHS[kind])


def test_a_checkpoint_of_any_epoch_goes_on_as_if_nothing_had_been(whole):
    kind, folder, run = whole
    for epoch in moments(run[1], kind):
        vae = keras.saving.load_model(folder / f"{epoch}.keras")
        found = fit(vae, kind, pruning_of(kind), initial_epoch=epoch)
        assert_same(found, run)


@pytest.mark.slow
def test_backup_and_restore_goes_on_as_if_nothing_had_been(whole, tmp_path):
    kind, _, run = whole
    trial = moments(run[1], kind)[0]

    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations > 8 * trial + 3:
                raise ArithmeticError

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "b", double_checkpoint=True)

    with pytest.raises(ArithmeticError):
        fit(build(kind), kind, [*pruning_of(kind), backup(), Fail()])
    assert_same(fit(build(kind), kind, [*pruning_of(kind), backup()]), run)


def test_an_epoch_is_not_trained_twice(whole, tmp_path):
    """Killed after the weights were written, and before the number of the epoch was."""
    kind, folder, run = whole
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    epoch = EPOCHS[kind] - 2
    vae = keras.saving.load_model(folder / f"{epoch}.keras")
    vae.save_weights(tmp_path / "latest.weights.h5")
    written = {"epoch": epoch - 1, "batch": 0}
    (tmp_path / "training_metadata.json").write_text(json.dumps(written))
    assert_same(fit(build(kind), kind, [*pruning_of(kind), backup]), run)


def test_a_fit_from_another_epoch_starts_anew_and_says_so(whole):
    kind, folder, _ = whole
    vae = keras.saving.load_model(folder / "3.keras")
    with pytest.warns(UserWarning, match="after epoch 3.*restarts.*initial_epoch=3"):
        _, search = fit(vae, kind, pruning_of(kind), initial_epoch=EPOCHS[kind] - 1)
    assert {decision.epoch for decision in search.decisions} <= {EPOCHS[kind] - 1}


def test_a_file_of_a_finished_run_starts_anew_without_a_word(whole, tmp_path):
    kind, _, (vae, _) = whole
    vae.save(tmp_path / "model.keras")
    vae = keras.saving.load_model(tmp_path / "model.keras")
    last = EPOCHS[kind] - 1
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The model was saved")
        _, search = fit(vae, kind, pruning_of(kind), initial_epoch=last)
    assert search.start_dims == vae.active_dims


def test_another_rule_is_an_error(whole):
    kind, folder, _ = whole
    if kind == "gated":
        pytest.skip("the rule on gates is fixed by the model")
    vae = keras.saving.load_model(folder / "3.keras")
    with pytest.raises(ValueError, match="`rule` must be the one under which"):
        fit(vae, kind, pruning_of(kind, SizeCurveRule()), initial_epoch=3)


def test_a_model_saved_under_the_rule_that_was_removed_says_what_to_do():
    vae = build("masked")
    rule = "InformationRule(max_loss_increase='1%', idle_kl=0.1, patience=6)"
    vae.saved_state.write(2, "search", {"rule": rule, "search": {"state": {}}})
    with pytest.raises(ValueError, match="InformationRule.*no longer has") as error:
        fit(vae, "masked", pruning_of("masked"), initial_epoch=3)
    assert "`model.saved_state.clear()`" in str(error.value)
    assert "\n" not in str(error.value)
    vae.saved_state.clear()
    _, search = fit(vae, "masked", pruning_of("masked"), initial_epoch=22)
    assert search.start_dims == 6


def test_weights_alone_are_enough(whole):
    kind, folder, run = whole
    epoch = EPOCHS[kind] - 1
    saved = keras.saving.load_model(folder / f"{epoch}.keras")
    saved.save_weights(folder / "only.weights.h5")
    vae = build(kind)
    vae.load_weights(folder / "only.weights.h5")
    assert_same(fit(vae, kind, pruning_of(kind), initial_epoch=epoch), run)


def test_a_later_fit_begins_where_it_is_told(tmp_path):
    vae = build("masked")
    vae.save_weights(tmp_path / "latest.weights.h5")
    (tmp_path / "training_metadata.json").write_text('{"epoch": 3, "batch": 0}')
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    assert vae.fit(TRAIN, epochs=5, callbacks=[backup], verbose=0).epoch == [3, 4]
    assert vae.fit(TRAIN, epochs=2, verbose=0).epoch == [0, 1]


def test_an_empty_backup_moves_no_epoch(whole, tmp_path):
    kind, folder, _ = whole
    vae = keras.saving.load_model(folder / "1.keras")
    backup = keras.callbacks.BackupAndRestore(tmp_path / "new")
    seen = keras.callbacks.History()
    last = EPOCHS[kind]
    EPOCHS[kind] = 2
    try:
        with pytest.warns(UserWarning, match="so the search restarts"):
            fit(vae, kind, [*pruning_of(kind), backup, seen])
    finally:
        EPOCHS[kind] = last
    assert seen.epoch == [0, 1]


class Dropping(keras.callbacks.Callback):
    """Notes the loss of each epoch."""

    def __init__(self):
        super().__init__()
        self.losses = {}

    def on_epoch_end(self, epoch, logs=None):
        self.losses[epoch] = logs["loss"]


def test_the_random_state_of_all_layers_comes_back(tmp_path):
    def dropping():
        keras.utils.set_random_seed(0)
        encoder, decoder = build_architecture("mlp", (64,), 6, seed=0, hidden=[32])
        features = keras.layers.Dropout(0.3)(encoder.output)
        vae = MaskedVAE(keras.Model(encoder.input, features), decoder, 6, seed=0)
        vae.compile(keras.optimizers.Adam(1e-2))
        return vae

    saving = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    seen = Dropping()
    batches = EpochShuffledBatches(TRAIN, batch_size=32, seed=0)
    callbacks = [batches.callback, seen, saving]
    dropping().fit(batches.dataset, epochs=4, callbacks=callbacks, verbose=0)
    vae, again = keras.saving.load_model(tmp_path / "2.keras"), Dropping()
    callbacks = [batches.callback, again]
    fitted = {"epochs": 4, "initial_epoch": 2, "verbose": 0}
    vae.fit(batches.dataset, callbacks=callbacks, **fitted)
    assert again.losses == {epoch: seen.losses[epoch] for epoch in (2, 3)}


def test_a_run_that_stops_when_fixed_trains_no_more(tmp_path):
    pruning = ALDCallback(RULE, stop_training=True, **OPTIONS)
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    vae, _ = fit(build("masked"), "masked", [pruning, saving])
    epochs = len(list(tmp_path.iterdir()))
    assert epochs < EPOCHS["masked"]
    again = keras.saving.load_model(tmp_path / f"{epochs}.keras")
    fit(again, "masked", [pruning], initial_epoch=epochs)
    for a, b in zip(again.get_weights(), vae.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("saver", ["BackupAndRestore", "ModelCheckpoint"])
def test_savers_within_epochs_are_an_error(saver, tmp_path):
    saving = getattr(keras.callbacks, saver)(str(tmp_path / "b.keras"), save_freq=3)
    with pytest.raises(ValueError, match=f"`save_freq` of {saver} must be 'epoch'"):
        fit(build("masked"), "masked", [*pruning_of("masked"), saving])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["masked", "gated"])
def test_a_fit_killed_at_random_moments_goes_on(kind, tmp_path):
    """While it trains, measures and writes its backup."""
    draw, backup = random.Random(3), tmp_path / "backup"

    def start(folder, count=0, name="killed"):
        given = (kind, folder, tmp_path / name, count)
        command = [sys.executable, __file__.replace("test_continuation", "killed_fit")]
        return subprocess.Popen([*command, *map(str, given)], env=ENVIRONMENT)

    assert start(tmp_path / "other", name="whole").wait() == 0
    for moment in ("any", "write", "any", "write", "any"):
        process = start(backup, 4 if moment == "write" else 0)
        written, whole = backup / "latest.weights.h5", backup / "training_metadata.json"
        before = written.stat().st_mtime_ns if written.exists() else 0
        if moment == "any":
            # Before the first backup is whole there is nothing that Keras could go
            # back to.
            while not whole.exists() or written.stat().st_mtime_ns == before:
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(draw.uniform(0.0, 0.4))
            process.kill()
        assert process.wait() == -9
    assert start(backup).wait() == 0
    texts = [(tmp_path / f"{name}.json").read_text() for name in ("killed", "whole")]
    assert texts[0] == texts[1]
    found, wanted = (np.load(tmp_path / f"{name}.npz") for name in ("killed", "whole"))
    for name in wanted.files:
        np.testing.assert_array_equal(found[name], wanted[name])


def test_savers_and_loggers_may_stand_anywhere(tmp_path):
    def run(order, folder):
        callbacks = [
            *pruning_of("masked"),
            keras.callbacks.ModelCheckpoint(folder / "{epoch}.keras"),
            keras.callbacks.CSVLogger(folder / "log.csv"),
        ]
        vae, pruning = build("masked"), callbacks[0]
        batches = EpochShuffledBatches(TRAIN, batch_size=32, seed=0)
        vae.fit(
            batches.dataset,
            validation_data=(VALIDATION,),
            epochs=3,
            callbacks=[*callbacks[::order], batches.callback],
            verbose=0,
        )
        saved = keras.saving.load_model(folder / "2.keras").saved_state
        return pruning.decisions, (folder / "log.csv").read_text(), saved

    runs = []
    for order in (1, -1):
        folder = tmp_path / str(order)
        folder.mkdir()
        runs.append(run(order, folder))
    (decisions, log, saved), (other_decisions, other_log, other_saved) = runs
    assert decisions == other_decisions
    assert log == other_log
    assert "val_silhouette" in log.splitlines()[0]
    assert saved.read("search").data == other_saved.read("search").data


def test_a_damaged_state_is_an_error():
    vae = build("masked")
    vae.saved_state.write(2, "search", {"rule": repr(RULE), "search": {"state": 3}})
    with pytest.raises(ValueError, match="saved with the model is damaged|mapping"):
        fit(vae, "masked", pruning_of("masked"), initial_epoch=3)
