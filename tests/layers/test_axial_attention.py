import itertools

import keras
import numpy as np
import pytest
from builders import gradients_of
from conformance import check_reloads
from scipy.special import softmax

from ald_keras.layers import AxialAttention, AxialAttention3D, AxialAttentionBlock

SHAPE = (2, 3, 4, 5, 6)
LAYERS = {
    "time": lambda **options: AxialAttention(1, **options),
    "width": lambda **options: AxialAttention(3, **options),
    "3d": AxialAttention3D,
    "block": AxialAttentionBlock,
}


def random_input(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def with_random_weights(layer, shape=SHAPE, seed=1):
    """The layer, built, with no weight at zero or one."""
    if not layer.built:
        layer.build(shape)
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape, scale=0.5))
    return layer


def attend(sequence, layer):
    """Attention over one sequence `(length, channels)`, head by head."""
    query, key, value, output, bias = (
        keras.ops.convert_to_numpy(weight).astype("float64") for weight in layer.weights
    )
    size = sequence.shape[-1] // layer.heads
    heads = []
    for head in range(layer.heads):
        own = slice(head * size, (head + 1) * size)
        scores = (sequence @ query[:, own]) @ (sequence @ key[:, own]).T
        heads.append(softmax(scores / np.sqrt(size), axis=1) @ sequence @ value[:, own])
    return np.concatenate(heads, axis=1) @ output + bias


def attend_along(x, layer):
    result = np.empty(x.shape)
    others = [axis for axis in range(x.ndim - 1) if axis != layer.axis]
    for position in itertools.product(*(range(x.shape[axis]) for axis in others)):
        where = [slice(None)] * x.ndim
        for axis, index in zip(others, position, strict=True):
            where[axis] = index
        result[tuple(where)] = attend(x[tuple(where)].astype("float64"), layer)
    return result


