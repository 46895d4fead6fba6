import keras
import numpy as np
import pytest
from builders import small_encoder
from keras import layers

from ald_keras.models.heads import encoder_with_heads


class Sampling(layers.Layer):
    """A sampling layer as Keras's own VAE example has it."""

    def call(self, inputs):
        mean, log_var = inputs
        return mean + keras.ops.exp(0.5 * log_var)


def example_encoder(latent_dim=4, outputs=3, shared=True, **head):
    data = keras.Input((8, 8, 1))
    x = layers.Dense(12, activation="relu")(layers.Flatten()(data))
    other = x if shared else layers.Dense(12)(x)
    mean = layers.Dense(latent_dim, name="mean", **head)(x)
    log_var = layers.Dense(latent_dim, name="log_var")(other)
    z = Sampling()([mean, log_var])
    return keras.Model(data, [mean, log_var, z][:outputs])


def test_heads_are_added_to_features():
    encoder = small_encoder()
    full, z_mean, z_log_var = encoder_with_heads(encoder, 5)
    assert [tuple(output.shape) for output in full.outputs] == [(None, 5), (None, 5)]
    assert (z_mean.units, z_log_var.units) == (5, 5)
    x = np.random.default_rng(0).random((3, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(full(x)[0], z_mean(encoder(x)), rtol=1e-6)


def test_added_heads_follow_the_seed_and_differ_from_each_other():
    (_, a, b), (_, c, _) = (encoder_with_heads(small_encoder(), 5, 3) for _ in range(2))
    np.testing.assert_array_equal(a.kernel, c.kernel)
    assert not np.array_equal(a.kernel, b.kernel)


@pytest.mark.parametrize("outputs", [2, 3])
def test_heads_of_an_encoder_are_taken_as_they_are(outputs):
    encoder = example_encoder(outputs=outputs)
    full, z_mean, z_log_var = encoder_with_heads(encoder, 4)
    assert z_mean is encoder.get_layer("mean")
    assert z_log_var is encoder.get_layer("log_var")
    assert not any(isinstance(layer, Sampling) for layer in full.layers)


def test_a_subclassed_encoder_of_features_is_taken():
    class Features(keras.Model):
        def __init__(self):
            super().__init__()
            self.flatten, self.dense = layers.Flatten(), layers.Dense(6)

        def call(self, x):
            return self.dense(self.flatten(x))

    encoder = Features()
    with pytest.raises(ValueError, match="must be built"):
        encoder_with_heads(encoder, 4)
    encoder(np.zeros((1, 8, 8, 1), "float32"))
    full, z_mean, _ = encoder_with_heads(encoder, 4)
    x = np.random.default_rng(0).random((3, 8, 8, 1)).astype("float32")
    np.testing.assert_allclose(full(x)[0], z_mean(encoder(x)), rtol=1e-6)


def test_unusable_encoders_are_errors():
    data = keras.Input((8, 8, 1))
    flat = layers.Flatten()(data)
    dense = layers.Dense(4)(flat)
    with pytest.raises(ValueError, match="feature vector"):
        encoder_with_heads(keras.Model(data, layers.Conv2D(2, 3)(data)), 4)
    with pytest.raises(ValueError, match="two Dense layers"):
        encoder_with_heads(keras.Model(data, [dense, dense]), 4)
    with pytest.raises(ValueError, match="must be linear"):
        encoder_with_heads(example_encoder(activation="tanh"), 4)
    with pytest.raises(ValueError, match="has 4. Received: latent_dim=5"):
        encoder_with_heads(example_encoder(), 5)
    with pytest.raises(ValueError, match="come from a Dense layer"):
        encoder_with_heads(keras.Model(data, [layers.Softmax()(dense), dense]), 4)
    with pytest.raises(ValueError, match="Received: 4 outputs"):
        encoder_with_heads(keras.Model(data, [dense, dense, dense, dense]), 4)
    with pytest.raises(ValueError, match="must be built"):
        encoder_with_heads(keras.Sequential([layers.Dense(3)]), 4)
    with pytest.raises(TypeError, match="`encoder`"):
        encoder_with_heads("encoder", 4)


def test_outputs_by_name_are_an_error():
    data = keras.Input((8, 8, 1))
    flat = layers.Flatten()(data)
    outputs = {"mean": layers.Dense(4)(flat), "log_var": layers.Dense(4)(flat)}
    with pytest.raises(ValueError, match=r"keys \['log_var', 'mean'\]"):
        encoder_with_heads(keras.Model(data, outputs), 4)


def test_names_that_are_taken_do_no_harm():
    data = keras.Input((8, 8, 1))
    features = layers.Dense(5, name="z_mean")(layers.Flatten()(data))
    _, z_mean, z_log_var = encoder_with_heads(keras.Model(data, features), 4)
    assert (z_mean.name, z_log_var.name) == ("latent_z_mean", "z_log_var")


def test_a_subclassed_encoder_without_a_config_is_an_error():
    class Features(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.flatten, self.dense = layers.Flatten(), layers.Dense(units)

        def call(self, x):
            return self.dense(self.flatten(x))

    encoder = Features(3)
    encoder(np.zeros((1, 8, 8, 1), "float32"))
    with pytest.raises(ValueError, match="needs `get_config`"):
        encoder_with_heads(encoder, 4)
