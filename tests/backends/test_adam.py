"""Adam in one operation against Keras's own."""

import contextlib
import importlib

import keras
import numpy as np
import pytest
from builders import BACKEND, digits

from ald_keras import MaskedVAE

pytestmark = pytest.mark.skipif(BACKEND == "jax", reason="XLA fuses what Keras writes")

decay = keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.9)


def fused_adam():
    return importlib.import_module(f"ald_keras.backends.{BACKEND}_adam").fused_adam


def weights_after(optimizer, context, dtype="float32", steps=300):
    rng = np.random.default_rng(0)
    variables = [
        keras.Variable(rng.normal(size=shape), dtype=dtype) for shape in ((40, 30), 30)
    ]
    optimizer.build(variables)
    for _ in range(steps):
        # Gradients of all magnitudes, where epsilon counts and where not.
        scale = 10.0 ** rng.uniform(-6, 0)
        gradients = [
            keras.ops.convert_to_tensor(rng.normal(size=v.shape) * scale, dtype)
            for v in variables
        ]
        with context(optimizer):
            optimizer.apply(gradients, variables)
    return [keras.ops.convert_to_numpy(v) for v in [*variables, *optimizer.variables]]


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (lambda: keras.optimizers.Adam(1e-3), 300),
        (lambda: keras.optimizers.Adam(decay, epsilon=1e-3, clipnorm=1.0), 50),
        (lambda: keras.optimizers.Adam(1e-3, beta_1=0.5, use_ema=True), 50),
        (lambda: keras.optimizers.AdamW(1e-3, weight_decay=0.1), 50),
    ],
)
def test_one_operation_is_keras_s_adam(make, steps):
    fused = weights_after(make(), fused_adam(), steps=steps)
    plain = weights_after(make(), lambda _: contextlib.nullcontext(), steps=steps)
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
    assert not np.array_equal(fused[0], plain[0])  # it is another route


@pytest.mark.parametrize(
    ("make", "dtype"),
    [
        (lambda: keras.optimizers.Adam(1e-3, amsgrad=True), "float32"),
        (lambda: keras.optimizers.RMSprop(1e-3), "float32"),
        (lambda: keras.optimizers.Nadam(1e-3), "float32"),
    ],
)
def test_other_updates_are_keras_s_own(make, dtype):
    fused = weights_after(make(), fused_adam(), dtype, steps=10)
    plain = weights_after(make(), lambda _: contextlib.nullcontext(), dtype, steps=10)
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_of_it_stays_behind():
    optimizer = keras.optimizers.Adam(1e-3)
    before = set(vars(optimizer))
    with fused_adam()(optimizer):
        assert set(vars(optimizer)) != before
    assert set(vars(optimizer)) == before


def trained():
    """Weights of a convolutional network after some steps of `fit`."""
    keras.utils.set_random_seed(0)
    x, z = keras.Input((8, 8, 1)), keras.Input((4,))
    features = keras.layers.Conv2D(3, 3, strides=2, activation="relu")(x)
    images = keras.layers.Conv2DTranspose(1, 3)(keras.layers.Reshape((1, 1, 4))(z))
    images = keras.layers.Reshape((8, 8, 1))(
        keras.layers.Dense(64)(keras.layers.Flatten()(images))
    )
    vae = MaskedVAE(
        keras.Model(x, keras.layers.Flatten()(features)),
        keras.Model(z, images),
        4,
        seed=0,
    )
    vae.compile(keras.optimizers.Adam(1e-2))
    vae.fit(digits(64), batch_size=16, epochs=3, shuffle=False, verbose=0)
    return vae.get_weights()


def test_convolutions_are_trained_as_by_keras(monkeypatch):
    fused = trained()
    module = importlib.import_module(f"ald_keras.backends.{BACKEND}")
    monkeypatch.setattr(module, "fused_adam", lambda _: contextlib.nullcontext())
    plain = trained()
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)
