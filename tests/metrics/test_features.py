import copy
import pickle
import random

import keras
import numpy as np
import pytest
from builders import digits
from scipy.ndimage import gaussian_filter

from ald_keras.metrics import FeatureExtractor, build_extractor, frechet_distance

BLURS = (0.5, 1.0, 2.0, 4.0)
NOISES = (0.05, 0.1, 0.2, 0.4)

DATASETS = ["digits", "mnist", pytest.param("eurosat", marks=pytest.mark.slow)]


def blurred(images, sigma):
    return gaussian_filter(images, (0, sigma, sigma, 0))


def noisy(images, std):
    noise = np.random.default_rng(0).standard_normal(images.shape)
    return np.clip(images + std * noise, 0.0, 1.0).astype("float32")


def grows(values):
    return bool(np.all(np.diff(values) > 0))


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("spoil", "levels"), [(blurred, BLURS), (noisy, NOISES)])
def test_random_conv_tells_how_bad_images_are(real_images, dataset, spoil, levels):
    images = real_images(dataset)
    others, images = images[:500], images[500:]
    extract = build_extractor("random_conv", images.shape[1:])
    sharp = extract(images)
    for reference in (extract(others), sharp):
        spoilt = [extract(spoil(images, level)) for level in levels]
        values = [frechet_distance(reference, f) for f in (sharp, *spoilt)]
        assert grows(values), values


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("spoil", "levels"), [(blurred, BLURS), (noisy, NOISES)])
def test_identity_tells_how_bad_images_are(real_images, dataset, spoil, levels):
    # Against the same images: among others, the sampling error of hundreds or
    # thousands of dimensions hides a slight blur.
    images = real_images(dataset)[500:700]
    extract = build_extractor("identity", images.shape[1:])
    sharp = extract(images)
    values = [frechet_distance(sharp, extract(spoil(images, v))) for v in (0, *levels)]
    assert grows(values), values


@pytest.mark.parametrize(("spoil", "levels"), [(blurred, BLURS), (noisy, NOISES)])
def test_identity_ranks_small_images_against_others(spoil, levels):
    images = digits(1000)
    others, images = images[:500], images[500:]
    extract = build_extractor("identity", (8, 8, 1))
    spoilt = [spoil(images, level) for level in (0, *levels)]
    values = [frechet_distance(extract(others), extract(v)) for v in spoilt]
    assert grows(values), values


def test_random_conv_notices_missing_classes(real_images):
    images = real_images("digits")
    first, second = images[:500], images[500:]
    extract = build_extractor("random_conv", (8, 8, 1))
    half = np.tile(second[:50], (10, 1, 1, 1))
    whole = frechet_distance(extract(first), extract(second))
    assert frechet_distance(extract(first), extract(half)) > 1.5 * whole


