"""What figures show of a trained model, as plain arrays."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras.datasets import LazySamples
from ald_keras.metrics import gaussian_kl
from ald_keras.metrics.arrays import as_array
from ald_keras.metrics.model_protocol import MaskedModel
from ald_keras.metrics.quality import row_blocks
from ald_keras.models.compaction import compact
from ald_keras.models.latent_vae import LatentVAE
from ald_keras.reports.figures import picture_kind

# Samples that are encoded, shown beside their reconstructions, and drawn from the
# prior; data values that are encoded at most, so that clips fit into memory.
_CODES = 2000
_SHOWN = 10
_PRIOR = 40
_VALUES = 1 << 25

# Rows and columns of the traversals.
_MOST_DIMS = 20
_STEPS = np.linspace(-3.0, 3.0, 13)


@dataclasses.dataclass(frozen=True, eq=False)
class Traversals:
    """What becomes of one sample when one dimension is set to other values.

    Args:
        dims: Indices of the dimensions, the most informative first.
        values: What each is set to.
        images: Array of shape `(dims, values, *image_shape)`.
    """

    dims: list[int]
    values: list[float]
    images: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class ModelView:
    """What figures show of a model.

    Args:
        part: Text, what data it was measured on.
        kl: Mean KL of each dimension, nats per sample.
        active: Indices of the active dimensions.
        codes: Posterior means of shape `(samples, n_dims)`.
        labels: Classes of these samples, or `None`.
        class_names: A name a class, or `None`.
        originals: A few samples, shape `(n, *data_shape)`.
        masked: What the masked model makes of them, through the posterior means.
        compacted: The same of the compact model, or `None` where that was not made.
        prior: What is decoded from samples of the prior.
        traversals: `Traversals`, or `None` where data are no images.
    """

    part: str
    kl: list[float]
    active: list[int]
    codes: np.ndarray
    labels: np.ndarray | None
    class_names: Sequence[str] | None
    originals: np.ndarray
    masked: np.ndarray
    compacted: np.ndarray | None
    prior: np.ndarray
    traversals: Traversals | None


def view_model(
    model: LatentVAE,
    x: Tensor,
    y: Tensor = None,
    class_names: Sequence[str] | None = None,
    part: str = "test part",
    seed: int = 0,
    with_compact: bool = True,
) -> ModelView:
    """Look at a model through a sample of data.

    Args:
        model: A VAE with a latent mask.
        x: Array or `LazySamples` of shape `(samples, *data_shape)`.
        y: Classes of shape `(samples,)`, or `None`. Defaults to `None`.
        class_names: A name a class, or `None`. Defaults to `None`.
        part: Text, what data these are. Defaults to `"test part"`.
        seed: Integer >= 0 of what is drawn. Defaults to 0.
        with_compact: Boolean, whether the model is made compact too, to compare.
            Defaults to `True`.
    """
    rng = np.random.default_rng(seed)
    x = as_array("x", x)
    values = math.prod(model.data_shape)
    most = min(len(x), _CODES, max(_SHOWN, _VALUES // values))
    rows = np.sort(rng.choice(len(x), most, replace=False))
    sample = x.take(rows)[:] if isinstance(x, LazySamples) else x[rows]
    z_mean, z_log_var = _encode(model, sample)
    kl = ops.convert_to_numpy(gaussian_kl(z_mean, z_log_var)).mean(axis=0)
    shown = np.sort(rng.choice(most, min(_SHOWN, most), replace=False))
    small = compact(model, keep_optimizer=False) if with_compact else None
    prior = rng.standard_normal((_PRIOR, model.latent_dim)).astype("float32")
    active = [int(index) for index in model.latent_mask.active_indices]
    return ModelView(
        part=part,
        kl=[float(value) for value in kl],
        active=active,
        codes=z_mean,
        labels=None if y is None else np.asarray(y)[rows],
        class_names=class_names,
        originals=model.data_values(sample[shown]),
        masked=_decode(model, z_mean[shown], sample[shown]),
        compacted=None
        if small is None
        else _decode(small, _encode(small, sample[shown])[0], sample[shown]),
        # Under the conditions of the sample, which a conditional model needs.
        prior=_decode(model, prior, sample[np.arange(_PRIOR) % most]),
        traversals=_traverse(model, z_mean[shown[0]], kl, active, sample[shown[:1]]),
    )


def _encode(model: MaskedModel, x: Any) -> tuple[np.ndarray, np.ndarray]:
    parts = [
        [ops.convert_to_numpy(part) for part in model.encode(x[rows])]
        for rows in row_blocks(len(x), model.data_shape)
    ]
    z_mean, z_log_var = (np.concatenate(part) for part in zip(*parts, strict=True))
    return z_mean, z_log_var


def _decode(model: MaskedModel, z: np.ndarray, x: Any) -> np.ndarray:
    """What codes are decoded to, under the conditions of as many samples."""
    parts = [
        model.decode_values(z[rows], model.conditions_of(x[rows]))
        for rows in row_blocks(len(z), model.data_shape)
    ]
    return np.concatenate([ops.convert_to_numpy(part) for part in parts])


def _traverse(
    model: MaskedModel, code: np.ndarray, kl: np.ndarray, active: list[int], x: Any
) -> Traversals | None:
    kind = picture_kind(model.data_shape)
    if kind not in ("image", "clip"):
        return None
    dims = sorted(active, key=lambda index: -kl[index])[:_MOST_DIMS]
    codes = np.tile(code, (len(dims) * len(_STEPS), 1))
    for row, index in enumerate(dims):
        start = row * len(_STEPS)
        codes[start : start + len(_STEPS), index] = _STEPS
    images = _decode(model, codes, x[np.zeros(len(codes), int)])
    if kind == "clip":
        images = images[:, images.shape[1] // 2]
    images = images.reshape(len(dims), len(_STEPS), *images.shape[1:])
    return Traversals(dims, _STEPS.tolist(), images)
