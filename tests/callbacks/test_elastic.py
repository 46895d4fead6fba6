"""Elastic runs: sizes sampled to the end, and the size curve of a callback."""

import copy
import warnings

import keras
import numpy as np
import pytest
from builders import digits, small_vae, traced_vae

from ald_keras import ALDCallback, ALDRule, MaskedVAE, compact
from ald_keras.datasets import EpochShuffledBatches
from ald_keras.rules import ElasticRule

TRAIN, VALIDATION = digits(256), digits(356)[256:]
RULE = ElasticRule(patience=2, idle_kl=0.01)


def elastic(rule=RULE, **options):
    options = {"probe_size": 50, "n_clusters": 4, "features": None, **options}
    return ALDCallback(rule, elastic=True, **options)


def fit(vae, callback, epochs=8, more=(), **options):
    batches = EpochShuffledBatches(TRAIN, batch_size=32, seed=0)
    vae.fit(
        batches.dataset,
        validation_data=(VALIDATION,),
        epochs=epochs,
        callbacks=[batches.callback, callback, *more],
        verbose=0,
        **options,
    )
    return vae


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run without interruption, and what it has saved after each epoch."""
    folder = tmp_path_factory.mktemp("epochs")
    saving = keras.callbacks.ModelCheckpoint(folder / "{epoch}.keras")
    callback = elastic()
    vae = fit(traced_vae(), callback, more=[saving])
    weights = [np.array(w) for w in vae.get_weights()]
    return folder, vae, callback, weights


def test_sizes_are_sampled_to_the_end(whole):
    _, vae, callback, _ = whole
    assert [decision.action for decision in callback.decisions][0] in (
        "sample",
        "prune",
    )
    assert vae.size_sampling.share == pytest.approx(RULE.share)
    assert callback.elastic
    assert callback.fixed_epoch is None
    assert "each size from 1 to" in callback.result()


def test_the_curve_is_that_of_the_model_at_the_end(whole):
    _, vae, callback, _ = whole
    curve = callback.curve
    assert curve.sizes == tuple(range(1, vae.active_dims + 1))
    assert curve.samples == len(VALIDATION)
    again = vae.size_curve(np.sort(VALIDATION, axis=0)[:2])
    assert again.order == curve.order == tuple(vae.size_sampling.order)
    # Validation losses, from other noise.
    loss = vae.evaluate(VALIDATION, verbose=0, return_dict=True)["loss"]
    assert curve.metrics["loss"][-1] == pytest.approx(loss, rel=0.02)


def test_any_size_can_be_exported(whole):
    _, vae, callback, _ = whole
    for size in (1, vae.active_dims - 1):
        assert compact(vae, size=size).latent_dim == size


@pytest.mark.parametrize("epoch", [1, 2, 3, 6])
def test_a_checkpoint_of_any_epoch_continues_bit_for_bit(whole, epoch):
    folder, _, reference, weights = whole
    vae, callback = keras.saving.load_model(folder / f"{epoch}.keras"), elastic()
    fit(vae, callback, initial_epoch=epoch)
    for found, wanted in zip(vae.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert callback.state == reference.state
    assert callback.decisions == reference.decisions
    assert callback.curve == reference.curve


def reloaded(vae, tmp_path):
    vae.save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


def test_a_later_elastic_fit_continues_to_sample(whole, tmp_path):
    _, vae, *_ = whole
    vae, callback = reloaded(vae, tmp_path), elastic()
    seen = []
    watching = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: seen.append(vae.size_sampling.share)
    )
    fit(vae, callback, epochs=2, more=[watching])
    assert seen == pytest.approx([RULE.share] * 2)


def test_another_callback_ends_the_sampling(whole, tmp_path):
    _, vae, *_ = whole
    vae = reloaded(vae, tmp_path)
    rule = ALDRule(slope_window=9)
    pruning = ALDCallback(rule, probe_size=50, n_clusters=4, features="identity")
    fit(vae, pruning, epochs=1)
    assert vae.size_sampling.share == 0.0
    assert pruning.curve.sizes[-1] == vae.active_dims


class StopAfter(keras.callbacks.Callback):
    """Ends `fit`, and may restore the weights it began with."""

    def __init__(self, epochs, restore=False):
        super().__init__()
        self.epochs, self.restore = epochs, restore

    def on_train_begin(self, logs=None):
        self.start = self.model.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            self.model.stop_training = True
            if self.restore:
                self.model.set_weights(self.start)


@pytest.mark.parametrize(
    ("epochs", "rule", "stop"),
    [
        (30, ElasticRule(), StopAfter(2)),
        # It would begin after the last epoch.
        (1, RULE, StopAfter(9)),
        (8, ElasticRule(patience=2, idle_kl=0.0), StopAfter(6, restore=True)),
    ],
    ids=["too-short", "one-epoch", "restored"],
)
def test_a_run_that_is_not_elastic_says_so(epochs, rule, stop):
    vae, callback = traced_vae(), elastic(rule)
    with pytest.warns(UserWarning, match="come from before sizes were sampled"):
        fit(vae, callback, epochs=epochs, more=[stop])
    assert not callback.sampled
    assert not vae.size_sampling.is_on
    assert "not elastic" in callback.result()


def test_weights_set_from_outside_do_not_end_the_sampling():
    vae, callback, shares = traced_vae(), elastic(ElasticRule(idle_kl=0.0)), []

    class Meddle(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.start = self.model.get_weights()

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 6:
                self.model.set_weights(self.start)

        def on_train_batch_begin(self, batch, logs=None):
            if batch == 0:
                shares.append(round(self.model.size_sampling.share, 3))

    fit(vae, callback, epochs=9, more=[Meddle()])
    assert shares == [0.0] * 3 + [0.5] * 6
    assert callback.sampled


def test_a_curve_that_fails_costs_no_run(monkeypatch):
    def fail(self, *args, **options):
        raise ArithmeticError("no curve today")

    monkeypatch.setattr(MaskedVAE, "size_curve", fail)
    vae, callback = traced_vae(), elastic()
    with pytest.warns(UserWarning, match="could not be measured: no curve today"):
        fit(vae, callback, epochs=4)
    assert callback.curve is None
    assert callback.last_probe is not None
    assert callback.sampled


def test_runs_follow_the_seed(whole):
    _, _, reference, weights = whole
    vae, callback = traced_vae(), elastic()
    fit(vae, callback)
    for found, wanted in zip(vae.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert callback.curve == reference.curve


def test_a_copy_keeps_what_came_out(whole):
    _, _, callback, _ = whole
    again = copy.deepcopy(callback)
    assert again.curve == callback.curve
    assert again.result() == callback.result()


def test_it_reports(whole, tmp_path):
    folder, *_ = whole
    vae, callback = keras.saving.load_model(folder / "7.keras"), elastic()
    fit(vae, callback, initial_epoch=7)
    callback.report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "every size from one run" in text
    first = text.index("<figure")
    assert "What each latent size loses" in text[first : text.index("</figure>")]


def test_models_of_other_likelihoods_have_no_gain():
    class Mine:
        def nll(self, x, output):
            return keras.ops.sum((x - output) ** 2, axis=(1, 2, 3))

        def mean(self, output):
            return output

    vae, callback = small_vae(6, likelihood=Mine()), elastic()
    vae.compile("adam")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="ALD: posterior collapse")
        fit(vae, callback, epochs=4)
    assert callback.curve.gain is None
    assert callback.result()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"elastic": "yes"}, "`elastic` must be True or False"),
        ({"rule": ALDRule(), "elastic": True}, "no rule can prune"),
    ],
)
def test_what_does_not_go_together(options, message):
    with pytest.raises(ValueError, match=message):
        ALDCallback(**options)


def test_an_elastic_rule_needs_no_flag():
    assert ALDCallback(ElasticRule()).elastic
    assert not ALDCallback().elastic
    assert isinstance(ALDCallback(elastic=True).rule, ElasticRule)