def normalise(x, layer):
    axes = tuple(range(1, x.ndim))
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    gamma, beta = layer.get_weights()
    return (x - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta


def convolve(x, kernel):
    """Stride 1, zeros around; kernel of odd lengths."""
    lengths = kernel.shape[:3]
    around = [(0, 0), *((size // 2, size // 2) for size in lengths), (0, 0)]
    padded = np.pad(x, around)
    result = np.zeros((*x.shape[:-1], kernel.shape[-1]))
    for t, h, w in np.ndindex(lengths):
        _, frames, height, width, _ = x.shape
        shifted = padded[:, t : t + frames, h : h + height, w : w + width]
        result += shifted @ kernel[t, h, w]
    return result


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("heads", [1, 2, 3])
def test_attention_along_an_axis_is_what_numpy_computes(axis, heads):
    layer = with_random_weights(AxialAttention(axis, heads))
    x = random_input()
    np.testing.assert_allclose(layer(x), attend_along(x, layer), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 5, 4), (2, 3, 5, 4), (2, 2, 1, 2, 3, 2, 4)])
def test_any_number_of_axes(shape):
    layer = with_random_weights(AxialAttention(len(shape) - 2), shape)
    x = random_input(shape)
    np.testing.assert_allclose(layer(x), attend_along(x, layer), atol=1e-5)


def test_alone_on_its_axis_a_position_attends_to_itself():
    layer = with_random_weights(AxialAttention(2))
    x = random_input((2, 3, 1, 4, 6))
    value, output, bias = layer.get_weights()[2:]
    np.testing.assert_allclose(layer(x), x @ value @ output + bias, atol=1e-5)


def test_3d_attention_is_the_sum_over_the_axes():
    layer = with_random_weights(AxialAttention3D(heads=3))
    assert [each.axis for each in layer.attentions] == [1, 2, 3]
    assert [each.heads for each in layer.attentions] == [3, 3, 3]
    x = random_input()
    expected = sum(attend_along(x, each) for each in layer.attentions)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_block_is_what_numpy_computes(activation):
    layer = with_random_weights(AxialAttentionBlock(3, activation))
    act = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}[activation]
    x = random_input() + 1
    (narrow,), (wide,) = layer.conv_1.get_weights(), layer.conv_2.get_weights()
    assert narrow.shape == (3, 3, 3, 6, 3)
    assert wide.shape == (1, 1, 1, 3, 6)
    inner = convolve(act(normalise(x, layer.norm_1)), narrow)
    inner = convolve(act(normalise(inner, layer.norm_2)), wide)
    inner = act(normalise(inner, layer.norm_3))
    expected = x + sum(attend_along(inner, each) for each in layer.attention.attentions)
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_permuting_the_attended_axis_permutes_the_output(axis):
    layer = with_random_weights(AxialAttention(axis))
    x = random_input()
    order = np.random.default_rng(2).permutation(x.shape[axis])
    assert list(order) != sorted(order)
    expected = np.take(np.asarray(layer(x)), order, axis)
    np.testing.assert_allclose(layer(np.take(x, order, axis)), expected, atol=1e-6)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_position_reaches_its_own_line_and_no_other(axis):
    layer = with_random_weights(AxialAttention(axis))
    x = random_input()
    changed = x.copy()
    changed[1, 1, 2, 3] += 1
    differs = np.abs(np.asarray(layer(changed)) - np.asarray(layer(x))).max(-1) > 1e-6
    line = [1, 1, 2, 3]
    line[axis] = slice(None)
    expected = np.zeros(SHAPE[:-1], bool)
    expected[tuple(line)] = True
    np.testing.assert_array_equal(differs, expected)


@pytest.mark.parametrize("name", LAYERS)
class TestEveryLayer:
    def test_shape(self, name):
        layer = LAYERS[name]()
        assert layer.compute_output_shape((None, *SHAPE[1:])) == (None, *SHAPE[1:])
        assert layer(keras.Input(SHAPE[1:])).shape == (None, *SHAPE[1:])
        assert layer(random_input()).shape == SHAPE

    def test_shape_that_is_known_only_at_the_call(self, name):
        layer = LAYERS[name]()
        inputs = keras.Input((None, None, None, 6))
        model = keras.Model(inputs, layer(inputs))
        for shape in (SHAPE, (1, 2, 2, 7, 6)):
            x = random_input(shape)
            got = model.predict(x, verbose=0)
            np.testing.assert_allclose(got, layer(x), atol=1e-6)

    def test_samples_do_not_see_each_other(self, name):
        layer = with_random_weights(LAYERS[name]())
        x = random_input()
        alone = np.concatenate([layer(x[:1]), layer(x[1:])])
        np.testing.assert_allclose(layer(x, training=True), alone, atol=1e-5)

    def test_gradient_reaches_every_weight(self, name):
        layer = LAYERS[name](seed=0)
        x = random_input()
        layer.build(x.shape)
        weights = layer.trainable_weights
        assert len(weights) == len(layer.weights)
        gradients = gradients_of(lambda: keras.ops.sum(layer(x) ** 2), weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            assert (np.abs(gradient) > 1e-8).mean() > 0.5, weight.path

    def test_seed_decides_the_weights(self, name):
        def build(seed):
            layer = LAYERS[name](seed=seed)
            layer.build(SHAPE)
            return [w for w in layer.get_weights() if w.ndim > 1]

        keras.utils.set_random_seed(1)
        first, other, free = build(3), build(4), build(None)
        keras.utils.set_random_seed(2)
        for a, b, c, d in zip(first, build(3), other, free, strict=True):
            np.testing.assert_array_equal(a, b)
            assert not np.array_equal(a, c)
            assert not np.array_equal(a, d)
        for a, b in itertools.combinations(first, 2):
            assert a.shape != b.shape or not np.array_equal(a, b)

    def test_config_goes_round(self, name):
        options = {"heads": 3, "seed": 7, "name": "other", "dtype": "mixed_float16"}
        layer = LAYERS[name](**options)
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        assert (again.heads, again.seed, again.name) == (3, 7, "other")
        again.build(SHAPE)
        layer.build(SHAPE)
        for a, b in zip(layer.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_reloads_inside_a_model(self, name, tmp_path):
        inputs = keras.Input(SHAPE[1:])
        layer = LAYERS[name](heads=3)
        model = keras.Model(inputs, layer(inputs))
        with_random_weights(layer)
        check_reloads(model, tmp_path, random_input())

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
    def test_half_precision(self, name, policy):
        exact = with_random_weights(LAYERS[name]())
        layer = with_random_weights(LAYERS[name](dtype=policy))
        stored = "float16" if policy == "float16" else "float32"
        assert {weight.dtype for weight in layer.weights} == {stored}
        x = random_input()
        got = layer(x)
        assert keras.backend.standardize_dtype(got.dtype) == policy.split("_")[-1]
        expected = np.asarray(exact(x))
        got = np.asarray(keras.ops.cast(got, "float32"))
        error = np.abs(got - expected).max() / np.abs(expected).max()
        assert error < (0.05 if policy == "mixed_bfloat16" else 0.01)

    @pytest.mark.parametrize("heads", [0, -1, 2.0, True, None])
    def test_bad_heads(self, name, heads):
        with pytest.raises(ValueError, match="`heads` must be a positive integer"):
            LAYERS[name](heads=heads)

    @pytest.mark.parametrize("seed", [-1, 0.5, True])
    def test_bad_seed(self, name, seed):
        with pytest.raises(ValueError, match="`seed` must be None or a non-negative"):
            LAYERS[name](seed=seed)

    def test_heads_that_do_not_divide_the_channels(self, name):
        with pytest.raises(ValueError, match=r"`heads` must divide .*heads=4.*5, 6\)"):
            LAYERS[name](heads=4).build(SHAPE)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "bfloat16"])
def test_softmax_is_computed_in_float32(policy, tf):
    layer = AxialAttention(1, dtype=policy)
    graph = tf.function(layer).get_concrete_function(tf.zeros(SHAPE)).graph
    softmax = [node for node in graph.get_operations() if node.type == "LogSoftmax"]
    assert [node.outputs[0].dtype for node in softmax] == [tf.float32]


def test_scores_stay_within_the_range_of_float16():
    # Unscaled, each would be 64 * 40 * 40 = 102,400, above float16's 65,504.
    layer = AxialAttention(1, heads=1, dtype="float16")
    layer.build((1, 3, 64))
    for kernel in layer.weights[:-1]:
        kernel.assign(np.eye(64))
    x = np.full((1, 3, 64), 40.0)
    np.testing.assert_allclose(layer(x), x, rtol=1e-2)


@pytest.mark.parametrize("axis", [0, -1, 1.0, True, None])
def test_bad_axis(axis):
    with pytest.raises(ValueError, match="`axis` must be a positive integer"):
        AxialAttention(axis)


@pytest.mark.parametrize("axis", [4, 5])
def test_axis_that_the_input_has_not(axis):
    with pytest.raises(ValueError, match="`axis` must lie between .*axis="):
        AxialAttention(axis).build(SHAPE)


@pytest.mark.parametrize("layer", [AxialAttention3D, AxialAttentionBlock])
@pytest.mark.parametrize("shape", [(2, 4, 4, 6), (2, 1, 3, 4, 4, 6)])
def test_input_that_is_no_video(layer, shape):
    with pytest.raises(ValueError, match=r"`inputs` must have shape \(batch, time"):
        layer().build(shape)


def test_block_halves_the_channels():
    with pytest.raises(ValueError, match="`inputs` must have an even number"):
        AxialAttentionBlock(heads=5).build((2, 3, 4, 5, 5))


def test_bad_activation():
    with pytest.raises(ValueError, match="rellu"):
        AxialAttentionBlock(activation="rellu")
