"""InceptionV3's pool features, on which a Frechet distance is called FID.

The weights are those of `keras.applications` (ImageNet, top-1 error 22.1 %), not those
of the network of 2015 that published FIDs are computed with (Heusel et al., 2017, arXiv
1706.08500): it was trained in another way, normalises and pools slightly otherwise, and
is not part of Keras. Resizing smooths before it samples, as Parmar et al. (2022, arXiv
2104.11222) ask for. So values rank models as a FID does, but are comparable with none
that another program printed.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
from collections.abc import Iterator

import keras

SIDE = 299
# Images at a time: one of them takes some 30 MB of activations.
BATCH = 32
WEIGHTS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
    "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
)


def build_inception(
    image_shape: tuple[int, ...], weights: str | os.PathLike[str] | None = None
) -> keras.Model:
    """A model from images with values in [0, 1] to 2048 features.

    Args:
        image_shape: `(height, width, channels)`, of 1 or 3 channels; grey images are
            repeated into three.
        weights: File with weights of InceptionV3 without its top: Keras's own
            `..._notop.h5`, or a `.weights.h5` that was saved from it. Defaults to
            `None`: Keras's, fetched once into its cache.

    Returns:
        A Functional model, `(n, *image_shape)` to `(n, 2048)`, float32.

    Raises:
        ValueError: If the images have other channels, or the file does not fit.
        FileNotFoundError: If there is no file `weights`.
        ConnectionError: If the weights cannot be fetched.
    """
    if image_shape[-1] not in (1, 3):
        raise ValueError(
            "`features='inception'` must get images of 1 or 3 channels. "
            f"Received: {image_shape[-1]} in {image_shape}"
        )
    with _float32():
        network = _load(weights)
        images = keras.Input(image_shape, dtype="float32")
        hidden = images
        if image_shape[-1] == 1:
            hidden = keras.ops.repeat(hidden, 3, axis=-1)
        hidden = keras.ops.image.resize(
            hidden, (SIDE, SIDE), interpolation="bilinear", antialias=True
        )
        # The network was trained on [-1, 1].
        return keras.Model(images, network(2.0 * hidden - 1.0), name="inception")


def _load(weights: str | os.PathLike[str] | None) -> keras.Model:
    if weights is None:
        try:
            return _network("imagenet")
        except Exception as error:  # Keras raises a bare one when it cannot fetch
            raise ConnectionError(
                "`features='inception'`: its weights are not in Keras's cache and "
                f"cannot be fetched ({error}). Fetch {WEIGHTS_URL} elsewhere and give "
                "the file as `weights`, or use features='random_conv'."
            ) from error
    path = pathlib.Path(weights).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"`weights`: there is no file {path}.")
    network = _network(None)
    try:
        network.load_weights(path)
    except Exception as error:  # each kind of damage fails in a way of its own
        raise ValueError(
            "`weights` must be a file of InceptionV3's weights without its top, ending "
            f"in .h5. Received: {path} ({str(error).splitlines()[0][:200]})"
        ) from error
    return network


def _network(weights: str | None) -> keras.Model:
    # Initialisers draw from Python's random state, which may decide the order in which
    # Keras shuffles the user's batches.
    state = random.getstate()
    try:
        return keras.applications.InceptionV3(
            include_top=False,
            weights=weights,
            input_shape=(SIDE, SIDE, 3),
            pooling="avg",
        )
    finally:
        random.setstate(state)


@contextlib.contextmanager
def _float32() -> Iterator[None]:
    """Layers made inside compute in float32, whatever the user's models do."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
