"""What users call on a VAE with a mask over its latent dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from ald_keras._typing import Tensor
from ald_keras._validation import check_integer
from ald_keras.likelihoods import JointLikelihood, weighted_nll
from ald_keras.metrics.arrays import NamedArrays, SparseRows, as_array
from ald_keras.metrics.kl import gaussian_kl
from ald_keras.models import plain
from ald_keras.models.importance import elbo_of
from ald_keras.models.latent_networks import LatentNetworks, at_least_float32

__all__ = ["LatentVAE", "at_least_float32"]


class LatentVAE(LatentNetworks):
    """A VAE with a mask over its latent dimensions.

    Subclasses say how it is trained; see `MaskedVAE` for the arguments. Where the
    networks read conditions, `x` is a mapping from names to arrays everywhere: the
    data as `"x"`, each condition by the name of its input.
    """

    def encoder_model(self) -> keras.Model:
        """A plain Functional copy of the encoder, data to `(z_mean, z_log_var)`.

        It holds nothing of this library. Pruned dimensions give mean and log
        variance 0; `compact` the model first to leave them out. With conditions it
        reads a list: data, then conditions, as its `inputs` say.
        """
        return plain.plain_encoder(self)

    def decoder_model(self) -> keras.Model:
        """A plain Functional copy of the decoder, codes to data space.

        It holds nothing of this library and ignores pruned dimensions. With conditions
        it reads a list: codes, then conditions, as its `inputs` say.
        """
        return plain.plain_decoder(self)

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Print the layers, as `keras.Model.summary` does, and the active dimensions.

        Args:
            *args: As `keras.Model.summary` takes them.
            **kwargs: The same; `print_fn` is called once more, with the last line.
        """
        super().summary(*args, **kwargs)
        given = args[2] if len(args) > 2 else None
        write = kwargs.get("print_fn") or given or print
        write(f" Active latent dimensions: {self.active_dims} of {self.latent_dim}")

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
            input_signature = [self.model_inputs.signature()]
        super().export(filepath, format, verbose, input_signature, **kwargs)

    def encode(self, x: Any) -> tuple[Tensor, Tensor]:
        """Posterior means and log variances, each of shape `(batch, latent_dim)`.

        Pruned dimensions have the prior's: zeros.
        """
        z_mean, z_log_var = self.masked_posterior(self._batch(x), training=False)
        return z_mean, z_log_var

    def decode(self, z: Tensor, condition: Any = None) -> Any:
        """Means of the data given codes.

        Args:
            z: Codes of shape `(batch, latent_dim)`.
            condition: Values of the decoder's conditions by name, or those of its only
                one: one for each code, or one for all. Defaults to `None`, for decoders
                without conditions.

        Returns:
            Tensor of shape `(batch, *data_shape)`; of several modalities, a dict.

        Raises:
            ValueError: If `z` has another shape, or a condition is missing or unknown.
        """
        z = ops.convert_to_tensor(z)
        if len(z.shape) != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(
                f"`z` must have shape (batch, {self.latent_dim}). "
                f"Received: shape {tuple(z.shape)}"
            )
        conditions = self.model_inputs.given_conditions(condition, z.shape[0])
        return self.unpacked(self.decode_values(z, conditions))

    def decode_values(
        self, z: Tensor, conditions: tuple[Tensor, ...] = (), training: Any = False
    ) -> Tensor:
        """Means of the data given codes, those of several modalities flat.

        Args:
            z: Codes of shape `(batch, latent_dim)`.
            conditions: What `model_inputs.conditions_of` gives. Defaults to none.
            training: Boolean, passed to the layers, or `None`. Defaults to `False`.
        """
        return self.likelihood.mean(self.decoder_output(z, conditions, training))

    def data_values(self, x: Any) -> np.ndarray:
        """Data in memory without their conditions, those of several modalities flat.

        Returns:
            float32 array of shape `(samples, *data_shape)`.
        """
        return self.model_inputs.data_values(x)

    def conditions_of(self, x: Any) -> tuple[Tensor, ...]:
        """What the decoder reads of data beside the code, in its order."""
        return self.model_inputs.conditions_of(x)

    def unpacked(self, x: Tensor) -> Any:
        """Data, or their means, of several modalities as a dict; else as they are."""
        joint = self.likelihood
        return joint.unpack(x) if isinstance(joint, JointLikelihood) else x

    def reconstruct(self, x: Any) -> Any:
        """Means of the data, decoded from the posterior means of `x`."""
        batch = self._batch(x)
        z_mean, _ = self.masked_posterior(batch, training=False)
        conditions = self.model_inputs.conditions_of(batch)
        return self.unpacked(self.decode_values(z_mean, conditions))

    def generate(self, n: int, seed: int | None = None, condition: Any = None) -> Any:
        """Data means decoded from `n` samples of the prior.

        Args:
            n: Integer >= 1.
            seed: Integer seed, or `None` to continue the model's noise. Defaults
                to `None`.
            condition: As `decode` takes it. Defaults to `None`.
        """
        n = check_integer("n", n, 1)
        source = self.sampling.seed_generator if seed is None else seed
        z = keras.random.normal((n, self.latent_dim), seed=source)
        return self.decode(z, condition)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Reconstruct; from a sampled code in training, else from the mean."""
        z_mean, z_log_var = self.masked_posterior(inputs, training=training)
        z = self.sampling(z_mean, z_log_var) if training else z_mean
        conditions = self.model_inputs.conditions_of(inputs)
        return self.unpacked(self.decode_values(z, conditions, training))

    def elbo_terms(
        self,
        x: Any,
        training: bool = False,
        rows: Tensor = None,
        keep: Tensor = None,
        value_weight: Tensor = None,
    ) -> tuple[Tensor, Tensor]:
        """The two terms of the negative ELBO, from one posterior sample.

        Args:
            x: Tensor of shape `(batch, *data_shape)`; with conditions, tensors by name.
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
        x = self.model_inputs.tensors(x)
        shape = tuple(self.model_inputs.data(x).shape)
        if shape[1:] != self.data_shape:
            raise ValueError(
                f"`x` must have shape (batch, {', '.join(map(str, self.data_shape))})."
                f" Received: shape {shape}"
            )
        z_mean, z_log_var = self.masked_posterior(x, training=training)
        if keep is not None:
            keep = ops.cast(keep, z_mean.dtype)
            z_mean, z_log_var = z_mean * keep, z_log_var * keep
        z = self.sampling(z_mean, z_log_var, rows=rows)
        z = z if keep is None else z * keep
        nll = self.nll(x, z, training, value_weight)
        return nll, gaussian_kl(z_mean, z_log_var)

    def elbo(
        self, x: Any, samples: int = 1, batch_size: int = 500, seed: int = 0
    ) -> np.ndarray:
        """A lower bound of the log-likelihood of each sample; low for anomalies.

        With one posterior sample the ELBO; with more the importance-weighted bound of
        Burda, Grosse and Salakhutdinov (2016, arXiv 1509.00519, Eq. 8), which is closer
        to the log-likelihood. Under `gaussian_optimal_sigma` there is one variance for
        all of `x`, that of at most 2,000 samples of it.

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
        x = as_array("x", self.named(x))
        self.check_data("x", x)
        return elbo_of(self, x, samples, batch_size, seed)

    def nll(
        self,
        x: Any,
        z: Tensor,
        training: bool = False,
        value_weight: Tensor = None,
    ) -> Tensor:
        """NLL of data given codes, shape `(batch,)`, in nats per sample.

        Raises:
            TypeError: With `value_weight`, if the likelihood has no `nll_values`.
        """
        conditions = self.model_inputs.conditions_of(x)
        output = self.decoder_output(ops.convert_to_tensor(z), conditions, training)
        x = ops.cast(self.model_inputs.data(x), output.dtype)
        if value_weight is None:
            return self.likelihood.nll(x, output)
        return weighted_nll(self.likelihood, x, output, value_weight)

    def _batch(self, x: Any) -> Any:
        x = self.named(x)
        if isinstance(x, Mapping) and all(map(ops.is_tensor, x.values())):
            return self.model_inputs.tensors(x)  # perhaps symbolic, in a graph
        x = as_array("x", x)
        if isinstance(x, SparseRows):
            x = x[:]
        if isinstance(x, NamedArrays):
            self.model_inputs.check("x", x)
            x = x[:]
        return self.model_inputs.tensors(x)
