import keras
import numpy as np
import pytest

from ald_keras.metrics import active_units, gaussian_kl


@pytest.mark.parametrize(("mean", "log_var"), [(0.5, -1.0), (-2.0, 0.7), (0.0, 1.5)])
def test_agrees_with_monte_carlo(mean, log_var):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(400_000)
    z = mean + np.exp(log_var / 2) * noise
    log_ratio = -0.5 * (log_var + noise**2) + 0.5 * z**2
    error = log_ratio.std() / np.sqrt(len(noise))
    exact = gaussian_kl(np.array([[mean]]), np.array([[log_var]]))[0, 0]
    assert exact == pytest.approx(log_ratio.mean(), abs=5 * error)
    assert error < 0.02 * exact


def test_known_values():
    mean, log_var = [[0.0, 1.0, -2.0]], [[0.0, 0.0, np.log(4.0)]]
    expected = [[0.0, 0.5, 0.5 * (4.0 + 4.0 - 1.0 - np.log(4.0))]]
    np.testing.assert_allclose(gaussian_kl(mean, log_var), expected, rtol=1e-14)


def test_numpy_is_computed_in_float64_and_keeps_the_shape():
    mean = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    kl = gaussian_kl(mean, mean)
    assert kl.shape == (7, 3)
    assert kl.dtype == np.float64
    assert (kl >= 0).all()


def test_small_divergences_keep_their_digits_in_float32():
    log_var = np.array([[1e-3, -1e-3, 1e-2]])
    kl = gaussian_kl(
        keras.ops.zeros((1, 3)), keras.ops.convert_to_tensor(log_var, "float32")
    )
    series = log_var**2 / 4 + log_var**3 / 12 + log_var**4 / 48
    np.testing.assert_allclose(keras.ops.convert_to_numpy(kl), series, rtol=1e-3)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float16", "float32"), ("bfloat16", "float32"), ("float64", "float64")],
)
def test_tensors_are_computed_in_float32_at_least(dtype, expected):
    mean = keras.ops.ones((2, 3), dtype=dtype)
    kl = gaussian_kl(mean, mean)
    assert keras.backend.standardize_dtype(kl.dtype) == expected
    value = 0.5 * (1.0 + np.e - 2.0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(kl), value, rtol=1e-6)


def test_tensor_and_array_agree():
    rng = np.random.default_rng(1)
    mean, log_var = rng.normal(size=(2, 20, 5))
    tensors = (keras.ops.convert_to_tensor(v, "float32") for v in (mean, log_var))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(gaussian_kl(*tensors)),
        gaussian_kl(mean, log_var),
        rtol=1e-5,
        atol=1e-6,
    )


def test_works_in_a_model_and_has_the_right_gradient(tf):
    mean, log_var = tf.constant([[0.3, -2.0]]), tf.constant([[0.1, -1.0]])

    @tf.function(input_signature=[tf.TensorSpec((None, 2))] * 2)
    def gradients(mean, log_var):
        return tf.gradients(gaussian_kl(mean, log_var), [mean, log_var])

    by_mean, by_log_var = gradients(mean, log_var)
    np.testing.assert_allclose(by_mean, mean, rtol=1e-6)
    np.testing.assert_allclose(by_log_var, (np.exp(log_var) - 1) / 2, rtol=1e-5)


def test_symbolic_inputs_build_a_model():
    inputs = keras.Input((3,)), keras.Input((3,))
    model = keras.Model(inputs, gaussian_kl(*inputs))
    mean, log_var = np.random.default_rng(2).normal(size=(2, 4, 3)).astype("float32")
    np.testing.assert_allclose(
        model.predict_on_batch([mean, log_var]), gaussian_kl(mean, log_var), rtol=1e-4
    )


@pytest.mark.parametrize("shape", [(4, 1), (1, 3), (3,), (4, 3, 1)])
def test_shapes_are_not_broadcast(shape):
    with pytest.raises(ValueError, match="must have the same shape"):
        gaussian_kl(np.zeros((4, 3)), np.zeros(shape))


def test_active_units_counts_means_that_vary():
    rng = np.random.default_rng(0)
    stds = np.array([1.0, 0.5, 0.11, 0.09, 0.0])
    means = rng.standard_normal((5000, 5)) * stds + 10.0
    assert active_units(means) == 3
    assert active_units(means, threshold=0.3) == 1
    assert active_units(means, threshold=0.0) == 4
    assert active_units(np.zeros((5, 4))) == 0


def test_active_units_takes_the_sample_variance():
    assert active_units([[0.0], [2.0]], threshold=1.99) == 1
    assert active_units([[0.0], [2.0]], threshold=2.0) == 0


@pytest.mark.parametrize(
    ("z_mean", "threshold", "message"),
    [
        (np.zeros((1, 3)), 0.01, "at least 2 samples"),
        (np.zeros(3), 0.01, "2-D"),
        (np.full((3, 3), np.inf), 0.01, "finite"),
        (np.zeros((3, 3)), -0.1, "`threshold` must be finite and not negative"),
        (np.zeros((3, 3)), np.nan, "`threshold` must be finite and not negative"),
    ],
)
def test_active_units_refuses_bad_input(z_mean, threshold, message):
    with pytest.raises(ValueError, match=message):
        active_units(z_mean, threshold)
