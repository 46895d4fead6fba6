import copy

import keras
import numpy as np
import pytest
from builders import digits, small_vae, stream_of, traced_vae

from ald_keras import ALDCallback, ALDRule, KLWarmup, SizeCurveRule
from ald_keras.metrics import frechet_distance, gaussian_kl, silhouette
from ald_keras.metrics.quality import QualityMeter

X = digits(300)
LABELS = np.arange(300) % 3
TRAIN, VALIDATION = X[:200], X[200:]
QUICK = ALDRule(initial_step=2, patience=1, slope_window=3, slowdown_window=3)
# Slopes that can never be reached: the rule goes on to its lower limit.
ENDLESS = ALDRule(
    initial_step=2, patience=1, slope_window=2, thresholds={"reconstruction": 1e9}
)
METRICS = ("silhouette", "frechet_reconstruction", "frechet_generation")


def callback(rule=QUICK, **options):
    return ALDCallback(rule, **{"n_clusters": 3, "features": "identity", **options})


def fit(vae, *callbacks, epochs=3, validation_data=VALIDATION, **options):
    if not vae.compiled:
        vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return vae.fit(
        TRAIN,
        epochs=epochs,
        validation_data=validation_data,
        callbacks=list(callbacks),
        verbose=0,
        **options,
    )


def test_zero_arguments_work():
    vae = traced_vae(8)
    history = fit(vae, pruning := ALDCallback(), epochs=6).history
    assert pruning.rule == SizeCurveRule()
    for name in METRICS:
        assert np.isfinite(history[f"val_{name}"]).all()
    # Six epochs are too few for a finding, and the outcome says so.
    assert history["active_dims"] == [8] * 6
    assert vae.active_dims == 8
    assert "8 -> 8 latent dimensions, not fixed" in pruning.result()


def test_the_papers_rule_works_without_arguments():
    vae = traced_vae(8)
    history = fit(vae, pruning := ALDCallback(ALDRule()), epochs=6).history
    assert history["active_dims"] == [8, 8, 8, 8, 8, 3]
    assert vae.active_dims == 3
    decision = pruning.decisions[0]
    assert (decision.epoch, decision.action, decision.details["step"]) == (
        4,
        "prune",
        5,
    )
    assert decision.active_dims == 3
    assert set(decision.indices).isdisjoint(vae.latent_mask.active_indices)
    assert decision.reason


def test_decisions_follow_the_rule():
    vae, pruning = traced_vae(8), callback(ENDLESS)
    history = fit(vae, pruning, epochs=5).history
    assert history["active_dims"] == [8, 6, 4, 2, 2]
    assert [d.action for d in pruning.decisions] == ["prune", "prune", "prune", "stop"]
    removed = [i for d in pruning.decisions for i in d.indices]
    assert sorted([*removed, *vae.latent_mask.active_indices]) == list(range(8))
    assert pruning.fixed_epoch == 3
    assert pruning.status == "at_floor"
    assert "inconclusive" in pruning.result()


def test_nothing_is_removed_when_no_training_follows():
    vae, pruning = traced_vae(8), callback(ENDLESS)
    fit(vae, pruning, epochs=2)
    assert vae.active_dims == 6
    assert [d.epoch for d in pruning.decisions] == [0]

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    vae = traced_vae(8)
    fit(vae, Stop(), callback(ENDLESS), epochs=9)
    assert vae.active_dims == 8


def test_the_metrics_are_those_of_the_probe():
    # With all validation samples in the probe, the figures can be computed again.
    vae, pruning = traced_vae(4), callback(ENDLESS)
    history = fit(vae, pruning, epochs=1).history
    meter_rng = np.random.default_rng([0, 0])
    meter_rng.choice(100, 100, replace=False)
    mean, log_var = (keras.ops.convert_to_numpy(v) for v in vae.encode(VALIDATION))
    noise = meter_rng.standard_normal(mean.shape).astype("float32")
    z = mean + np.exp(0.5 * log_var) * noise
    expected = silhouette(z, 3, int(meter_rng.integers(2**31)))
    assert history["val_silhouette"][0] == pytest.approx(expected, abs=1e-5)
    prior = meter_rng.standard_normal(z.shape).astype("float32")
    # The probe's samples come in the order of the validation data here.
    real = VALIDATION.reshape(100, -1)
    for name, codes in (("reconstruction", z), ("generation", prior)):
        made = keras.ops.convert_to_numpy(vae.decode(codes)).reshape(100, -1)
        distance = frechet_distance(real, made)
        got = history[f"val_frechet_{name}"][0]
        assert got == pytest.approx(distance, rel=1e-4)


