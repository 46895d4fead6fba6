"""TensorBoard with what people look at in a VAE."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import keras
import numpy as np

from ald_keras._typing import Logs, Tensor
from ald_keras._validation import check_integer
from ald_keras.callbacks.probe import open_probe
from ald_keras.metrics import gaussian_kl
from ald_keras.metrics.quality import row_blocks

# Samples that the mean KL is taken over.
_SAMPLES = 500


class LatentTensorBoard(keras.callbacks.TensorBoard):
    """Keras's `TensorBoard`, with images and the KL of each latent dimension.

    Beside the scalars of `logs` it writes, after the first epoch and every `every`
    epochs: `reconstructions` (data above, through the posterior's mean below) and
    `samples` of the prior, always of the same data and codes, where the data are images
    or clips of 1, 3 or 4 channels; and `kl_per_dimension`, a histogram over the active
    dimensions, in nats. Put it after `ALDCallback`, whose figures it then finds.

    Args:
        log_dir: Folder to write to. Defaults to `"logs"`.
        every: Integer >= 1, epochs from one image to the next. Defaults to 5.
        n_images: Integer >= 1, data and samples shown. Defaults to 8.
        probe: Arrays `x` or `(x, y)` to show. Defaults to the validation data of `fit`.
        seed: Integer >= 0 of what is shown. Defaults to 0.
        **kwargs: As Keras's `TensorBoard` takes them; `write_graph` defaults to
            `False` here.

    Raises:
        ValueError: If an argument is out of range; at `fit`, if there are no usable
            validation data.
        ImportError: If TensorFlow, which writes the files with any backend, is not
            installed; at `fit`, if `tensorboard` is not.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        every: int = 5,
        n_images: int = 8,
        probe: object = None,
        seed: int = 0,
        **kwargs: object,
    ):
        if importlib.util.find_spec("tensorflow") is None:
            raise ImportError(
                "`LatentTensorBoard` writes with TensorFlow's summaries: "
                "pip install 'ald_keras[tensorboard]', which brings TensorFlow; to "
                "train with that too, set KERAS_BACKEND=tensorflow"
            )
        super().__init__(log_dir, **{"write_graph": False, **kwargs})
        for name, value, least in (
            ("every", every, 1),
            ("n_images", n_images, 1),
            ("seed", seed, 0),
        ):
            check_integer(name, value, least)
        self.every = every
        self.n_images = n_images
        self.probe = probe
        self.seed = seed
        self._x: Tensor = None
        self._codes: Tensor = None
        self._latent_writer: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        super().on_train_begin(logs)
        rng = np.random.default_rng(self.seed)
        self._x, _ = open_probe(self.model, self.probe).sample(_SAMPLES, rng)
        units = self.model.latent_mask.units
        self._codes = rng.standard_normal((self.n_images, units)).astype("float32")
        self._latent_writer = self.summary.create_file_writer(f"{self.log_dir}/latent")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if epoch and (epoch + 1) % self.every:
            return
        with self._latent_writer.as_default(step=epoch):
            self._write_kl()
            if is_image(self.model.data_values(self._x[:1])):
                self._write_images()
        self._latent_writer.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        super().on_train_end(logs)
        self._latent_writer.close()

    def _write_kl(self) -> None:
        kl = [
            keras.ops.convert_to_numpy(gaussian_kl(*self.model.encode(self._x[rows])))
            for rows in row_blocks(len(self._x), self.model.data_shape)
        ]
        active = self.model.latent_mask.active_indices
        self.summary.histogram(
            "kl_per_dimension", np.concatenate(kl).mean(axis=0)[active]
        )

    def _write_images(self) -> None:
        first = self._x[: self.n_images]
        shown, conditions = (
            self.model.data_values(first),
            self.model.conditions_of(first),
        )
        z_mean, _ = self.model.encode(first)
        decode = self.model.decode_values
        made = keras.ops.convert_to_numpy(decode(z_mean, conditions))
        codes = self._codes[: len(shown)]
        samples = keras.ops.convert_to_numpy(decode(codes, conditions))
        data = self.model.data_values(self._x)
        low, high = float(data.min()), float(data.max())

        def scale(values: np.ndarray) -> np.ndarray:
            return np.clip((values - low) / max(high - low, 1e-12), 0.0, 1.0)

        pairs = np.concatenate([strip(shown), strip(made)])
        self.summary.image("reconstructions", scale(pairs)[None])
        self.summary.image("samples", scale(strip(samples))[None])


def is_image(x: np.ndarray) -> bool:
    """Whether data are images or clips that a screen can show."""
    return x.ndim == 3 or (x.ndim in (4, 5) and x.shape[-1] in (1, 3, 4))


def strip(images: np.ndarray) -> np.ndarray:
    """Images side by side, shape `(height, width, channels)`.

    Args:
        images: Of shape `(n, height, width)` or `(n, height, width, channels)`, or
            clips of shape `(n, frames, height, width, channels)`, each a column of
            frames.
    """
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim == 5:
        n, frames, height, width, channels = images.shape
        images = images.reshape(n, frames * height, width, channels)
    return np.concatenate(list(images), axis=1)