def test_random_conv_is_the_same_network_everywhere():
    # Numbers written down once: a new Keras, NumPy or backend must give them again.
    images = np.sin(np.arange(2 * 12 * 10 * 3)).reshape(2, 12, 10, 3)
    features = build_extractor("random_conv", (12, 10, 3))(images)
    assert features.shape == (2, 256)
    some = features[:, [0, 1, 31, 32, 95, 96, 255]]
    expected = [
        [0.30777055, 0.8750372, 0.36611113, 0.0932966, 0.0, 0.06538958, 0.26796085],
        [0.26892364, 0.32902780, 0.22524741, 0.2021034, 0.17733219, 0.23785865, 0.0],
    ]
    np.testing.assert_allclose(some, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(features.sum(axis=1), [64.244369, 69.111885], rtol=1e-4)


def test_random_conv_is_a_plain_convolution_computed_by_hand():
    # One pixel sees the centre of each kernel alone: x -> relu(x @ K), three times.
    extract = build_extractor("random_conv", (1, 1, 2))
    pixel = np.array([0.7, -0.4])
    rng = np.random.RandomState(0)
    hidden, expected, channels = pixel, [], 2
    for width in (32, 64, 160):
        kernel = rng.standard_normal((3, 3, channels, width))
        kernel[..., ::2] -= kernel[..., ::2].mean(axis=(0, 1))
        kernel *= np.sqrt(2.0 / np.sum(kernel**2, axis=(0, 1, 2)))
        hidden, channels = np.maximum(hidden @ kernel[1, 1], 0.0), width
        expected.append(hidden)
    np.testing.assert_allclose(
        extract(pixel.reshape(1, 1, 1, 2))[0], np.concatenate(expected), atol=1e-5
    )


@pytest.mark.parametrize(
    "shape", [(8, 8), (8, 8, 1), (28, 28), (64, 64, 3), (5, 9, 7), (1, 1, 1)]
)
def test_random_conv_takes_any_size(shape):
    images = np.random.default_rng(0).random((3, *shape))
    features = build_extractor("random_conv", shape)(images)
    assert features.shape == (3, 256)
    assert np.std(features, axis=0).max() > 0


def test_a_missing_channel_axis_changes_nothing():
    images = np.random.default_rng(0).random((4, 9, 9))
    without = build_extractor("random_conv", (9, 9))(images)
    np.testing.assert_array_equal(
        without, build_extractor("random_conv", (9, 9, 1))(images[..., None])
    )


def test_a_clip_gives_a_row_a_frame():
    clips = np.random.default_rng(0).random((3, 8, 6, 6, 2))
    extract = build_extractor("auto", (8, 6, 6, 2))
    assert (extract.name, extract.rows_per_sample) == ("random_conv", 8)
    frames = build_extractor("random_conv", (6, 6, 2))(clips.reshape(24, 6, 6, 2))
    np.testing.assert_array_equal(extract(clips), frames)


def test_an_extractor_is_taken_as_it_is():
    extract = build_extractor("random_conv", (8, 8, 1), seed=3)
    assert build_extractor(extract, (8, 8, 1)) is extract
    with pytest.raises(ValueError, match=r"samples of shape \(8, 8\). Received: <Fea"):
        build_extractor(extract, (8, 8))


def test_batches_do_not_show():
    images = np.random.default_rng(0).random((601, 8, 8, 1))
    extract = build_extractor("random_conv", (8, 8, 1))
    single = np.concatenate([extract(images[i : i + 1]) for i in (0, 249, 250, 600)])
    np.testing.assert_allclose(
        extract(images)[[0, 249, 250, 600]], single, rtol=1e-4, atol=1e-6
    )


def test_features_scale_with_the_data():
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype="uint8")
    extract = build_extractor("random_conv", (8, 8, 3))
    np.testing.assert_allclose(
        extract(images), 255 * extract(images / 255), rtol=1e-4, atol=1e-2
    )


def test_seeds_give_other_networks():
    images = np.random.default_rng(0).random((2, 8, 8, 1))
    zero, again, one = (
        build_extractor("random_conv", (8, 8, 1), seed)(images) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(zero, again)
    assert np.abs(zero - one).max() > 0.1


def test_the_users_model_is_left_alone():
    keras.utils.set_random_seed(0)
    undisturbed, name = random.random(), keras.layers.Dense(1).name
    keras.utils.set_random_seed(0)
    build_extractor("auto", (8, 8, 1))(digits(10))
    assert random.random() == undisturbed
    number = int(name.rpartition("_")[2]) if "_" in name else 0
    assert keras.layers.Dense(1).name == f"dense_{number + 1}"


@pytest.mark.parametrize(
    ("shape", "name"),
    [((8, 8), "random_conv"), ((8, 8, 3), "random_conv"), ((30,), "identity")],
)
def test_auto_depends_on_the_data(shape, name):
    assert build_extractor("auto", shape).name == name


def test_identity_flattens():
    images = np.random.default_rng(0).random((3, 4, 5, 2))
    features = build_extractor("identity", (4, 5, 2))(images)
    np.testing.assert_array_equal(features, images.reshape(3, 40))


class Traced(keras.Model):
    """A model that remembers the shapes it is traced or called with."""

    def __init__(self):
        super().__init__(name="traced")
        self.dense = keras.layers.Dense(4)
        self.shapes = set()
        self.calls = 0

    def call(self, inputs):
        self.calls += 1
        self.shapes.add(tuple(inputs.shape))
        return self.dense(inputs)


@pytest.mark.parametrize("count", [1, 100, 250, 601])
def test_a_model_gives_its_prediction(count):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(3)],
        name="mine",
    )
    images = digits(count)
    extract = build_extractor(model, (8, 8, 1))
    expected = keras.ops.convert_to_numpy(model(images))
    assert extract.name == "mine"
    np.testing.assert_allclose(extract(images), expected, rtol=1e-5, atol=1e-6)


def test_a_model_is_not_traced_again():
    model = Traced()
    extract = build_extractor(model, (6,))
    data = np.random.default_rng(0).random((600, 6)).astype("float32")
    extract(data)
    traced = model.calls
    for count in (600, 500, 251):
        extract(data[:count])
    assert model.calls == traced
    assert model.shapes == {(250, 6)}


def test_a_model_of_another_shape_is_refused():
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match=r"samples of shape \(28, 28\). Received"):
        build_extractor(model, (28, 28))
    free = keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D()]
    )
    assert build_extractor(free, (8, 8, 1))(digits(5)).shape == (5, 1)


