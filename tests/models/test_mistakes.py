"""Mistakes in what `fit` is given: each is one line that names the argument."""

import keras
import numpy as np
import pytest
from builders import digits, small_vae, stream_of

X = digits(40)
NAN = np.full_like(X, np.nan)


def fit(*args, **options):
    vae = small_vae(4)
    vae.compile("adam")
    return vae.fit(*args, verbose=0, **options)


@pytest.mark.parametrize(
    ("args", "options", "text"),
    [
        (
            [X],
            {"sample_weight": np.ones((40, 3))},
            r"\(samples,\), or that of the data",
        ),
        ([X], {"sample_weight": np.full(40, np.nan)}, "finite and not negative"),
        ([X], {"sample_weight": [-1.0] * 40}, "finite and not negative"),
        ([stream_of(X, 10)], {"validation_split": 0.2}, "x of type"),
        ([X, iter([1])], {"validation_split": 0.2}, "y of type"),
        ([X], {"validation_data": stream_of(NAN, 10)}, "^`validation_data` must hold"),
        ([stream_of(NAN, 10)], {}, "^`x` must hold"),
        (
            [stream_of(NAN, 10)],
            {"validation_data": stream_of(X, 10)},
            "^`x` or `validation_data` must hold",
        ),
    ],
)
def test_a_mistake_is_named(args, options, text):
    with pytest.raises(ValueError, match=text):
        fit(*args, **options)


def test_lists_of_labels_and_of_weights_are_taken():
    history = fit(X, ["a", "b"] * 20, sample_weight=[1.0] * 40, validation_split=0.25)
    assert np.isfinite(history.history["val_loss"]).all()


def test_tensors_of_the_backend_are_taken():
    fit(keras.ops.convert_to_tensor(X, "bfloat16"), validation_split=0.25)
