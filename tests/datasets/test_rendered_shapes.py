import numpy as np
import pytest

from ald_keras.datasets import load_dataset
from ald_keras.datasets.rendered_shapes import FACTORS, draw_factors
from ald_keras.datasets.shape_drawing import draw_shapes

NAME = "rendered_shapes"
FEW = {"samples": 60, "test_samples": 12}
RANGES = {"x": (0.25, 0.75), "y": (0.25, 0.75), "scale": (0.5, 1)}


def test_sizes_labels_and_range():
    data = load_dataset(NAME, **FEW)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (54, 6, 12)
    assert data.data_shape == (64, 64, 1)
    assert data.class_names == ("square", "ellipse", "heart")
    assert set(data.y_train) == {0, 1, 2}
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    assert load_dataset(NAME, size=16, **FEW).data_shape == (16, 16, 1)


def test_images_and_labels_are_those_of_the_factors():
    data = load_dataset(NAME, data_seed=3, rotation_range=90, **FEW)
    drawn = draw_factors(12, rotation_range=90, data_seed=3, part="test")
    images = draw_shapes(**drawn).astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(data.x_test, images)
    np.testing.assert_array_equal(data.y_test, drawn["shape"])
    drawn = draw_factors(60, rotation_range=90, data_seed=3)
    expected = {
        image.tobytes(): label
        for image, label in zip(draw_shapes(**drawn), drawn["shape"], strict=True)
    }
    found = {
        np.rint(255 * image).astype(np.uint8).tobytes(): label
        for x, y in ((data.x_train, data.y_train), (data.x_val, data.y_val))
        for image, label in zip(x, y, strict=True)
    }
    assert found == expected


@pytest.mark.parametrize("factor", FACTORS)
def test_only_the_factors_named_vary(factor):
    drawn = draw_factors(50, [factor])
    varying = [name for name in FACTORS if len(np.unique(drawn[name])) > 1]
    assert varying == [factor]
    rest = {"x": 0.5, "y": 0.5, "scale": 0.75, "rotation": 0, "shape": 2}
    for name in FACTORS:
        if name != factor:
            assert set(drawn[name]) == {rest[name]}
    np.testing.assert_array_equal(drawn[factor], draw_factors(50)[factor])


def test_factors_are_uniform_and_independent():
    drawn = draw_factors(20_000, rotation_range=180)
    for name, (low, high) in {**RANGES, "rotation": (0, np.pi)}.items():
        share = (drawn[name] - low) / (high - low)
        np.testing.assert_allclose(
            np.quantile(share, [0, 0.25, 0.5, 0.75, 1]),
            [0, 0.25, 0.5, 0.75, 1],
            atol=0.02,
        )
        assert 0 <= share.min() < share.max() <= 1
    np.testing.assert_allclose(np.bincount(drawn["shape"]) / 20_000, 1 / 3, atol=0.02)
    together = np.corrcoef([drawn[name] for name in FACTORS])
    assert np.abs(together - np.eye(5)).max() < 0.03
    assert draw_factors(2000)["rotation"].max() > 1.99 * np.pi


def test_labels_only_where_the_shape_varies():
    data = load_dataset(NAME, factors=["x", "scale"], **FEW)
    assert data.y_train is None
    assert data.class_names is None
    data = load_dataset(NAME, factors=["shape"], **FEW)
    assert len(np.unique(data.x_train, axis=0)) == 3
    assert data.n_classes == 3


def test_data_seed_decides_the_images_and_seed_only_the_split():
    first, other_split, other_data = (
        load_dataset(NAME, **FEW, **seeds)
        for seeds in ({}, {"seed": 1}, {"data_seed": 1})
    )
    np.testing.assert_array_equal(first.x_test, other_split.x_test)
    assert not np.array_equal(first.x_val, other_split.x_val)
    again = load_dataset(NAME, **FEW)
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert not np.array_equal(first.x_test, other_data.x_test)
    parts = [draw_factors(12, part=part)["x"] for part in ("train", "test")]
    assert not np.isin(*parts).any()


def test_fewer_samples_are_the_first_of_more():
    few, many = (draw_factors(count) for count in (10, 30))
    for name in FACTORS:
        np.testing.assert_array_equal(few[name], many[name][:10])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"factors": ["x", "roation"]}, "'roation'. Did you mean 'rotation'"),
        (
            {"factors": ["colour"]},
            "must be one of .*'x', 'y'.* Received: .*'colour'",
        ),
        ({"factors": ["x", "y", "x"]}, "must name each factor once"),
        ({"factors": []}, "must be a list of one or more"),
        ({"factors": "x"}, "must be a list .*factors='x'"),
        ({"factors": 3}, "must be a list"),
        ({"factors": [["x"]]}, "must be one of"),
        ({"rotation_range": 0}, "`rotation_range` must be a finite number above 0"),
        ({"rotation_range": 361}, "Received: rotation_range=361"),
        ({"size": 15}, "`size` must be an integer of at least 16"),
        ({"samples": 0}, "`samples` must be a positive integer"),
        ({"test_samples": 1.5}, "`test_samples` must be a positive integer"),
        ({"data_seed": True}, "`data_seed` must be a non-negative integer"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        load_dataset(NAME, **options)
