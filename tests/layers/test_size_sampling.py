import keras
import numpy as np
import pytest
from keras import ops

from ald_keras.layers import SizeSampling


def sampling_of(probabilities, order=None, seed=0):
    layer = SizeSampling(len(probabilities), seed=seed)
    layer.start(order or range(len(probabilities)), probabilities)
    return layer


def sizes_of(layer, samples, **options):
    return ops.convert_to_numpy(layer.draw(samples, **options)).astype(int)


def test_a_new_layer_truncates_nothing():
    layer = SizeSampling(5, seed=0)
    assert layer.share == 0.0
    assert layer.order.tolist() == [0, 1, 2, 3, 4]
    assert sizes_of(layer, 100).tolist() == [5] * 100


def test_each_batch_has_the_expected_number_of_each_size():
    layer = sampling_of([0.0, 0.25, 0.0, 0.125, 0.0])
    for _ in range(20):
        found = np.bincount(sizes_of(layer, 64), minlength=6)
        # A systematic sample: within one of what is expected.
        assert np.abs(found - [0, 0, 16, 0, 8, 40]).max() <= 1
        assert found[[0, 1, 3]].tolist() == [0, 0, 0]


def test_every_place_of_a_batch_draws_every_size_alike():
    layer = sampling_of([0.3, 0.2, 0.0])
    drawn = np.stack([sizes_of(layer, 4) for _ in range(2000)])
    for size, probability in ((1, 0.3), (2, 0.2), (3, 0.5)):
        shares = (drawn == size).mean(axis=0)
        np.testing.assert_allclose(shares, probability, atol=0.05)


def test_the_mask_keeps_the_first_dimensions_of_the_order():
    layer = sampling_of([0.2, 0.2, 0.2, 0.0], order=[2, 0, 3, 1])
    sizes = np.array([1.0, 2.0, 3.0, 4.0], "float32")
    expected = [[0, 0, 1, 0], [1, 0, 1, 0], [1, 0, 1, 1], [1, 1, 1, 1]]
    np.testing.assert_array_equal(layer.keep(sizes), expected)
    assert layer.order.tolist() == [2, 0, 3, 1]


def test_parts_of_a_batch_draw_what_the_whole_draws():
    whole, parts = (sampling_of([0.1, 0.3, 0.2, 0.0]) for _ in range(2))
    expected = sizes_of(whole, 10)
    state = ops.convert_to_numpy(parts.seed_generator.state)
    found = []
    for first, count in ((0, 4), (4, 0), (4, 6)):
        parts.seed_generator.state.assign(state)  # as each replica holds it
        found.append(sizes_of(parts, count, rows=(first, 10)))
    np.testing.assert_array_equal(np.concatenate(found), expected)


def test_draws_follow_the_seed():
    draws = [sizes_of(sampling_of([0.2] * 4 + [0.0], seed=s), 50) for s in (1, 1, 2)]
    assert draws[0].tolist() == draws[1].tolist() != draws[2].tolist()


def test_changing_the_sizes_takes_effect_in_a_compiled_function(tf):
    layer = SizeSampling(3, seed=0)
    traces = []

    @tf.function
    def draw():
        traces.append(1)
        return layer.draw(8)

    assert draw().numpy().tolist() == [3.0] * 8
    layer.start([0, 1, 2], [0.5, 0.0, 0.0])
    assert sorted(draw().numpy()) == [1.0] * 4 + [3.0] * 4
    layer.stop()
    assert draw().numpy().tolist() == [3.0] * 8
    assert len(traces) == 1


def test_a_narrower_layer_takes_over_order_and_sizes():
    wide = sampling_of([0.1, 0.2, 0.3, 0.05, 0.0], order=[4, 1, 3, 0, 2])
    narrow = SizeSampling(3, seed=9)
    narrow.take_over(wide, np.array([1, 3, 4]))
    assert narrow.order.tolist() == [2, 0, 1]  # 4, 1, 3 of the wide one
    found = ops.convert_to_numpy(narrow.probabilities)
    np.testing.assert_allclose(found, [0.1, 0.2, 0.0], atol=1e-7)
    assert sizes_of(narrow, 8).max() == 3


def test_it_stays_in_float32_under_a_mixed_policy():
    layer = SizeSampling(2, dtype="mixed_float16")
    assert {keras.backend.standardize_dtype(w.dtype) for w in layer.weights} == {
        "float32"
    }
    assert layer.trainable_weights == []


@pytest.mark.parametrize(
    ("order", "probabilities", "named"),
    [
        ([0, 0, 1], [0.0, 0.1, 0.0], "order"),
        ([0, 1], [0.0, 0.1, 0.0], "order"),
        ([0, 1, 2], [0.1, 0.1], "probabilities"),
        ([0, 1, 2], [-0.1, 0.1, 0.0], "probabilities"),
        ([0, 1, 2], [np.nan, 0.1, 0.0], "probabilities"),
        ([0, 1, 2], [0.5, 0.5, 0.0], "probabilities"),
    ],
)
def test_bad_arguments_are_errors(order, probabilities, named):
    with pytest.raises(ValueError, match=f"`{named}` must hold"):
        SizeSampling(3).start(order, probabilities)
