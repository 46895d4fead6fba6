"""What is written for TensorBoard, read back with its own reader."""

import keras
import numpy as np
import pytest
from builders import digits, small_vae

from ald_keras import ALDCallback, LatentTensorBoard
from ald_keras.callbacks.latent_tensorboard import is_image, strip
from ald_keras.metrics import gaussian_kl

X = digits(150)
TRAIN, VALIDATION = X[:100], X[100:]


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), {"images": 0, "tensors": 0}).Reload()


def fit(folder, epochs=4, x=TRAIN, validation=VALIDATION, vae=None, **options):
    vae = small_vae(6) if vae is None else vae
    vae.latent_mask.deactivate([2])
    vae.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    pruning = ALDCallback(n_clusters=3, features=None)
    vae.fit(
        x,
        epochs=epochs,
        validation_data=validation,
        callbacks=[pruning, LatentTensorBoard(folder, **options)],
        verbose=0,
    )
    return vae


def decoded(tf, event):
    strings = tf.make_ndarray(event.tensor_proto)
    return tf.io.decode_png(strings[2]).numpy()


@pytest.mark.tensorflow
def test_images_histogram_and_scalars(tmp_path):
    vae = fit(tmp_path, every=3, n_images=4)
    events = read(tmp_path / "latent")
    assert set(events.Tags()["tensors"]) == {
        "kl_per_dimension",
        "reconstructions",
        "samples",
    }
    for tag in ("kl_per_dimension", "reconstructions", "samples"):
        assert [event.step for event in events.Tensors(tag)] == [0, 2]
    # The figures that ALDCallback has put into the logs.
    scalars = read(tmp_path / "train").Tags()["tensors"]
    assert {"epoch_loss", "epoch_active_dims"} <= set(scalars)
    assert "epoch_silhouette" in read(tmp_path / "validation").Tags()["tensors"]
    assert vae.active_dims == 5


def test_they_show_the_model_as_it_is(tmp_path, tf):
    # All 50 in the sample, so that it can be drawn again; the last epoch is written.
    vae = fit(tmp_path, every=3, n_images=4, epochs=3)
    events = read(tmp_path / "latent")
    x = VALIDATION[:4]
    made = keras.ops.convert_to_numpy(vae.decode(vae.encode(x)[0]))
    expected = np.concatenate([strip(x), strip(made)])
    found = decoded(tf, events.Tensors("reconstructions")[-1])
    assert found.shape == (16, 32, 1)
    np.testing.assert_allclose(found / 255, expected, atol=1 / 255 + 1e-6)
    first, last = (decoded(tf, event) for event in events.Tensors("samples"))
    assert not np.array_equal(first, last)
    # Three columns: left edge, right edge, count.
    bins = tf.make_ndarray(events.Tensors("kl_per_dimension")[-1].tensor_proto)
    kl = keras.ops.convert_to_numpy(gaussian_kl(*vae.encode(VALIDATION))).mean(axis=0)
    kl = kl[vae.latent_mask.active_indices]
    assert bins[:, 2].sum() == 5
    np.testing.assert_allclose((bins[0, 0], bins[-1, 1]), (kl.min(), kl.max()), 1e-4)


@pytest.mark.tensorflow
def test_vectors_have_a_histogram_and_no_images(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 5)).astype("float32")
    encoder = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8)])
    decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    vae = type(small_vae())(encoder, decoder, 3, likelihood="gaussian", seed=0)
    fit(tmp_path, epochs=1, x=x, validation=x[:20], vae=vae)
    assert read(tmp_path / "latent").Tags()["tensors"] == ["kl_per_dimension"]


def test_a_clip_is_a_column_of_frames():
    clips = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5, 1)
    laid = strip(clips)
    assert laid.shape == (12, 10, 1)
    np.testing.assert_array_equal(laid[4:8, 5:, 0], clips[1, 1, :, :, 0])


def test_images_without_channels_are_images():
    assert is_image(np.zeros((2, 8, 6)))
    assert strip(np.zeros((2, 8, 6))).shape == (8, 12, 1)


@pytest.mark.parametrize("name", ["every", "n_images"])
def test_wrong_arguments_are_named(name, tmp_path):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
        LatentTensorBoard(tmp_path, **{name: 0})