def test_kl_selection_removes_the_least_informative():
    vae = traced_vae(6)
    seen = {}

    class Record(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            mean, log_var = vae.encode(VALIDATION)
            kl = keras.ops.convert_to_numpy(gaussian_kl(mean, log_var)).mean(axis=0)
            seen[epoch] = kl

    rule = ALDRule(initial_step=2, patience=2, selection="kl")
    fit(vae, Record(), pruning := callback(rule), epochs=3)
    assert pruning.decisions[0].indices == tuple(sorted(np.argsort(seen[1])[:2]))


def test_the_same_seed_gives_the_same_run():
    def run(seed):
        vae, pruning = traced_vae(8), callback(seed=seed)
        history = fit(vae, pruning, epochs=3).history
        return [d.to_dict() for d in pruning.decisions], history

    first = run(0)
    assert first == run(0)
    assert first[0] != run(1)[0]


def test_observing_does_not_change_the_training():
    def losses(*callbacks):
        vae = traced_vae(8)
        return fit(vae, *callbacks, epochs=3).history["loss"]

    rule = ALDRule(patience=100)
    assert losses(callback(rule)) == losses()


@pytest.mark.parametrize(
    ("validation", "options"),
    [
        ((VALIDATION, LABELS[200:]), {}),
        ((VALIDATION, None, np.ones(100)), {}),
        (stream_of(VALIDATION, 32), {}),
        (None, {"validation_split": 0.3}),
        ([VALIDATION, LABELS[200:]], {}),
        (VALIDATION, {"validation_freq": 2}),
    ],
)
def test_any_kind_of_validation_data(validation, options):
    vae, pruning = traced_vae(8), callback(ENDLESS)
    history = fit(vae, pruning, validation_data=validation, **options).history
    assert history["active_dims"] == [8, 6, 4]
    assert len(history["val_silhouette"]) == 3
    labelled = isinstance(validation, (tuple, list)) and validation[1] is not None
    assert ("val_clustering_accuracy" in history) == labelled


def test_reconstruction_is_measured_where_keras_does_not():
    vae, pruning = traced_vae(8), callback(ALDRule(patience=100))
    history = fit(vae, pruning, validation_freq=3, epochs=3).history
    measured = history["probe_reconstruction_loss"]
    assert len(measured) == 3
    assert len(history["val_loss"]) == 1
    # The same quantity by another route and other noise.
    assert measured[2] == pytest.approx(history["val_reconstruction_loss"][0], rel=0.03)
    assert pruning.state.history["reconstruction"] == tuple(measured)


def test_a_probe_replaces_the_validation_data():
    vae, pruning = traced_vae(8), callback(ENDLESS, probe=(VALIDATION, LABELS[200:]))
    history = fit(vae, pruning, validation_data=None).history
    assert history["active_dims"] == [8, 6, 4]
    assert "probe_reconstruction_loss" in history


def test_clusters_come_from_the_labels(monkeypatch):
    found = []

    class Meter(QualityMeter):
        def __init__(self, model, n_clusters, *arguments):
            found.append(n_clusters)
            super().__init__(model, n_clusters, *arguments)

    monkeypatch.setattr("ald_keras.callbacks.epoch_meter.QualityMeter", Meter)
    for y in (LABELS[200:], None, VALIDATION):
        pruning = callback(n_clusters=None)
        fit(traced_vae(4), pruning, epochs=1, validation_data=(VALIDATION, y))
    assert found == [3, 10, 10]


def test_a_metric_of_the_user_s_own():
    calls = []

    def brightness(model, x, y):
        calls.append((x.shape, y))
        return float(np.mean(keras.ops.convert_to_numpy(model.reconstruct(x))))

    rule = ALDRule(patience=1, slope_window=2, thresholds={"brightness": 0.0})
    pruning = callback(rule, metrics={"brightness": (brightness, "max")})
    history = fit(traced_vae(8), pruning, epochs=3).history
    assert len(history["val_brightness"]) == 3
    assert history["active_dims"][:2] == [8, 3]
    assert calls[0] == ((100, 8, 8, 1), None)
    # Two epochs make a slope.
    assert ["brightness" in d.details for d in pruning.decisions[:2]] == [False, True]


def test_frechet_distances_can_be_left_out():
    rule = ALDRule(patience=1, thresholds={"reconstruction": 0.0, "silhouette": 0.0})
    history = fit(traced_vae(8), callback(rule, features=None)).history
    assert "val_silhouette" in history
    assert "val_frechet_generation" not in history


def test_nothing_is_recorded_while_beta_moves():
    pruning = callback(ENDLESS)
    history = fit(traced_vae(8), KLWarmup(3), pruning, epochs=5).history
    assert history["active_dims"] == [8, 8, 8, 8, 6]
    assert len(history["val_silhouette"]) == 5


class Watching(SizeCurveRule):
    """Keeps what it has seen."""

    def update(self, state, observation):
        self.seen.append(observation.metrics)
        return super().update(state, observation)


def watching(**options):
    rule = Watching(**options)
    object.__setattr__(rule, "seen", [])
    return rule


def test_the_baseline_is_that_of_the_training_data():
    rule = watching()
    fit(traced_vae(4), callback(rule, interval="epoch"))
    p = np.clip(TRAIN.mean(axis=0, dtype="float64"), 1e-12, 1 - 1e-12)
    expected = -(p * np.log(p) + (1 - p) * np.log1p(-p)).sum()
    assert len({metrics["baseline_nll"] for metrics in rule.seen}) == 1
    assert rule.seen[0]["baseline_nll"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["dataset", "PyDataset", "generator"])
def test_the_baseline_of_a_stream(kind):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, i):
            return TRAIN[40 * i : 40 * (i + 1)], LABELS[40 * i : 40 * (i + 1)]

    def generate():
        while True:
            yield (TRAIN[:40],)

    rule, vae = watching(), small_vae(4)
    vae.compile(keras.optimizers.Adam(1e-2))
    streams = {
        "dataset": lambda: stream_of(TRAIN, 40),
        "PyDataset": Batches,
        "generator": generate,
    }
    vae.fit(
        streams[kind](),
        steps_per_epoch=5 if kind == "generator" else None,
        epochs=1,
        validation_data=(VALIDATION,),
        callbacks=[callback(rule, interval="epoch", n_clusters=3)],
        verbose=0,
    )
    # A generator can be read only once: a sample of the validation data stands in.
    x = VALIDATION if kind == "generator" else TRAIN
    p = np.clip(x.mean(axis=0, dtype="float64"), 1e-12, 1 - 1e-12)
    expected = -(p * np.log(p) + (1 - p) * np.log1p(-p)).sum()
    assert rule.seen[0]["baseline_nll"] == pytest.approx(expected, rel=1e-4)


