"""Inception features; its real weights have to be downloaded, the real network not."""

import os
import pathlib
import random
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from ald_keras.metrics import build_extractor, frechet_distance
from ald_keras.metrics.inception import build_inception


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(299, 299, 3), pooling="avg"
    )


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "inception.weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture(scope="module")
def grey(weights):
    """The extractor of small grey images."""
    return build_extractor("inception", (8, 8, 1), weights=weights)


def images(n, *shape):
    return np.random.default_rng(0).random((n, *shape)).astype("float32")


def test_colour_is_kept_and_values_are_scaled(network, weights):
    x = images(2, 299, 299, 3)
    features = build_extractor("inception", x.shape[1:], weights=weights)(x)
    assert features.shape == (2, 2048)
    expected = network.predict_on_batch(2.0 * x - 1.0)
    np.testing.assert_allclose(features, expected, atol=1e-6)


@pytest.mark.slow
def test_large_images_are_smoothed_before_they_are_sampled(network, weights):
    x = images(2, 420, 380, 1)
    features = build_extractor("inception", x.shape[1:], weights=weights)(x)
    resized = [
        np.asarray(Image.fromarray(i[..., 0]).resize((299, 299), Image.BILINEAR))
        for i in x
    ]
    grey = np.repeat(np.stack(resized)[..., None], 3, axis=-1)
    expected = network.predict_on_batch(2.0 * grey - 1.0)
    np.testing.assert_allclose(features, expected, atol=1e-3 * expected.max())
    assert np.abs(expected).max() > 0


@pytest.mark.slow
def test_a_clip_gives_a_row_a_frame(weights):
    clips = images(2, 2, 16, 16, 3)
    extract = build_extractor("inception", clips.shape[1:], weights=weights)
    one = build_extractor("inception", (16, 16, 3), weights=weights)
    frames, found = one(clips.reshape(4, 16, 16, 3)), extract(clips)
    np.testing.assert_allclose(found, frames, atol=1e-6)
    assert frechet_distance(found, frames) == pytest.approx(0.0, abs=1e-6)


def test_it_computes_in_float32_and_leaves_the_users_settings_alone(weights):
    random.seed(0)
    before = random.getstate()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_inception((16, 16, 3), weights)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert random.getstate() == before
    assert {layer.compute_dtype for layer in model._flatten_layers()} == {"float32"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_weights_in_the_older_form_are_read(network, tmp_path):
    network.save(tmp_path / "notop.h5")
    x = images(1, 299, 299, 3)
    extract = build_extractor("inception", x.shape[1:], weights=tmp_path / "notop.h5")
    np.testing.assert_allclose(
        extract(x), network.predict_on_batch(2.0 * x - 1.0), atol=1e-6
    )


def test_what_a_decoder_puts_beyond_the_range_is_cut_off(grey):
    x = 3.0 * images(2, 8, 8, 1) - 1.0
    np.testing.assert_array_equal(grey(x), grey(np.clip(x, 0.0, 1.0)))


def test_files_that_hold_something_else(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        build_inception((8, 8, 1), tmp_path / "none.h5")
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "text.h5").write_text("no weights")
    for name in ("other.weights.h5", "text.h5"):
        with pytest.raises(ValueError, match="InceptionV3's weights") as error:
            build_inception((8, 8, 1), tmp_path / name)
        assert name in str(error.value)


def test_what_inception_cannot_take(weights, grey):
    with pytest.raises(ValueError, match="1 or 3 channels"):
        build_extractor("inception", (8, 8, 13), weights=weights)
    x = images(2, 8, 8, 1)
    grey.check_data(x)
    for scaled in (255.0 * x, 2.0 * x - 1.0):
        with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
            grey.check_data(scaled)
    with pytest.raises(ValueError, match="'inception'. alone"):
        build_extractor("random_conv", (8, 8, 1), weights=weights)


def test_without_a_connection_it_says_what_to_do(tmp_path):
    # A proxy that nobody runs: Keras's own downloader fails, connected or not.
    arguments = ["--config", "configs/digits.yaml", "--set", "probe.features=inception"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ald_keras.train",
            *arguments,
            "--output",
            tmp_path / "run",
        ],
        cwd=pathlib.Path(__file__).parents[2],
        env={
            **os.environ,
            "KERAS_HOME": str(tmp_path / "home"),
            "https_proxy": "http://127.0.0.1:9",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    message = done.stderr.strip().splitlines()[-1]
    assert "give the file as `weights`" in message
    assert "notop.h5" in message
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.network
def test_the_published_weights_tell_spoilt_images():
    x = images(40, 32, 32, 3)
    extract = build_extractor("inception", (32, 32, 3))
    mild, strong = (np.clip(x + s, 0, 1) for s in (0.05, 0.4))
    assert frechet_distance(extract(x), extract(mild)) < frechet_distance(
        extract(x), extract(strong)
    )
