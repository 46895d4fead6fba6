import keras
import numpy as np
import pytest
from builders import gradients_of

from ald_keras import MaskedVAE, compact
from ald_keras.architectures import ARCHITECTURES, build_architecture, conv, mlp, video
from ald_keras.layers import AxialAttentionBlock
from ald_keras.models.compaction import TOLERANCE, largest_difference

SHAPES = [(784,), (28, 28), (28, 28, 1), (8, 8, 1), (2, 3, 4, 5)]


def weights_of(models):
    return [weight for model in models for weight in model.get_weights()]


def random_input(model, batch=3, seed=0):
    shape = (batch, *model.input_shape[1:])
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_mlp_takes_data_of_any_shape(shape):
    encoder, decoder = mlp(shape, 7, hidden=(11, 5))
    assert encoder.input_shape == (None, *shape)
    assert encoder.output_shape == (None, 5)
    assert decoder.input_shape == (None, 7)
    assert decoder.output_shape == (None, *shape)
    assert encoder(random_input(encoder)).shape == (3, 5)
    assert decoder(random_input(decoder)).shape == (3, *shape)
    assert decoder.get_layer("decoder_dense_1").units == 5
    assert decoder.get_layer("decoder_dense_2").units == 11


def test_mlp_is_two_layers_of_400_relu_units_by_default():
    encoder, decoder = mlp((28, 28, 1), 64)
    assert encoder.count_params() == 784 * 400 + 400 + 400 * 400 + 400
    assert decoder.count_params() == (
        64 * 400 + 400 + 400 * 400 + 400 + 400 * 784 + 784
    )


def test_mlp_computes_what_its_weights_say():
    encoder, decoder = mlp((2, 3), 4, hidden=(6, 5), activation="tanh", seed=1)
    for bias in [w for m in (encoder, decoder) for w in m.weights if w.ndim == 1]:
        bias.assign(np.linspace(-1, 1, bias.shape[0]))

    x = random_input(encoder)
    features = x.reshape(3, 6)
    for layer in encoder.layers[2:]:
        kernel, bias = layer.get_weights()
        features = np.tanh(features @ kernel + bias)
    np.testing.assert_allclose(encoder(x), features, atol=1e-6)

    z = random_input(decoder)
    hidden = z
    *layers, output = [layer for layer in decoder.layers if layer.get_weights()]
    for layer in layers:
        kernel, bias = layer.get_weights()
        hidden = np.tanh(hidden @ kernel + bias)
    kernel, bias = output.get_weights()
    np.testing.assert_allclose(
        decoder(z), (hidden @ kernel + bias).reshape(3, 2, 3), atol=1e-6
    )


def test_mlp_without_hidden_layers_is_linear():
    encoder, decoder = mlp((2, 3), 4, hidden=())
    x = random_input(encoder)
    np.testing.assert_array_equal(encoder(x), x.reshape(3, 6))
    kernel, bias = decoder.get_weights()
    z = random_input(decoder)
    np.testing.assert_allclose(
        decoder(z), (z @ kernel + bias).reshape(3, 2, 3), atol=1e-6
    )


@pytest.mark.parametrize("shape", [(64, 64, 3), (16, 16, 1), (32, 48, 2)])
def test_conv_halves_four_times_and_doubles_back(shape):
    encoder, decoder = conv(shape, 9)
    sizes = [encoder.get_layer(f"encoder_conv_{i}").output.shape for i in range(1, 5)]
    assert sizes == [(None, shape[0] >> i, shape[1] >> i, 32) for i in range(1, 5)]
    assert encoder.output_shape == (None, 256)
    assert decoder.output_shape == (None, *shape)
    assert decoder(random_input(decoder)).shape == (3, *shape)
    assert encoder(random_input(encoder)).shape == (3, 256)


