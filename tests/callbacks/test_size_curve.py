"""The default rule in `fit`: when it is asked, what it leaves, how it resumes."""

import copy
import warnings

import keras
import numpy as np
import pytest
from builders import as_new, double, small_vae, xla

from ald_keras import ALDCallback, ALDRule, KLWarmup, SizeCurveRule, compact, plot
from ald_keras.datasets import EpochShuffledBatches

FACTORS = 3


def samples(count, seed):
    """Images that three factors make, with noise below the likelihood's variance."""
    directions = np.linalg.qr(np.random.default_rng(0).standard_normal((64, FACTORS)))
    random = np.random.default_rng(seed)
    x = 4.0 * random.standard_normal((count, FACTORS)) @ directions[0].T
    x += 0.7 * random.standard_normal(x.shape)
    return x.reshape(-1, 8, 8, 1).astype("float32")


TRAIN, VALIDATION = samples(256, 1), samples(100, 2)
RULE = SizeCurveRule(patience=2, share=0.5)


def make_vae(**options):
    vae = small_vae(8, likelihood="gaussian")
    vae.compile(keras.optimizers.Adam(3e-3), **options)
    return vae


def traced_vae():
    return as_new(make_vae)


def callback_of(rule=RULE, **options):
    options = {"probe_size": 50, "n_clusters": 4, "features": None, **options}
    return ALDCallback(rule, **{"interval": "epoch", **options})


def fit(vae, callback, epochs=14, more=(), batch_size=8, **options):
    batches = EpochShuffledBatches(TRAIN, batch_size=batch_size, seed=0)
    return vae.fit(
        batches.dataset,
        validation_data=(VALIDATION,),
        epochs=epochs,
        callbacks=[batches.callback, callback, *more],
        verbose=0,
        **options,
    )


