import keras
import numpy as np
import pytest
from builders import (
    digits,
    largest_gap,
    small_decoder,
    small_encoder,
    small_vae,
    weights_of,
)
from keras import layers

from ald_keras import MaskedVAE, compact
from ald_keras.architectures import build_architecture
from ald_keras.models.compaction import TOLERANCE, largest_difference

X = digits(640)
PRUNED = [1, 4, 5]

OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-3),
    "adamw": lambda: keras.optimizers.AdamW(1e-3, weight_decay=0.01),
    "sgd": lambda: keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(1e-3, momentum=0.5, centered=True),
    "lion": lambda: keras.optimizers.Lion(1e-4),
    "ema": lambda: keras.optimizers.Adam(1e-3, use_ema=True, clipnorm=1.0),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-3)),
}


def mlp_vae():
    return small_vae(8)


def conv_vae():
    encoder, decoder = build_architecture("conv", (16, 16, 3), 8, seed=0, filters=4)
    return MaskedVAE(encoder, decoder, 8, seed=0)


def branched_vae():
    """Two Dense layers read the code, one of them inside a nested model."""
    z = keras.Input((8,))
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(9), layers.ReLU()])
    both = layers.Concatenate()([inner(z), layers.Dense(5)(z)])
    data = layers.Reshape((8, 8, 1))(layers.Dense(64)(both))
    return MaskedVAE(small_encoder(), keras.Model(z, data), 8, seed=0)


def normalised_vae():
    """Batch normalisation and dropout: state beyond kernels and biases."""
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(16),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.1, seed=1),
        ]
    )
    return MaskedVAE(encoder, small_decoder(8), 8, seed=0)


MODELS = {
    "mlp": mlp_vae,
    "conv": conv_vae,
    "branched": branched_vae,
    "normalised": normalised_vae,
}


def train(vae, optimizer, steps=3):
    """Some steps, so few that to trace them would take longer than to run them."""
    vae.compile(optimizer, run_eagerly=True)
    x = data_for(vae)
    for i in range(steps):
        vae.train_on_batch(x[i * 64 : (i + 1) * 64])


def data_for(vae):
    if vae.data_shape == (8, 8, 1):
        return X
    rng = np.random.default_rng(0)
    return rng.random((640, *vae.data_shape)).astype("float32")