def test_nats_do_not_ask_what_is_lost_without_codes():
    fit(traced_vae(4), callback(rule := watching(tolerance=1.0), interval="epoch"))
    assert "baseline_nll" not in rule.seen[0]


class SquaredError:
    def nll(self, x, output):
        return keras.ops.sum(keras.ops.square(x - output), axis=(1, 2, 3))

    def mean(self, output):
        return output


def test_a_likelihood_of_one_s_own_may_need_nats():
    with pytest.raises(ValueError, match="`likelihood` must have a method `best_con"):
        fit(small_vae(4, likelihood=SquaredError()), callback(SizeCurveRule()))
    rule = SizeCurveRule(tolerance=1.0)
    fit(small_vae(4, likelihood=SquaredError()), callback(rule))
    SquaredError.best_constant = lambda self, x: keras.ops.mean(x, axis=0)
    try:
        pruning = callback(rule := watching(), interval="epoch")
        fit(small_vae(4, likelihood=SquaredError()), pruning)
    finally:
        del SquaredError.best_constant
    assert rule.seen[0]["baseline_nll"] == pytest.approx(
        TRAIN.var(axis=0).sum(), rel=1e-4
    )


def test_records_are_dropped_when_beta_moves_later():
    class Jump(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.beta.assign([1.0, 1.0, *[0.5] * 5][epoch])

    pruning = callback(ALDRule(patience=3, initial_step=2))
    history = fit(traced_vae(8), Jump(), pruning, epochs=7).history
    # Two records, dropped; then epochs 3, 4 and 5 are three.
    assert [d.epoch for d in pruning.decisions] == [5]
    assert history["active_dims"] == [8, 8, 8, 8, 8, 8, 6]


def test_records_are_dropped_when_beta_jumps_to_its_goal():
    class Jump(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.beta.assign([0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0][epoch])

    pruning = callback(ALDRule(patience=3, initial_step=2))
    fit(traced_vae(8), Jump(), pruning, epochs=7)
    # Epochs 1 and 2 are recorded and dropped; epochs 3, 4 and 5 are three.
    assert [d.epoch for d in pruning.decisions] == [5]


def test_fit_can_end_once_the_size_is_fixed():
    vae, pruning = traced_vae(8), callback(ENDLESS, stop_training=True)
    history = fit(vae, pruning, epochs=20).history
    assert len(history["loss"]) == 4
    assert pruning.fixed_epoch == 3


def test_an_unfixed_end_is_told(capsys):
    vae, pruning = traced_vae(8), callback()
    fit(vae, pruning, epochs=2)
    assert pruning.fixed_epoch is None
    pruning.summary()
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[-1].startswith("ALD: 8 -> 6 latent dimensions, not fixed")


def test_verbose_prints_a_line_a_decision(capsys):
    fit(traced_vae(8), callback(ENDLESS, verbose=1), epochs=3)
    out = capsys.readouterr().out
    assert "Epoch 1: " in out
    assert "Epoch 2: " in out
    assert out.strip().splitlines()[-1].startswith("ALD: 8 -> 4")


def test_several_fits_start_anew_from_what_is_active():
    vae, pruning = traced_vae(8), callback(ENDLESS)
    fit(vae, pruning, epochs=2)
    assert vae.active_dims == 6
    fit(vae, pruning, epochs=2)
    assert vae.active_dims == 4
    assert len(pruning.decisions) == 1


def test_a_copy_holds_neither_model_nor_data():
    vae, pruning = traced_vae(8), callback(ENDLESS)
    twin = copy.deepcopy(pruning)
    fit(vae, pruning, epochs=2)
    later = copy.deepcopy(pruning)
    assert later.model is None
    assert later.decisions == pruning.decisions
    assert later.result() == pruning.result()
    assert later.fixed_epoch == pruning.fixed_epoch
    other = traced_vae(8)
    fit(other, twin, epochs=2)
    assert twin.decisions == pruning.decisions


@pytest.mark.parametrize(("order", "last", "dims"), [(1, 4, 8), (-1, 4, 8)])
def test_restored_weights_are_noticed(order, last, dims):
    # The best epoch by this monitor is the first.
    stopping = keras.callbacks.EarlyStopping(
        monitor="active_dims", mode="max", patience=2, restore_best_weights=True
    )
    vae, pruning = traced_vae(8), callback(ENDLESS)
    with pytest.warns(UserWarning, match=f"from outside, from {last} to {dims}"):
        fit(vae, *[pruning, stopping][::order], epochs=10)
    assert vae.active_dims == dims
    assert pruning.fixed_epoch is None
    assert pruning.decisions[-1].action == "restart"
    assert pruning.decisions[-1].active_dims == dims


def test_a_mask_changed_between_epochs_starts_the_rule_over():
    class Restore(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                inactive = np.setdiff1d(
                    np.arange(8), self.model.latent_mask.active_indices
                )
                self.model.latent_mask.activate(inactive)

    vae, pruning = traced_vae(8), callback(ENDLESS)
    with pytest.warns(UserWarning, match="changed from outside, from 6 to 8"):
        history = fit(vae, Restore(), pruning, epochs=4).history
    assert history["active_dims"] == [8, 6, 8, 6]


def test_posterior_collapse_is_told_loudly():
    vae = small_vae(6, beta=1e4)
    pruning = callback(ENDLESS)
    with pytest.warns(UserWarning, match="posterior collapse.*beta"):
        fit(vae, pruning, epochs=11)
    assert (pruning.collapsed, pruning.status) == (True, "collapsed")
    assert "inconclusive" in pruning.result()


def test_a_non_finite_metric_is_an_error():
    bad = callback(
        ALDRule(thresholds={"odd": 0.0}),
        metrics={"odd": (lambda model, x, y: float("nan"), "min")},
    )
    with pytest.raises(ValueError, match="Epoch 1: the metric 'odd' must be finite"):
        fit(traced_vae(4), bad)


def test_what_fit_must_bring():
    with pytest.raises(ValueError, match="`validation_data` or `validation_split`"):
        fit(traced_vae(4), callback(), validation_data=None)
    with pytest.raises(ValueError, match="10 clusters .* 9 samples"):
        fit(traced_vae(4), callback(n_clusters=10), validation_data=X[:9])
    one_class = (VALIDATION, np.zeros(100))
    with pytest.raises(ValueError, match="1 clusters"):
        fit(traced_vae(4), callback(n_clusters=None), validation_data=one_class)
    with pytest.raises(ValueError, match="`probe`"):
        fit(traced_vae(4), callback(probe=VALIDATION * 2))


def test_a_stream_without_end_asks_for_a_probe():
    def endless():
        while True:
            yield VALIDATION

    dataset = stream_of(VALIDATION, 50, endless=True)
    for stream in (endless(), dataset):
        with pytest.raises(ValueError, match="probe="):
            fit(traced_vae(4), callback(), validation_data=stream, validation_steps=1)


def test_a_model_without_a_mask_is_an_error():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    with pytest.raises(TypeError, match="`latent_mask`"):
        model.fit(np.zeros((4, 2)), np.zeros(4), callbacks=[ALDCallback()], verbose=0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rule": "ald"}, TypeError, "`rule`"),
        ({"n_clusters": 1}, ValueError, "`n_clusters`"),
        ({"probe_size": 2}, ValueError, "`probe_size`"),
        ({"probe_size": 10.0}, ValueError, "`probe_size`"),
        ({"seed": -1}, ValueError, "`seed`"),
        ({"probe": "data"}, TypeError, "`probe`"),
        ({"probe": range(3)}, TypeError, "`probe`"),
        ({"metrics": {"m": lambda m, x, y: 0.0}}, ValueError, "'min' or 'max'"),
        ({"metrics": {"silhouette": (len, "max")}}, ValueError, "new names"),
        (
            {"rule": ALDRule(), "features": None},
            ValueError,
            "frechet_reconstruction",
        ),
        ({"rule": ALDRule(thresholds={"mine": 0.0})}, ValueError, "'mine'"),
    ],
)
def test_bad_arguments_are_errors_at_construction(options, error, message):
    with pytest.raises(error, match=message):
        ALDCallback(**options)


def test_a_checkpoint_holds_the_mask_its_figures_belong_to(tmp_path):
    path = str(tmp_path / "{epoch}.keras")
    saving = keras.callbacks.ModelCheckpoint(path, monitor="loss")
    vae, pruning = traced_vae(8), callback(ENDLESS)
    history = fit(vae, pruning, saving, epochs=3).history
    for epoch, dims in enumerate(history["active_dims"], start=1):
        saved = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        assert saved.active_dims == dims


def test_the_logs_reach_other_callbacks(tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    fit(traced_vae(8), callback(ENDLESS), logger, epochs=1)
    header = (tmp_path / "log.csv").read_text().splitlines()[0].split(",")
    assert {f"val_{name}" for name in METRICS} <= set(header)


def test_a_mask_changed_within_an_epoch_is_noticed():
    class Change(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.latent_mask.deactivate(
                    self.model.latent_mask.active_indices[:1]
                )

    with pytest.warns(UserWarning, match="changed from outside, from 6 to 5"):
        fit(traced_vae(8), Change(), callback(ENDLESS), epochs=2)


def test_a_stream_of_unknown_length_is_bounded_by_the_steps(tf):
    def endless():
        while True:
            yield VALIDATION[:50]

    stream = tf.data.Dataset.from_generator(
        endless, output_signature=tf.TensorSpec((50, 8, 8, 1))
    )
    vae, pruning = traced_vae(8), callback(ENDLESS)
    history = fit(vae, pruning, validation_data=stream, validation_steps=2).history
    assert history["active_dims"] == [8, 6, 4]


def test_nothing_is_held_after_a_fit_that_fails():
    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError

    pruning = callback(ENDLESS)
    with pytest.raises(KeyError):
        fit(traced_vae(8), pruning, Fail())
    assert pruning._observer is None