def test_conv_is_the_documented_network():
    encoder, decoder = conv((64, 64, 3), 100)
    down = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    up = [
        layer
        for layer in decoder.layers
        if isinstance(layer, keras.layers.Conv2DTranspose)
    ]
    assert len(down) == len(up) == 4
    for layer in down + up:
        assert (layer.kernel_size, layer.strides) == ((4, 4), (2, 2))
    assert [layer.filters for layer in down] == [32] * 4
    assert [layer.filters for layer in up] == [32, 32, 32, 3]
    dense = [
        layer
        for model in (encoder, decoder)
        for layer in model.layers
        if isinstance(layer, keras.layers.Dense)
    ]
    assert [layer.units for layer in dense] == [256, 256, 4 * 4 * 32]
    assert {layer.activation for layer in down + dense + up[:-1]} == {
        keras.activations.silu
    }
    kernel = 4 * 4 * 32
    assert encoder.count_params() == (
        (kernel * 3 + 32) + 3 * (kernel * 32 + 32) + (512 * 256 + 256)
    )
    assert decoder.count_params() == (
        (100 * 256 + 256)
        + (256 * 512 + 512)
        + 3 * (kernel * 32 + 32)
        + (kernel * 3 + 3)
    )


def test_conv_decoder_mirrors_where_a_pixel_goes():
    # One value of the smallest map reaches at least its own block of 16 x 16 pixels.
    _, decoder = conv((64, 64, 1), 4, activation="linear", seed=0)
    features = keras.Model(decoder.get_layer("decoder_reshape").output, decoder.output)
    for row, column in [(0, 0), (1, 2), (3, 3)]:
        small = np.zeros((1, 4, 4, 32), np.float32)
        small[0, row, column] = 1
        image = (
            np.asarray(features(small))[0, ..., 0]
            - np.asarray(features(np.zeros_like(small)))[0, ..., 0]
        )
        rows, columns = np.nonzero(np.abs(image) > 1e-8)
        centre = ((rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2)
        assert rows.min() <= 16 * row
        assert rows.max() >= 16 * row + 15
        assert columns.min() <= 16 * column
        assert columns.max() >= 16 * column + 15
        if 0 < row < 3 and 0 < column < 3:
            np.testing.assert_allclose(
                centre, (16 * row + 7.5, 16 * column + 7.5), atol=0.6
            )


@pytest.mark.parametrize("shape", [(8, 64, 64, 3), (2, 8, 16, 1), (6, 24, 8, 2)])
def test_video_halves_space_three_times_and_time_once(shape):
    encoder, decoder = video(shape, 9, filters=4, hidden=6, blocks=1)
    time, height, width, channels = shape
    halved = [(time // 2, height >> i, width >> i, 4) for i in (1, 2, 3)]
    down = [encoder.get_layer(f"encoder_conv_{i}").output.shape for i in (1, 2, 3)]
    assert down == [(None, *sizes) for sizes in halved]
    assert decoder.get_layer("decoder_reshape").output.shape == (None, *halved[2])
    up = [decoder.get_layer(f"decoder_conv_{i}").output.shape for i in (1, 2)]
    assert up == [(None, *halved[1]), (None, *halved[0])]
    assert encoder.output_shape == (None, 6)
    assert decoder.output_shape == (None, *shape)
    assert encoder(random_input(encoder, batch=1)).shape == (1, 6)
    assert decoder(random_input(decoder, batch=1)).shape == (1, *shape)


def test_video_is_the_documented_network():
    encoder, decoder = video((8, 64, 64, 3), 100)
    down = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv3D)]
    up = [
        layer
        for layer in decoder.layers
        if isinstance(layer, keras.layers.Conv3DTranspose)
    ]
    shapes = [((4, 4, 4), (2, 2, 2)), *[((3, 4, 4), (1, 2, 2))] * 2]
    assert [(layer.kernel_size, layer.strides) for layer in down] == shapes
    assert [(layer.kernel_size, layer.strides) for layer in up] == shapes[::-1]
    assert [layer.filters for layer in down] == [32] * 3
    assert [layer.filters for layer in up] == [32, 32, 3]
    for model in (encoder, decoder):
        blocks = [x for x in model.layers if isinstance(x, AxialAttentionBlock)]
        assert [block.heads for block in blocks] == [2, 2]
        assert {block.activation for block in blocks} == {keras.activations.relu}
    norms, attention = 32 + 16 + 32, 3 * (4 * 32 * 32 + 32)
    block = 27 * 32 * 16 + 16 * 32 + 2 * norms + attention
    cells = 4 * 8 * 8 * 32
    assert encoder.count_params() == (
        (64 * 3 * 32 + 32)
        + 2 * (48 * 32 * 32 + 32)
        + (2 * block + 2 * 32)
        + (cells * 256 + 256)
    )
    assert decoder.count_params() == (
        (100 * 256 + 256)
        + (256 * cells + cells)
        + (2 * block + 2 * 32)
        + 2 * (48 * 32 * 32 + 32)
        + (64 * 32 * 3 + 3)
    )


def test_video_takes_its_options():
    encoder, decoder = video(
        (2, 8, 8, 1), 4, filters=6, hidden=7, blocks=3, heads=3, activation="silu"
    )
    for model in (encoder, decoder):
        blocks = [x for x in model.layers if isinstance(x, AxialAttentionBlock)]
        assert [block.heads for block in blocks] == [3, 3, 3]
        assert {
            layer.activation
            for layer in model.layers
            if hasattr(layer, "activation") and layer.activation.__name__ != "linear"
        } == {keras.activations.silu}


def test_video_gradient_reaches_every_weight():
    encoder, decoder = video((4, 16, 16, 3), 5, filters=4, hidden=8, blocks=1, seed=0)
    x, z = random_input(encoder), random_input(decoder)
    weights = encoder.trainable_weights + decoder.trainable_weights

    def loss():
        return keras.ops.sum(encoder(x) ** 2) + keras.ops.sum(decoder(z) ** 2)

    gradients = gradients_of(loss, weights)
    for weight, gradient in zip(weights, gradients, strict=True):
        assert np.abs(gradient).max() > 1e-8, weight.path


BUILDS = [
    pytest.param("mlp", (8, 8, 1), {"hidden": (12, 12, 12)}, id="mlp"),
    pytest.param("conv", (16, 16, 3), {"filters": 4, "hidden": 12}, id="conv"),
    pytest.param(
        "video", (4, 16, 16, 3), {"filters": 8, "hidden": 12, "blocks": 1}, id="video"
    ),
]


@pytest.mark.parametrize(("name", "shape", "options"), BUILDS)
class TestEveryArchitecture:
    def build(self, name, shape, options, seed=0):
        return build_architecture(name, shape, 12, seed=seed, **options)

    def test_seed_decides_the_weights(self, name, shape, options):
        keras.utils.set_random_seed(1)
        first = weights_of(self.build(name, shape, options))
        keras.utils.set_random_seed(2)
        again = weights_of(self.build(name, shape, options))
        other = weights_of(self.build(name, shape, options, seed=1))
        for a, b, c in zip(first, again, other, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.ndim == 1 or not np.array_equal(a, c)

    def test_no_two_layers_start_alike(self, name, shape, options):
        kernels = [
            w for w in weights_of(self.build(name, shape, options)) if w.ndim > 1
        ]
        starts = [kernel.ravel()[:10] / np.abs(kernel).max() for kernel in kernels]
        for i, start in enumerate(starts):
            for other in starts[:i]:
                assert not np.allclose(start, other, atol=1e-3)

    def test_kernels_are_glorot_uniform(self, name, shape, options):
        for model in self.build(name, shape, options):
            for weight in model.weights:
                value = keras.ops.convert_to_numpy(weight)
                if value.ndim == 1:
                    np.testing.assert_array_equal(value, weight.name == "gamma")
                    continue
                area = np.prod(value.shape[:-2])
                limit = np.sqrt(6 / (area * (value.shape[-1] + value.shape[-2])))
                assert 0.8 * limit < np.abs(value).max() <= limit

    def test_without_seed_weights_differ(self, name, shape, options):
        first = weights_of(self.build(name, shape, options, seed=None))
        second = weights_of(self.build(name, shape, options, seed=None))
        assert not np.array_equal(first[0], second[0])

    def test_latent_is_read_by_one_dense_layer(self, name, shape, options):
        _, decoder = self.build(name, shape, options)
        readers = [
            layer for layer in decoder.layers[1:] if layer.input is decoder.inputs[0]
        ]
        assert len(readers) == 1
        assert isinstance(readers[0], keras.layers.Dense)

    def test_output_is_linear_and_unbounded(self, name, shape, options):
        _, decoder = self.build(name, shape, options)
        last = [layer for layer in decoder.layers if layer.get_weights()][-1]
        assert last.name == "decoder_output"
        assert last.activation is keras.activations.linear

    def test_output_is_float32_under_mixed_precision(self, name, shape, options):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            encoder, decoder = self.build(name, shape, options)
        finally:
            keras.config.set_dtype_policy("float32")
        assert encoder(random_input(encoder)).dtype == "bfloat16"
        assert decoder(random_input(decoder)).dtype == "float32"
        assert decoder.get_layer("decoder_output").compute_dtype == "float32"

    def test_saved_model_loads_and_agrees(self, name, shape, options, tmp_path):
        for model in self.build(name, shape, options):
            model.save(tmp_path / "part.keras")
            loaded = keras.models.load_model(tmp_path / "part.keras")
            x = random_input(model)
            np.testing.assert_array_equal(loaded(x), model(x))

    def test_masked_vae_trains_and_compacts(self, name, shape, options):
        vae = MaskedVAE(*self.build(name, shape, options), 12, "gaussian", seed=0)
        # One step takes longer to trace than to run.
        vae.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
        before = [keras.ops.convert_to_numpy(w) for w in vae.trainable_weights]
        x = np.random.default_rng(0).random((4, *shape)).astype("float32")
        vae.train_on_batch(x)
        for start, weight in zip(before, vae.trainable_weights, strict=True):
            assert not np.array_equal(start, weight), weight.path
        vae.latent_mask.deactivate([0, 3, 4, 9])
        small = compact(vae)
        assert small.latent_dim == 8
        assert largest_difference(vae, small) <= TOLERANCE
        x = np.random.default_rng(1).random((3, *shape)).astype("float32")
        np.testing.assert_allclose(
            small.reconstruct(x), vae.reconstruct(x), rtol=0, atol=1e-5
        )

    def test_layers_have_readable_names(self, name, shape, options):
        encoder, decoder = self.build(name, shape, options)
        assert (encoder.name, decoder.name) == ("encoder", "decoder")
        for model, source in [(encoder, "data"), (decoder, "latent")]:
            names = [layer.name for layer in model.layers]
            assert names[0] == source
            assert all(each.startswith(model.name) for each in names[1:])

    @pytest.mark.parametrize("latent_dim", [0, -1, 2.0, True, None])
    def test_bad_latent_dim(self, name, shape, options, latent_dim):
        with pytest.raises(ValueError, match="`latent_dim` must be a positive integer"):
            build_architecture(name, shape, latent_dim, **options)

    @pytest.mark.parametrize("seed", [-1, 0.5, True])
    def test_bad_seed(self, name, shape, options, seed):
        with pytest.raises(ValueError, match="`seed` must be None or a non-negative"):
            self.build(name, shape, options, seed=seed)

    @pytest.mark.parametrize("data_shape", [(), (0,), (8, None), 64, (8, 8.0), "88"])
    def test_bad_data_shape(self, name, shape, options, data_shape):
        with pytest.raises(ValueError, match="`data_shape` must be a non-empty"):
            build_architecture(name, data_shape, 4)


@pytest.mark.parametrize("shape", [(64,), (64, 64), (8, 64, 64, 3)])
def test_conv_is_for_images(shape):
    with pytest.raises(ValueError, match="`data_shape` must be .height, width, chan"):
        conv(shape, 4)


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 20, 3), (8, 8, 1), (17, 48, 1)])
def test_conv_pads_what_it_cannot_halve_four_times(shape):
    encoder, decoder = conv(shape, 4, filters=4, hidden=8, seed=0)
    assert encoder.input_shape == decoder.output_shape == (None, *shape)
    whole = tuple(16 * -(-length // 16) for length in shape[:2])
    assert encoder.get_layer("encoder_conv_1").input.shape[1:3] == whole
    vae = MaskedVAE(encoder, decoder, 4)
    vae.latent_mask.deactivate([1])
    assert compact(vae).data_shape == shape


def test_conv_pads_on_both_sides():
    encoder, _ = conv((28, 20, 1), 4, filters=2, hidden=4)
    x = np.random.default_rng(0).random((1, 28, 20, 1)).astype("float32")
    padding = encoder.get_layer("encoder_padding")
    padded = np.pad(x, [(0, 0), (2, 2), (6, 6), (0, 0)])
    np.testing.assert_array_equal(padding(x), padded)
    names = [layer.name for layer in conv((64, 64, 3), 4, filters=2)[0].layers]
    assert "encoder_padding" not in names


@pytest.mark.parametrize(
    "shape",
    [(64, 64, 3), (8, 64, 64), (7, 64, 64, 3), (8, 60, 64, 3), (8, 64, 4, 3), (8,) * 5],
)
def test_video_refuses_what_it_cannot_halve(shape):
    with pytest.raises(ValueError, match="`data_shape` must be .*by 2, .*by 8"):
        video(shape, 4)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"filters": 0}, "`filters` must be a positive integer"),
        ({"filters": 5}, "`filters` must be even .*filters=5"),
        ({"filters": 6, "heads": 4}, "divisible by `heads`.*filters=6, heads=4"),
        ({"hidden": 0}, "`hidden` must be a positive integer"),
        ({"blocks": 0}, "`blocks` must be a positive integer"),
        ({"heads": 1.0}, "`heads` must be a positive integer"),
        ({"activation": "rellu"}, "rellu"),
    ],
)
def test_bad_video_options(options, match):
    with pytest.raises(ValueError, match=match):
        video((2, 8, 8, 1), 4, **options)


@pytest.mark.parametrize(
    ("network", "options", "match"),
    [
        (mlp, {"hidden": 400}, "`hidden` must be a sequence"),
        (mlp, {"hidden": (400, 0)}, "`hidden` must be a positive integer"),
        (mlp, {"activation": "rellu"}, "rellu"),
        (conv, {"hidden": 0}, "`hidden` must be a positive integer"),
        (conv, {"filters": -1}, "`filters` must be a positive integer"),
    ],
)
def test_bad_options(network, options, match):
    with pytest.raises(ValueError, match=match):
        network((16, 16, 1), 4, **options)


def test_registry_names():
    assert {"mlp": mlp, "conv": conv, "video": video}.items() <= ARCHITECTURES.items()


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("mpl", {}, "Received: name='mpl'. Did you mean 'mlp'"),
        ("resnet50", {}, r"Received: name='resnet50'$"),
        ("mlp", {"hiden": (3,)}, "unknown option 'hiden'. Did you mean 'hidden'"),
        ("conv", {"filter": 3}, "unknown option 'filter'. Did you mean 'filters'"),
    ],
)
def test_unknown_name_or_option(name, options, match):
    with pytest.raises(ValueError, match=match):
        build_architecture(name, (16, 16, 1), 4, **options)