def test_a_model_of_two_outputs_is_refused():
    inputs = keras.Input((6,))
    model = keras.Model(inputs, [inputs + 1.0, inputs + 2.0])
    with pytest.raises(ValueError, match="one output. Received: 2 outputs"):
        build_extractor(model, (6,))(np.zeros((3, 6)))


def test_half_precision_features_are_accepted():
    def halves(samples):
        return keras.ops.cast(samples, "bfloat16")

    features = build_extractor(halves, (2,))(np.array([[1.0, 2.0], [0.5, 4.0]]))
    assert features.dtype == np.float32
    assert features.tolist() == [[1.0, 2.0], [0.5, 4.0]]


def test_a_function_is_called_with_all_samples():
    seen = []

    def moments(samples):
        seen.append(samples.shape)
        return np.stack([samples.mean(axis=(1, 2)), samples.std(axis=(1, 2))], axis=1)

    extract = build_extractor(moments, (8, 8))
    assert extract.name == "moments"
    assert extract(digits(300)[..., 0]).shape == (300, 2)
    assert seen == [(300, 8, 8)]


def test_a_callable_object_has_its_class_as_name():
    layer = keras.layers.Flatten()
    extract = build_extractor(layer, (8, 8, 1))
    assert extract.name == "Flatten"
    assert extract(digits(4)).shape == (4, 64)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.sum(axis=1), r"\(4, d\) for 4 samples. Received: shape=\(4,\)"),
        (lambda x: x[:2], r"\(4, d\) for 4 samples. Received: shape=\(2, 3\)"),
        (lambda x: x[None], r"\(4, d\) for 4 samples. Received: shape=\(1, 4, 3\)"),
        (lambda x: x[:, :0], r"\(4, d\) for 4 samples. Received: shape=\(4, 0\)"),
        (lambda x: x * np.nan, "must be finite. Received: 12 of 12"),
        (lambda x: x.astype(complex), "real numbers. Received: dtype=complex128"),
    ],
)
def test_what_a_function_returns_is_checked(function, message):
    with pytest.raises(ValueError, match=message):
        build_extractor(function, (3,))(np.ones((4, 3)))


@pytest.mark.parametrize("name", ["random_conv", "identity"])
@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            np.zeros((4, 8, 8)),
            r"shape \(n, \*\(8, 8, 1\)\).*Received: shape=\(4, 8, 8\)",
        ),
        (np.zeros((8, 8, 1)), "Received: shape"),
        (np.zeros((0, 8, 8, 1)), "Received: shape"),
        (np.full((2, 8, 8, 1), np.nan), "`samples` must be finite"),
        (np.full((2, 8, 8, 1), "a"), "real numbers"),
    ],
)
def test_bad_samples_are_refused(name, samples, message):
    with pytest.raises(ValueError, match=message):
        build_extractor(name, (8, 8, 1))(samples)


@pytest.mark.parametrize(
    ("features", "shape", "seed", "error", "message"),
    [
        ("inceptoin", (8, 8), 0, ValueError, "'random_conv', 'inception'"),
        ("random_conv", (30,), 0, ValueError, r"data_shape=\(30,\)"),
        ("auto", (2, 8, 64, 64, 3), 0, ValueError, "images.*or vectors"),
        ("auto", (), 0, ValueError, r"data_shape=\(\)"),
        ("auto", (8, None, 3), 0, ValueError, "`data_shape` must be a non-empty"),
        ("auto", (8, 0), 0, ValueError, "`data_shape` must be a non-empty"),
        ("auto", (8, 8), -1, ValueError, "`seed` must be an integer from 0"),
        (3, (8, 8), 0, TypeError, "a name, a `keras.Model` or a callable. Received: 3"),
        (None, (8, 8), 0, TypeError, "Received: None of type NoneType"),
    ],
)
def test_bad_arguments_are_refused(features, shape, seed, error, message):
    with pytest.raises(error, match=message):
        build_extractor(features, shape, seed)


def test_copies_and_pickles():
    extract = build_extractor("random_conv", (8, 8, 1))
    images = digits(5)
    for other in (copy.deepcopy(extract), pickle.loads(pickle.dumps(extract))):
        assert isinstance(other, FeatureExtractor)
        np.testing.assert_array_equal(other(images), extract(images))
    assert repr(extract) == "<FeatureExtractor 'random_conv' of samples (8, 8, 1)>"


def test_an_extractor_with_a_model_shares_it_when_copied():
    model = Traced()
    extract = build_extractor(model, (6,))
    extract(np.zeros((5, 6)))
    calls = model.calls
    copy.deepcopy({"extractor": extract})["extractor"](np.zeros((5, 6)))
    assert model.calls == calls
