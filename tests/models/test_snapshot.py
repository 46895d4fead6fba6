"""A snapshot brings weights and slots back bit by bit."""

import keras
import numpy as np
import pytest
from builders import digits, small_vae
from keras import layers

from ald_keras import MaskedVAE
from ald_keras.models.snapshot import Snapshot

X = digits(100)


def vae_with_batch_norm():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(24),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            layers.ReLU(),
        ]
    )
    decoder = keras.Sequential(
        [keras.Input((8,)), layers.Dense(64), layers.Reshape((8, 8, 1))]
    )
    return MaskedVAE(encoder, decoder, 8, seed=0)


@keras.saving.register_keras_serializable("tests")
class ScalarScale(layers.Layer):
    """Multiplies by one trained number."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, inputs):
        return inputs * self.scale


def vae_with_a_scalar_weight():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(24), ScalarScale()]
    )
    decoder = keras.Sequential(
        [keras.Input((8,)), layers.Dense(64), layers.Reshape((8, 8, 1))]
    )
    return MaskedVAE(encoder, decoder, 8, seed=0)


ADAM, *OTHERS = (
    keras.optimizers.Adam(1e-2),
    keras.optimizers.SGD(1e-3, momentum=0.9),
    keras.optimizers.RMSprop(1e-3, momentum=0.5),
    keras.optimizers.AdamW(1e-2, use_ema=True, clipnorm=1.0),
)
UNUSUAL = (vae_with_batch_norm, vae_with_a_scalar_weight)


def compiled(make, optimizer):
    vae = make()
    vae.compile(optimizer.from_config(optimizer.get_config()), jit_compile=False)
    return vae


def weights_of(vae):
    return [np.array(w) for w in [*vae.encoder.weights, *vae.decoder.weights]]


def slots_of(vae):
    optimizer = vae.optimizer
    others = {id(optimizer.iterations), id(optimizer._learning_rate)}
    return [np.array(v) for v in optimizer.variables if id(v) not in others]


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("make", "optimizer"),
    [
        *((small_vae, optimizer) for optimizer in (ADAM, *OTHERS)),
        *((make, ADAM) for make in UNUSUAL),
        *(
            pytest.param(make, optimizer, marks=pytest.mark.slow)
            for make in UNUSUAL
            for optimizer in OTHERS
        ),
    ],
)
def test_what_comes_back_is_bit_equal(make, optimizer):
    vae = compiled(make, optimizer)
    vae.fit(X, epochs=2, verbose=0)
    weights, slots = weights_of(vae), slots_of(vae)
    snapshot = Snapshot(vae)
    vae.latent_mask.deactivate([1, 4])
    vae.fit(X, epochs=2, verbose=0)
    assert not equal(weights_of(vae), weights)
    assert not equal(slots_of(vae), slots)
    snapshot.restore()
    assert equal(weights_of(vae), weights)
    assert equal(slots_of(vae), slots)
    # Steps are not counted anew, or a schedule would run twice.
    assert int(vae.optimizer.iterations) == 4 * 4
    assert vae.latent_mask.active_indices.tolist() == [0, 2, 3, 5, 6, 7]


def test_arrays_that_a_file_has_kept_make_the_same_snapshot():
    vae = compiled(small_vae, ADAM)
    vae.fit(X, epochs=1, verbose=0)
    weights, arrays = weights_of(vae), Snapshot(vae).arrays
    other = compiled(small_vae, ADAM)
    other.optimizer.build(other.trainable_variables)
    Snapshot(other, arrays).restore()
    assert equal(weights_of(other), weights)
    assert equal(slots_of(other), slots_of(vae))


def test_arrays_of_another_model_are_an_error():
    arrays = Snapshot(compiled(small_vae, ADAM)).arrays
    with pytest.raises(ValueError, match="`arrays` must hold one array for each"):
        Snapshot(small_vae(5), arrays)
