"""What is measured each epoch, with and without features that are kept."""

import keras
import numpy as np
import pytest
from builders import digits, small_vae

from ald_keras import ALDCallback
from ald_keras.callbacks import epoch_meter
from ald_keras.metrics import build_extractor
from ald_keras.metrics.quality import QualityMeter
from ald_keras.rules import ALDRule

X = digits(160)
TRAIN, VALIDATION = X[:100], X[100:]
FRECHET = ("val_frechet_reconstruction", "val_frechet_generation")


def fit(validation=VALIDATION, **options):
    vae = small_vae(4, seed=0)
    vae.compile(keras.optimizers.Adam(1e-2))
    options = {"n_clusters": 3, "probe_size": 20, "metrics_freq": 1, **options}
    pruning = ALDCallback(**options)
    return vae.fit(
        TRAIN, epochs=3, validation_data=validation, callbacks=[pruning], verbose=0
    ).history


def test_features_that_are_kept_change_no_figure(monkeypatch):
    kept = fit(seed=1)
    monkeypatch.setattr(epoch_meter, "_KEPT_FEATURES", 0)
    taken = fit(seed=1)
    assert kept["val_silhouette"] == taken["val_silhouette"]
    for name in FRECHET:
        np.testing.assert_allclose(kept[name], taken[name], rtol=1e-4)
        assert len(set(kept[name])) == 3


@pytest.mark.parametrize(("times", "expected"), [(3, [60]), (2, [20, 20, 20])])
def test_they_are_taken_once_where_that_pays(monkeypatch, times, expected):
    monkeypatch.setattr(epoch_meter, "_KEPT_FEATURES", times)
    seen = []
    features_of = QualityMeter.features_of

    def listen(self, batches):
        batches = list(batches)
        seen.append(sum(map(len, batches)))
        return features_of(self, batches)

    monkeypatch.setattr(QualityMeter, "features_of", listen)
    fit()
    assert seen == expected


def test_features_of_a_function_are_taken_anew():
    seen = []

    def mean(images):
        seen.append(len(images))
        return np.asarray(images).mean(axis=(1, 2))

    fit(features=mean)
    # Of data, reconstructions and samples, in each epoch.
    assert seen == [20] * 9


def measured_epochs(epochs, callbacks=(), **options):
    """Epochs in which the features of reconstructions were taken."""
    epoch, seen = [0], []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda number, logs: epoch.__setitem__(0, number)
    )

    def mean(images):
        seen.append(epoch[0])
        return np.asarray(images).mean(axis=(1, 2))

    vae = small_vae(4, seed=0)
    vae.compile(keras.optimizers.Adam(1e-2))
    pruning = ALDCallback(n_clusters=3, probe_size=20, features=mean, **options)
    history = vae.fit(
        TRAIN,
        epochs=epochs,
        validation_data=VALIDATION,
        callbacks=[note, pruning, *callbacks],
        verbose=0,
    ).history
    assert len(history["val_silhouette"]) == epochs
    return sorted(set(seen)), history["val_silhouette"]


def test_metrics_that_no_one_reads_are_measured_seldom():
    epochs, values = measured_epochs(23)
    assert epochs == [0, 9, 19, 22]
    assert len(set(values)) == 4
    assert values[9:19] == [values[9]] * 10
    assert measured_epochs(5, metrics_freq=2)[0] == [0, 1, 3, 4]


@pytest.mark.parametrize(
    "options",
    [
        {"rule": ALDRule()},
        {"metrics": {"ones": (lambda model, x, y: 1.0, "min")}},
        {"callbacks": [keras.callbacks.EarlyStopping("val_silhouette", mode="max")]},
    ],
)
def test_metrics_that_are_read_are_measured_each_epoch(options):
    assert measured_epochs(2, **options)[0] == [0, 1]


def test_data_that_features_are_not_for_are_refused_before_training(monkeypatch):
    extractor = build_extractor("random_conv", (8, 8, 1))
    extractor.bounded = True
    vae = small_vae(4, likelihood="gaussian")
    vae.compile("sgd")
    pruning = ALDCallback(n_clusters=3, features=extractor)
    with pytest.raises(ValueError, match="values in \\[0, 1\\]"):
        vae.fit(
            TRAIN,
            validation_data=2.0 * VALIDATION,
            callbacks=[pruning],
            verbose=0,
        )
    assert vae.optimizer.iterations == 0


def test_a_clip_keeps_the_features_of_its_frames():
    clips = np.random.default_rng(0).random((6, 3, 8, 8, 1)).astype("float32")

    class Model:
        data_shape = (3, 8, 8, 1)
        data_values = staticmethod(np.asarray)

    meter = QualityMeter(Model(), 2, "random_conv", {})
    found = meter.features_of([clips[:4], clips[4:]])
    assert found.shape == (6, 3, 256)
    frames = build_extractor("random_conv", (8, 8, 1))
    np.testing.assert_allclose(found[4], frames(clips[4]), rtol=1e-5, atol=1e-6)