def run_steps(vae, x, noise, columns):
    """Ten training steps with the given noise, the columns of it that are there."""
    step = iter(range(len(noise)))
    vae.sampling.noise = lambda shape, dtype: keras.ops.convert_to_tensor(
        noise[next(step)][:, columns], dtype
    )
    vae.run_eagerly, vae.train_function = True, None
    for i in range(len(noise)):
        vae.train_on_batch(x[i * 64 : (i + 1) * 64])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        *(("mlp", name) for name in ("adam", "adamw", "sgd", "rmsprop", "lion", "ema")),
        ("conv", "adam"),
        *(
            pytest.param("conv", name, marks=pytest.mark.slow)
            for name in ("adamw", "sgd", "rmsprop")
        ),
    ],
)
def test_mask_equals_surgery(model, name):
    # One state, ten more steps: masked and compact model keep the same parameters.
    vae = MODELS[model]()
    x = data_for(vae)
    train(vae, OPTIMIZERS[name]())
    vae.latent_mask.deactivate(PRUNED)
    small = compact(vae)
    kept = vae.latent_mask.active_indices
    noise = np.random.default_rng(1).standard_normal((10, 64, 8)).astype("float32")
    before = weights_of(small)
    run_steps(vae, x, noise, slice(None))
    run_steps(small, x, noise, kept)
    assert largest_gap(before, small.weights) > 1e-4
    assert largest_gap(compact(vae).weights, small.weights) <= 1e-5
    assert (
        largest_gap(compact(vae).optimizer.variables, small.optimizer.variables) < 1e-4
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("compiled", [True, False])
def test_outputs_and_parameter_count(model, compiled):
    vae = MODELS[model]()
    if compiled:
        train(vae, keras.optimizers.Adam(1e-3))
    vae.latent_mask.deactivate(PRUNED)
    small = compact(vae)
    assert largest_difference(vae, small) <= TOLERANCE
    assert small.latent_dim == small.active_dims == vae.active_dims == 5
    readers = sum(layer.units for layer in vae.latent_input_layers)
    columns = 2 * (vae.z_mean.kernel.shape[0] + 1)
    saved = 3 * (readers + columns)
    assert sum(np.prod(w.shape) for w in vae.trainable_weights) - saved == sum(
        np.prod(w.shape) for w in small.trainable_weights
    )
    assert small.compiled is compiled


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_comes_along(name):
    vae = mlp_vae()
    train(vae, OPTIMIZERS[name]())
    vae.optimizer.learning_rate.assign(3e-4)
    vae.latent_mask.deactivate(PRUNED)
    small = compact(vae)
    assert type(small.optimizer) is type(vae.optimizer)
    assert int(small.optimizer.iterations) == int(vae.optimizer.iterations) == 3
    assert float(small.optimizer.learning_rate) == pytest.approx(3e-4)
    for old, new in zip(
        vae.optimizer.variables, small.optimizer.variables, strict=True
    ):
        old, new = (keras.ops.convert_to_numpy(v) for v in (old, new))
        if old.shape == new.shape:
            np.testing.assert_array_equal(old, new)


def test_states_of_optimizers_stay_as_they_are():
    fresh = mlp_vae()
    assert compact(fresh).compiled is False
    fresh.compile()
    assert int(compact(fresh).optimizer.iterations) == 0


@pytest.mark.parametrize(
    "optimizer",
    [keras.optimizers.Adafactor, keras.optimizers.Muon, keras.optimizers.Lamb],
)
def test_optimizers_that_normalise_whole_tensors_are_refused(optimizer):
    vae = mlp_vae()
    vae.compile(optimizer())
    vae.optimizer.build(vae.trainable_variables)
    vae.latent_mask.deactivate(PRUNED)
    with pytest.raises(ValueError, match="keep_optimizer=False"):
        compact(vae)
    small = compact(vae, keep_optimizer=False)
    assert int(small.optimizer.iterations) == 0
    slots = [np.asarray(v) for v in small.optimizer.variables if v.ndim == 2]
    assert not any(slot.any() for slot in slots)
    assert type(small.optimizer) is optimizer


def test_compile_settings_come_along():
    vae = mlp_vae()
    vae.compile(steps_per_execution=2, jit_compile=False, run_eagerly=True)
    small = compact(vae)
    assert (small.steps_per_execution, small.jit_compile) == (2, False)
    assert small.run_eagerly is True


def test_twice_in_a_row_and_with_nothing_pruned():
    vae = mlp_vae()
    same = compact(vae)
    assert largest_gap(vae.weights, same.weights) == 0.0
    assert not {id(w) for w in vae.weights} & {id(w) for w in same.weights}
    vae.latent_mask.deactivate([0])
    small = compact(vae)
    small.latent_mask.deactivate([6])
    smaller = compact(small)
    vae.latent_mask.deactivate([7])
    assert largest_gap(smaller.weights, compact(vae).weights) == 0.0


def test_beta_and_noise_come_along():
    vae = small_vae(8, beta=4.0, likelihood="laplace")
    vae.beta.assign(0.5)
    vae.elbo_terms(X[:3])
    small = compact(vae)
    assert (float(small.beta), small.final_beta) == (0.5, 4.0)
    np.testing.assert_array_equal(
        small.sampling.seed_generator.state, vae.sampling.seed_generator.state
    )
    assert type(small.likelihood) is type(vae.likelihood)


def test_the_model_is_left_as_it_is():
    vae = mlp_vae()
    vae.latent_mask.deactivate(PRUNED)
    before = weights_of(vae)
    compact(vae)
    assert largest_gap(before, vae.weights) == 0.0
    assert vae.active_dims == 5


def test_a_compact_model_that_differs_is_an_error():
    @keras.saving.register_keras_serializable("tests")
    class AverageOfRows(keras.layers.Dense):
        """Depends on the number of latent dimensions, which no slice can keep."""

        def call(self, inputs):
            return super().call(inputs) / self.kernel.shape[0]

    decoder = keras.Sequential(
        [keras.Input((8,)), AverageOfRows(64), layers.Reshape((8, 8, 1))]
    )
    vae = MaskedVAE(small_encoder(), decoder, 8, seed=0, likelihood="gaussian")
    vae.latent_mask.deactivate(PRUNED)
    with pytest.raises(RuntimeError, match="must agree"):
        compact(vae)


def test_a_model_that_has_diverged_is_an_error():
    vae = mlp_vae()
    vae.z_mean.bias.assign(np.full(8, np.nan))
    with pytest.raises(RuntimeError, match="finite"):
        compact(vae)


def test_a_model_without_a_mask_is_an_error():
    with pytest.raises(TypeError, match="`latent_mask`"):
        compact(keras.Sequential([keras.Input((3,)), layers.Dense(2)]))


def test_save_and_reload(tmp_path):
    vae = conv_vae()
    train(vae, keras.optimizers.Adam(1e-3), steps=1)
    vae.latent_mask.deactivate(PRUNED)
    small = compact(vae)
    small.save(tmp_path / "small.keras")
    again = keras.saving.load_model(tmp_path / "small.keras")
    assert largest_gap(small.weights, again.weights) == 0.0
    assert largest_gap(small.optimizer.variables, again.optimizer.variables) == 0.0


def test_exemptions_from_weight_decay_come_along():
    vae = mlp_vae()
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    train(vae, optimizer)
    vae.latent_mask.deactivate(PRUNED)
    small = compact(vae)
    noise = np.random.default_rng(1).standard_normal((5, 64, 8)).astype("float32")
    run_steps(vae, X, noise, slice(None))
    run_steps(small, X, noise, vae.latent_mask.active_indices)
    assert largest_gap(compact(vae).weights, small.weights) <= 1e-5


def test_layers_frozen_after_training_are_told():
    vae = mlp_vae()
    train(vae, keras.optimizers.Adam(1e-3), steps=1)
    vae.decoder.layers[-2].trainable = False
    with pytest.raises(ValueError, match="before a layer was frozen"):
        compact(vae)
    assert compact(vae, keep_optimizer=False).latent_dim == 8
