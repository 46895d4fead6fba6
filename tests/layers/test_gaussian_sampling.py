import keras
import numpy as np

from ald_keras import GaussianSampling


def test_samples_have_the_posterior_s_moments():
    mean = np.tile([[1.0, -2.0]], (200_000, 1)).astype("float32")
    log_var = np.tile([[0.0, np.log(0.25)]], (200_000, 1)).astype("float32")
    z = keras.ops.convert_to_numpy(GaussianSampling(seed=1)(mean, log_var))
    # Five standard errors of the mean and of the variance.
    np.testing.assert_allclose(z.mean(axis=0), [1.0, -2.0], atol=5 * 1 / 447)
    np.testing.assert_allclose(z.var(axis=0), [1.0, 0.25], rtol=5 * 1.414 / 447)


def test_the_same_seed_gives_the_same_samples_and_the_next_call_others():
    zeros = np.zeros((3, 4), "float32")
    first, second = GaussianSampling(seed=7), GaussianSampling(seed=7)
    a, b = (
        keras.ops.convert_to_numpy(layer(zeros, zeros)) for layer in (first, second)
    )
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, keras.ops.convert_to_numpy(first(zeros, zeros)))


def test_the_noise_can_be_replaced():
    layer = GaussianSampling(seed=0)
    layer.noise = lambda shape, dtype: keras.ops.full(shape, 2.0, dtype)
    z = layer(np.ones((1, 2), "float32"), np.full((1, 2), np.log(9.0), "float32"))
    np.testing.assert_allclose(z, [[7.0, 7.0]], rtol=1e-6)


def test_a_saved_layer_goes_on_with_its_noise(tmp_path):
    zeros = np.zeros((1, 3), "float32")

    def model():
        inputs = [keras.Input((3,)), keras.Input((3,))]
        return keras.Model(inputs, GaussianSampling(seed=0, name="sampling")(*inputs))

    original = model()
    original([zeros, zeros])
    original.save(tmp_path / "sampling.keras")
    reloaded = keras.saving.load_model(tmp_path / "sampling.keras")
    np.testing.assert_array_equal(reloaded([zeros, zeros]), original([zeros, zeros]))
