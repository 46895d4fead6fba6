"""Encoder, decoder and the masked latent space between them."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from ald_keras._typing import JSON, Tensor
from ald_keras._validation import check_integer, check_seed
from ald_keras.layers import GaussianSampling, LatentMask
from ald_keras.likelihoods import (
    Likelihood,
    get_likelihood,
    soft_limit,
    weighted_nll,
)
from ald_keras.metrics.arrays import SparseRows, as_array
from ald_keras.metrics.kl import gaussian_kl
from ald_keras.models import graph, plain
from ald_keras.models.checked_model import CheckedModel
from ald_keras.models.construction_checks import (
    check_decoder,
    check_ends,
)
from ald_keras.models.heads import encoder_with_heads
from ald_keras.models.importance import elbo_of

# What `exp` gets of a network that has not learned anything yet.
_LARGEST_LOG_VAR = 10.0


class LatentVAE(CheckedModel):
    """The networks of a VAE with a mask over its latent dimensions.

    Subclasses say how it is trained; see `MaskedVAE` for the arguments.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        latent_dim: int,
        likelihood: str | Likelihood,
        seed: int | None,
        **kwargs: object,
    ):
        latent_dim, seed = check_integer("latent_dim", latent_dim, 1), check_seed(seed)
        super().__init__(**kwargs)
        self.encoder, self.z_mean, self.z_log_var = encoder_with_heads(
            encoder, latent_dim, seed
        )
        self.decoder, self.latent_input_layers = check_decoder(decoder, latent_dim)
        self.latent_mask = LatentMask(latent_dim, name="latent_mask")
        self.sampling = GaussianSampling(seed, name="sampling")
        self.latent_dim = latent_dim
        self.likelihood = get_likelihood(likelihood)
        if hasattr(self.likelihood, "resolve"):
            self.likelihood = self.likelihood.resolve(graph.final_activation(decoder))
        check_ends(self.encoder, self.decoder, self.likelihood)
        known = {id(weight) for weight in self.weights}
        if hasattr(self.likelihood, "add_weights"):
            self.likelihood.add_weights(self.add_weight, self.data_shape)
        own = [weight for weight in self.weights if id(weight) not in known]
        self.likelihood_weights = own
        self.seed = seed
        # All parts are built: without this, Keras saves the model without its mask.
        self.built = True

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.encoder.inputs[0].shape[1:])

    @property
    def data_range(self) -> tuple[float, float]:
        """Smallest and largest value of data that the decoder can give."""
        if getattr(self.likelihood, "reads_means", False):
            return graph.output_range(self.decoder)
        return -math.inf, math.inf

    @property
    def active_dims(self) -> int:
        """Number of active latent dimensions."""
        return self.latent_mask.active_dims

    def encoder_model(self) -> keras.Model:
        """A plain Functional copy of the encoder, data to `(z_mean, z_log_var)`.

        It holds nothing of this library. Pruned dimensions give mean and log
        variance 0; `compact` the model first to leave them out.
        """
        return plain.plain_encoder(self)

    def decoder_model(self) -> keras.Model:
        """A plain Functional copy of the decoder, codes to data space.

        It holds nothing of this library and ignores pruned dimensions.
        """
        return plain.plain_decoder(self)

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Export the reconstruction for inference, as `keras.Model.export` does.

        Its input is data of any batch size, unless `input_signature` says otherwise.
        """
        if input_signature is None:
            dtype = self.encoder.inputs[0].dtype
            input_signature = [keras.InputSpec(dtype, (None, *self.data_shape))]
        super().export(filepath, format, verbose, input_signature, **kwargs)

    def extra_state_variables(self) -> list[keras.Variable]:
        """What a compact copy takes over beside the weights of encoder and decoder."""
        return [self.sampling.seed_generator.state, *self.likelihood_weights]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior means and log variances, each of shape `(batch, latent_dim)`.

        Pruned dimensions have the prior's: zeros.
        """
        x = as_array("x", x)
        x = ops.convert_to_tensor(x[:] if isinstance(x, SparseRows) else x)
        return self._posterior(x, training=False)

    def decode(self, z: Tensor) -> Tensor:
        """Means of the data given codes of shape `(batch, latent_dim)`.

        Raises:
            ValueError: If `z` has another shape.
        """
        z = ops.convert_to_tensor(z)
        if len(z.shape) != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(
                f"`z` must have shape (batch, {self.latent_dim}). "
                f"Received: shape {tuple(z.shape)}"
            )
        return self.likelihood.mean(self._decoder_output(z, training=False))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Means of the data, decoded from the posterior means of `x`."""
        return self.decode(self.encode(x)[0])

    def generate(self, n: int, seed: int | None = None) -> Tensor:
        """Data means decoded from `n` samples of the prior.

        Args:
            n: Integer >= 1.
            seed: Integer seed, or `None` to continue the model's noise. Defaults
                to `None`.
        """
        n = check_integer("n", n, 1)
        source = self.sampling.seed_generator if seed is None else seed
        return self.decode(keras.random.normal((n, self.latent_dim), seed=source))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Reconstruct; from a sampled code in training, else from the mean."""
        z_mean, z_log_var = self._posterior(inputs, training=training)
        z = self.sampling(z_mean, z_log_var) if training else z_mean
        return self.likelihood.mean(self._decoder_output(z, training=training))

    def elbo_terms(
        self,
        x: Tensor,
        training: bool = False,
        rows: Tensor = None,
        keep: Tensor = None,
        value_weight: Tensor = None,
    ) -> tuple[Tensor, Tensor]:
        """The two terms of the negative ELBO, from one posterior sample.

        Args:
            x: Tensor of shape `(batch, *data_shape)`.
            training: Boolean, passed to the layers. Defaults to `False`.
            rows: As `GaussianSampling` takes it. Defaults to `None`.
            keep: Mask of shape `(batch, latent_dim)`, 0 for dimensions that an example
                is decoded without, beside those that are pruned. Defaults to `None`:
                all are kept.
            value_weight: Weight of each value's NLL, shape of `x`. Defaults to `None`:
                all count alike.

        Returns:
            NLL of shape `(batch,)` and KL per dimension of shape
            `(batch, latent_dim)`, both in nats and at least float32.
        """
        x = ops.convert_to_tensor(x)
        if tuple(x.shape[1:]) != self.data_shape:
            raise ValueError(
                f"`x` must have shape (batch, {', '.join(map(str, self.data_shape))})."
                f" Received: shape {tuple(x.shape)}"
            )
        z_mean, z_log_var = self._posterior(x, training=training)
        if keep is not None:
            keep = ops.cast(keep, z_mean.dtype)
            z_mean, z_log_var = z_mean * keep, z_log_var * keep
        z = self.sampling(z_mean, z_log_var, rows=rows)
        z = z if keep is None else z * keep
        nll = self.nll(x, z, training, value_weight)
        return nll, gaussian_kl(z_mean, z_log_var)

    def elbo(
        self, x: Tensor, samples: int = 1, batch_size: int = 500, seed: int = 0
    ) -> np.ndarray:
        """A lower bound of the log-likelihood of each sample; low for anomalies.

        With one posterior sample the ELBO; with more the importance-weighted bound of
        Burda, Grosse and Salakhutdinov (2016, arXiv 1509.00519, Eq. 8), which is closer
        to the log-likelihood.

        Args:
            x: Array of shape `(n, *data_shape)`.
            samples: Integer >= 1, posterior samples of each. Defaults to 1.
            batch_size: Integer >= 1. Defaults to 500.
            seed: Integer seed of the noise. Defaults to 0.

        Returns:
            float32 array of shape `(n,)`, nats per sample.

        Raises:
            ValueError: If `x` is no data for the model, or an argument is out of range.
        """
        x = as_array("x", x)
        self.check_data("x", x)
        return elbo_of(self, x, samples, batch_size, seed)

    def nll(
        self,
        x: Tensor,
        z: Tensor,
        training: bool = False,
        value_weight: Tensor = None,
    ) -> Tensor:
        """NLL of data given codes, shape `(batch,)`, in nats per sample.

        Raises:
            TypeError: With `value_weight`, if the likelihood has no `nll_values`.
        """
        output = self._decoder_output(ops.convert_to_tensor(z), training=training)
        x = ops.cast(x, output.dtype)
        if value_weight is None:
            return self.likelihood.nll(x, output)
        return weighted_nll(self.likelihood, x, output, value_weight)

    def _posterior(self, x: Tensor, training: bool | None) -> tuple[Tensor, Tensor]:
        # Masked before any exp: what a pruned head drifts to can then never overflow.
        z_mean, z_log_var = map(self.latent_mask, self.heads(x, training))
        return z_mean, z_log_var

    def heads(self, x: Tensor, training: bool | None) -> list[Tensor]:
        """Means and log variances as the encoder gives them, not masked.

        Above a log variance of 10 the variance grows linearly.
        """
        x = ops.convert_to_tensor(x, sparse=False)
        x = ops.cast(x, self.encoder.inputs[0].dtype)
        fill = getattr(self.likelihood, "fill", None)
        x = x if fill is None else fill(x)
        mean, log_var = map(at_least_float32, self.encoder(x, training=training))
        return [mean, soft_limit(log_var, _LARGEST_LOG_VAR)]

    def _decoder_output(self, z: Tensor, training: bool | None) -> Tensor:
        return at_least_float32(self.decoder(self.latent_mask(z), training=training))

    def get_config(self) -> JSON:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "latent_dim": self.latent_dim,
            "likelihood": keras.saving.serialize_keras_object(self.likelihood),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: JSON, custom_objects: Any = None) -> Any:
        config = dict(config)
        for name in ("encoder", "decoder", "likelihood"):
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects=custom_objects
            )
        return cls(**config)


def at_least_float32(tensor: Tensor) -> Tensor:
    """`tensor` in float32, or in float64 where it is that already."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return ops.cast(tensor, "float64" if dtype == "float64" else "float32")