class Watch(keras.callbacks.Callback):
    """Notes what each epoch is trained with."""

    def on_train_begin(self, logs=None):
        self.active, self.shares, self.logs = [], [], []

    def on_epoch_end(self, epoch, logs=None):
        self.active.append(self.model.active_dims)
        self.shares.append(self.model.size_sampling.share)
        self.logs.append(dict(logs))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run without interruption, and what it has saved after each epoch."""
    folder = tmp_path_factory.mktemp("epochs")
    saving = keras.callbacks.ModelCheckpoint(folder / "{epoch}.keras")
    vae, callback, watch = traced_vae(), callback_of(), Watch()
    fit(vae, callback, more=[watch, saving])
    return folder, vae, callback, watch


def test_the_size_is_fixed_within_one_fit(whole):
    _, vae, callback, watch = whole
    state = callback.state
    assert state.phase == "fixed"
    assert state.size == FACTORS
    assert vae.active_dims == state.size == callback.curve.sizes[-1]
    assert callback.fixed_epoch < 13
    assert f"8 -> {state.size} latent dimensions, fixed at epoch" in callback.result()
    codes = [decision.code for decision in callback.decisions]
    assert codes[0] == "settle"
    assert {"measure", "moving", "fixed"} <= {*codes}
    # Plain training first, half of the examples truncated while it is measured.
    assert watch.shares[0] == 0.0
    assert RULE.share in np.round(watch.shares, 6)
    assert compact(vae).latent_dim == state.size


def test_the_reserve_is_removed_when_fit_ends(whole):
    _, vae, callback, watch = whole
    assert not callback.state.reserve
    assert watch.active[-1] >= vae.active_dims
    assert vae.size_sampling.share == 0.0 or watch.shares[-1] > 0.0


def test_every_wait_is_recorded_with_its_cause(whole):
    _, _, callback, _ = whole
    waits = [d for d in callback.decisions if d.action == "wait"]
    assert {"settle", "moving"} <= {decision.code for decision in waits}
    for before, after in zip(callback.decisions, callback.decisions[1:], strict=False):
        assert after.action != "wait" or after.code != before.code


@pytest.mark.parametrize("epoch", [2, 6, 9])
def test_a_checkpoint_of_any_epoch_continues_bit_for_bit(whole, epoch):
    folder, reference, expected, _ = whole
    vae, callback = keras.saving.load_model(folder / f"{epoch}.keras"), callback_of()
    fit(vae, callback, initial_epoch=epoch)
    for found, wanted in zip(vae.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert callback.state == expected.state
    assert callback.decisions == expected.decisions
    assert callback.curve == expected.curve


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        ("mixed_bfloat16", {}),
        pytest.param("float64", {}, marks=double),
        pytest.param("float32", {"jit_compile": True}, marks=[xla, pytest.mark.slow]),
        pytest.param("float32", {"run_eagerly": True}, marks=pytest.mark.slow),
    ],
)
def test_the_size_is_the_same_however_it_is_computed(dtype, options):
    keras.config.set_dtype_policy(dtype)
    try:
        vae, callback = as_new(lambda: make_vae(**options)), callback_of()
    finally:
        keras.config.set_dtype_policy("float32")
    fit(vae, callback)
    assert abs(callback.state.size - FACTORS) <= 1
    assert callback.fixed_epoch is not None


def test_training_can_end_with_the_decision():
    vae, callback, watch = traced_vae(), callback_of(stop_training=True), Watch()
    fit(vae, callback, epochs=30, more=[watch])
    assert len(watch.logs) < 30
    assert callback.fixed_epoch == len(watch.logs) - 1
    assert vae.active_dims == callback.state.size


def test_an_unfinished_search_warns_whatever_verbose_is():
    with pytest.warns(UserWarning, match="not fixed: .*Train for more epochs") as found:
        fit(traced_vae(), callback_of(SizeCurveRule(patience=50)), epochs=6)
    # It shows the line that has called `fit`.
    ours = [warning for warning in found if str(warning.message).startswith("ALD")]
    assert [warning.filename for warning in ours] == [__file__]
    with pytest.warns(UserWarning, match="before the first measurement of sizes"):
        fit(traced_vae(), callback_of(), epochs=20, more=[StopAfter(2)])


def test_the_report_of_a_fixed_size_opens_with_it(tmp_path):
    vae, callback = traced_vae(), callback_of()
    fit(vae, callback)
    size = callback.state.size
    callback.report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"{size} dimensions suffice. With {size - 1} the loss rises by " in text
    labels = plot.size_curve(callback).axes[0].get_legend_handles_labels()[1]
    assert [label for label in labels if "without the larger sizes" in label]


class StopAfter(keras.callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 >= self.epochs


@pytest.mark.slow
def test_a_bound_on_the_error_decides():
    rule = SizeCurveRule(max_squared_error=45.0, patience=1)
    vae, callback = traced_vae(), callback_of(rule)
    fit(vae, callback, epochs=30)
    assert callback.state.phase == "fixed"
    curve = vae.size_curve(VALIDATION, metrics=["squared_error"])
    assert curve.metrics["squared_error"][-1] <= 45.0 * 1.05

    hopeless = callback_of(SizeCurveRule(max_squared_error=1e-6, patience=1))
    with pytest.warns(UserWarning, match="max_squared_error"):
        fit(traced_vae(), hopeless, epochs=8)
    assert hopeless.fixed_epoch is None


@pytest.mark.parametrize(
    "target",
    [
        "silhouette",
        pytest.param(("loss", "silhouette"), marks=pytest.mark.slow),
        pytest.param(("loss", "spread"), marks=pytest.mark.slow),
    ],
)
def test_other_targets(target):
    def spread(model, x, y):
        return float(np.std(model.encode(x)[0]))

    rule = SizeCurveRule(target=target, patience=1)
    own = {"spread": (spread, "max")} if "spread" in target else {}
    vae, callback = traced_vae(), callback_of(rule, metrics=own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(vae, callback, epochs=10)
    assert callback.state.every_size
    names = {*([target] if isinstance(target, str) else target)} - {"loss"}
    measured = callback.state.window
    assert all(set(m.metrics) == names for m in measured)


def test_a_target_must_be_measured():
    with pytest.raises(ValueError, match="spread"):
        ALDCallback(SizeCurveRule(target="spread"))
    with pytest.raises(ValueError, match="frechet_generation"):
        ALDCallback(SizeCurveRule(target="frechet_generation"), features=None)


# ---- intervals


class Asked(SizeCurveRule):
    """Notes when it is asked."""

    asked: list = []

    def update(self, state, observation):
        self.asked.append((observation.epoch, round(observation.progress, 3)))
        return super().update(state, observation)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("epoch", [(0, 0.25), (1, 0.5), (2, 0.75), (3, 1.0)]),
        # 8 steps an epoch: three epochs hold 20.
        ("auto", [(2, 0.75)]),
        # The number of epochs that comes closest to the interval.
        (12, [(0, 0.25), (1, 0.5), (2, 0.75), (3, 1.0)]),
        (16, [(1, 0.5), (3, 1.0)]),
        (32, [(3, 1.0)]),
        (
            4,
            [
                (0, 0.125),
                (0, 0.25),
                (1, 0.375),
                (1, 0.5),
                (2, 0.625),
                (2, 0.75),
                (3, 0.875),
                (3, 1.0),
            ],
        ),
    ],
)
def test_the_rule_is_asked_at_intervals_of_steps(interval, expected):
    rule = Asked(patience=1)
    rule.asked.clear()
    fit(traced_vae(), callback_of(rule, interval=interval), epochs=4, batch_size=32)
    assert rule.asked == expected


def test_a_long_epoch_is_divided():
    rule = Asked(patience=1)
    rule.asked.clear()
    vae = traced_vae()
    x = np.tile(TRAIN, (4, 1, 1, 1))
    vae.fit(
        x,
        validation_data=(VALIDATION,),
        batch_size=2,
        epochs=1,
        callbacks=[callback_of(rule, interval="auto")],
        verbose=0,
    )
    # 512 steps: three parts, of which the last ends with the epoch.
    assert [epoch for epoch, _ in rule.asked] == [0, 0, 0]
    # With as many steps as one execution has.
    expected = [1 / 3, 2 / 3, 1.0]
    assert [part for _, part in rule.asked] == pytest.approx(expected, abs=8 / 512)


def test_a_size_can_be_fixed_within_one_long_epoch():
    vae, callback, watch = traced_vae(), callback_of(interval=8), Watch()
    vae.fit(
        np.tile(TRAIN, (16, 1, 1, 1)),
        validation_data=(VALIDATION,),
        batch_size=32,
        epochs=2,
        callbacks=[callback, watch],
        verbose=0,
    )
    assert callback.fixed_epoch is not None
    assert vae.active_dims == callback.state.size
    # What is logged belongs to the size at the epoch's end.
    assert watch.logs[-1]["active_dims"] == watch.active[-1]


@pytest.mark.parametrize(
    ("more", "epochs", "observed"),
    [([], 1, 4), ([], 2, 8), ([KLWarmup(1)], 2, 4), ([KLWarmup(2)], 4, 8)],
)
def test_what_is_observed_within_the_first_epoch_counts(more, epochs, observed):
    callback = callback_of(interval=8)
    fit(traced_vae(), callback, epochs=epochs, more=more)
    assert len(callback.state.spectra) == observed
    assert callback.state.idle_kl <= RULE.idle_kl


def test_epochs_count_from_the_one_that_fit_begins_with():
    rule = Asked(patience=1)
    rule.asked.clear()
    fit(traced_vae(), callback_of(rule, interval=16), epochs=6, initial_epoch=5)
    # Its progress is that of this search.
    assert rule.asked == [(5, 0.5), (5, 1.0)]


def test_sizes_are_not_sampled_after_fit():
    vae, watch = traced_vae(), Watch()
    fit(vae, callback_of(SizeCurveRule(patience=50)), epochs=16, more=[watch])
    assert watch.shares[-1] > 0.0
    assert not vae.size_sampling.is_on


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_within_an_epoch_at_several_steps_an_execution(steps_per_execution):
    vae = make_vae(steps_per_execution=steps_per_execution)
    rule = Asked(patience=1)
    rule.asked.clear()
    fit(vae, callback_of(rule, interval=4), epochs=2, batch_size=32)
    assert rule.asked == [(0, 0.25), (0, 0.5), (1, 0.75), (1, 1.0)]


@pytest.mark.parametrize("epoch", [3, 6])
def test_intervals_of_several_epochs_resume_bit_for_bit(epoch, tmp_path):
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    reference, expected = traced_vae(), callback_of(interval=50)
    fit(reference, expected, more=[saving])
    path = tmp_path / f"{epoch}.keras"
    vae, callback = keras.saving.load_model(path), callback_of(interval=50)
    fit(vae, callback, initial_epoch=epoch)
    for found, wanted in zip(vae.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert callback.state == expected.state


@pytest.mark.parametrize("interval", ["step", 0, 2.5, True, None])
def test_bad_intervals(interval):
    with pytest.raises(ValueError, match="`interval` must be 'auto'"):
        ALDCallback(interval=interval)


def test_the_rule_of_the_paper_decides_by_epochs():
    with pytest.raises(ValueError, match="SizeCurveRule"):
        ALDCallback(ALDRule(), interval=100)
    ALDCallback(ALDRule(), interval="epoch")


def test_a_copy_is_a_new_search():
    callback = callback_of()
    fit(traced_vae(), callback)
    again = copy.deepcopy(callback)
    fit(traced_vae(), again)
    assert again.decisions == callback.decisions


@pytest.mark.parametrize("target", ["reconstruction", "baseline_nll", "val_loss"])
def test_targets_that_no_size_is_measured_for_are_errors(target):
    with pytest.raises(ValueError, match=f"not measured: .*{target}"):
        ALDCallback(SizeCurveRule(target=target))
