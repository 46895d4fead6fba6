import numpy as np
import pytest

from ald_keras.datasets import RawDataset
from ald_keras.datasets.dataset import encode_labels, scale


def test_scale_divides_every_byte_by_255():
    x = np.arange(256, dtype=np.uint8).reshape(4, 64)
    scaled = scale(x, "here")
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(
        scaled, np.array([i / 255 for i in range(256)], np.float32).reshape(4, 64)
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scale_leaves_floats_alone(dtype):
    x = np.array([[-3.5, 0.0, 250.25]], dtype)
    np.testing.assert_array_equal(scale(x, "here"), np.array([[-3.5, 0, 250.25]]))
    assert scale(x, "here").dtype == np.float32


def test_scale_reads_booleans_as_zero_and_one():
    np.testing.assert_array_equal(scale(np.array([[True, False]]), "here"), [[1, 0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_scale_refuses_what_float32_cannot_hold(bad):
    x = np.zeros((3, 2))
    x[2, 1] = bad
    with pytest.raises(ValueError, match=r"here: .*finite.*\(2, 1\)"):
        scale(x, "here")


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.complex64, "U3"])
def test_scale_refuses_other_types(dtype):
    with pytest.raises(ValueError, match="uint8"):
        scale(np.zeros((2, 2), dtype), "here")


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        ([3, 7, 3, -1], [1, 2, 1, 0], ("-1", "3", "7")),
        ([10.0, 9.0], [1, 0], ("9", "10")),
        (["cat", "ant"], [1, 0], ("ant", "cat")),
        ([True, False], [1, 0], ("False", "True")),
    ],
)
def test_encode_labels_numbers_in_sorted_order(labels, codes, names):
    encoded, found = encode_labels(np.array(labels), "here")
    assert encoded.dtype == np.int64
    assert encoded.tolist() == codes
    assert found == names


@pytest.mark.parametrize("labels", [[0.5, 1.0], [np.nan, 1.0], [1j], [np.inf]])
def test_encode_labels_refuses_what_is_no_label(labels):
    with pytest.raises(ValueError, match="here: labels must be"):
        encode_labels(np.array(labels), "here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((0, 2))}, "training part must be a non-empty"),
        ({"x": np.zeros(4)}, "training part must be a non-empty"),
        ({"x_test": np.zeros((2, 0))}, "test part must be a non-empty"),
        ({"x_test": np.zeros((2, 3))}, r"one shape.*\(2,\) and \(3,\)"),
        ({"y": np.zeros(3)}, r"one label a sample, shape \(4,\)"),
        ({"y": np.zeros((4, 2))}, r"one label a sample, shape \(4,\)"),
        ({"y": None}, "labels for the test part only"),
        ({"y_test": None}, "labels for the training part only"),
    ],
)
def test_raw_dataset_refuses_parts_that_do_not_fit(change, message):
    parts = {
        "x": np.zeros((4, 2)),
        "y": np.zeros(4),
        "x_test": np.zeros((2, 2)),
        "y_test": np.zeros(2),
    }
    with pytest.raises(ValueError, match=f"here: .*{message}"):
        RawDataset("here", **{**parts, **change})
