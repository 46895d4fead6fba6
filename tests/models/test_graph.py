import keras
import numpy as np
import pytest
from keras import layers, ops

from ald_keras.models import activations, graph


def nested_decoder():
    """Functional; a nested Sequential and a Dense both read the latent input."""
    z = keras.Input((5,))
    inner = keras.Sequential(
        [keras.Input((5,)), layers.Dense(6, name="deep"), layers.Dense(7)]
    )
    both = layers.Concatenate()([inner(z), layers.Dense(3, name="direct")(z)])
    return keras.Model(z, layers.Dense(4, activation="sigmoid")(both))


def test_readers_of_a_sequential_decoder():
    first = layers.Dense(6)
    decoder = keras.Sequential([keras.Input((5,)), first, layers.Dense(3)])
    assert graph.latent_input_layers(decoder) == [first]


def test_readers_in_several_places_and_nested():
    names = {layer.name for layer in graph.latent_input_layers(nested_decoder())}
    assert names == {"deep", "direct"}


def test_other_readers_are_none_to_slice():
    z = keras.Input((5,))
    shared = layers.Dense(5)
    for decoder in (
        keras.Model(z, layers.Dense(3)(layers.Dropout(0.1)(z))),
        keras.Sequential([keras.Input((5,)), layers.Reshape((5, 1))]),
        keras.Model(z, layers.Dense(3)(ops.sin(z))),
        keras.Model(z, layers.Concatenate()([layers.Dense(3)(z), z])),
        keras.Model(z, shared(shared(z))),
    ):
        assert graph.latent_input_layers(decoder) == []
        placed = graph.with_places(decoder)
        (layer,) = graph.latent_input_layers(placed)
        assert layer.name == "latent_places"
        assert not layer.trainable_weights
        code = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
        np.testing.assert_array_equal(placed(code), decoder(code))


def test_a_decoder_is_rebuilt_at_another_size():
    decoder = nested_decoder()
    small = graph.with_latent_dim(decoder, 2)
    assert small.input_shape == (None, 2)
    assert len(small.weights) == len(decoder.weights)
    for old, new in zip(decoder.weights, small.weights, strict=True):
        assert tuple(2 if n == 5 else n for n in old.shape) == tuple(new.shape)
        assert old is not new


ENDS = {
    "dense sigmoid": (lambda: [layers.Dense(4, activation="sigmoid")], "sigmoid"),
    "dense": (lambda: [layers.Dense(4)], "linear"),
    "layer": (lambda: [layers.Dense(4), layers.Activation("sigmoid")], "sigmoid"),
    "reshaped": (
        lambda: [layers.Dense(4, activation="sigmoid"), layers.Reshape((2, 2))],
        "sigmoid",
    ),
    "relu layer": (lambda: [layers.Dense(4), layers.ReLU()], None),
    "tanh": (lambda: [layers.Dense(4, activation="tanh")], "tanh"),
    "recurrent": (
        lambda: [layers.Reshape((4, 1)), layers.LSTM(3, activation="linear")],
        None,
    ),
    "own function": (lambda: [layers.Dense(4, activation=lambda x: x)], None),
}


@pytest.mark.parametrize("case", ENDS)
@pytest.mark.parametrize("functional", [False, True])
def test_final_activation(case, functional):
    make, expected = ENDS[case]
    if functional:
        data = keras.Input((4,))
        output = data
        for layer in make():
            output = layer(output)
        model = keras.Model(data, output)
    else:
        model = keras.Sequential([keras.Input((4,)), *make()])
    assert activations.final_activation(model) == expected


def test_final_activation_of_an_operation_and_of_a_nested_model():
    z = keras.Input((4,))
    assert activations.final_activation(keras.Model(z, ops.sigmoid(z))) == "sigmoid"
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(2, activation="sigmoid")])
    assert activations.final_activation(keras.Model(z, inner(z))) == "sigmoid"
    assert activations.final_activation(keras.Model(z, ops.sin(z))) is None


def test_rebuilding_keeps_what_a_decoder_computes():
    decoder = nested_decoder()
    twin = graph.with_latent_dim(decoder, 5)
    twin.set_weights(decoder.get_weights())
    z = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    np.testing.assert_allclose(twin(z), decoder(z), rtol=1e-6)


def test_layers_of_the_user_s_own_are_not_guessed_at():
    class Squashed(layers.Dense):
        def call(self, inputs):
            return ops.sigmoid(super().call(inputs))

    class Doubled(keras.Model):
        def call(self, inputs):
            return 2 * inputs

    model = keras.Sequential([keras.Input((4,)), Squashed(3)])
    assert activations.final_activation(model) is None
    assert not graph.is_graph_model(Doubled())
    assert graph.is_graph_model(model)


def test_a_layer_in_two_nested_models_is_an_error():
    shared = layers.Dense(5, name="shared")
    inner = keras.Sequential([keras.Input((5,)), shared])
    z = keras.Input((5,))
    graph.check_unshared("decoder", keras.Model(z, inner(inner(z))))
    with pytest.raises(ValueError, match="'shared'"):
        graph.check_unshared("decoder", keras.Model(z, shared(inner(z))))
