"""Encoder, decoder and the mask between them: what is built, saved and computed."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from ald_keras._typing import JSON, FitData, Tensor
from ald_keras._validation import check_integer, check_seed
from ald_keras.layers import GaussianSampling, LatentMask
from ald_keras.likelihoods import (
    AnyLikelihood,
    JointLikelihood,
    get_likelihood,
    in_support,
    soft_limit,
)
from ald_keras.metrics.arrays import is_array
from ald_keras.models import graph
from ald_keras.models.activations import final_activation, range_of
from ald_keras.models.checked_model import CheckedModel
from ald_keras.models.construction_checks import (
    check_code,
    check_decoder,
    check_ends,
    decoder_of_one_output,
)
from ald_keras.models.data_checks import check_array
from ald_keras.models.heads import encoder_with_heads
from ald_keras.models.input_order import ordered_inputs
from ald_keras.models.inputs import ModelInputs

# What `exp` gets of a network that has not learned anything yet.
_LARGEST_LOG_VAR = 10.0


class LatentNetworks(CheckedModel):
    """The networks of a VAE with a mask over its latent dimensions.

    Subclasses say what they are used for and how they are trained; see `MaskedVAE` for
    the arguments.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        latent_dim: int,
        likelihood: AnyLikelihood,
        seed: int | None,
        **kwargs: object,
    ):
        latent_dim, seed = check_integer("latent_dim", latent_dim, 1), check_seed(seed)
        super().__init__(**kwargs)
        self.encoder, self.z_mean, self.z_log_var = encoder_with_heads(
            encoder, latent_dim, seed
        )
        self.likelihood = get_likelihood(likelihood)
        check_decoder(decoder, self.likelihood)
        names = getattr(self.likelihood, "names", None)
        self.encoder, decoder = ordered_inputs(self.encoder, decoder, names)
        check_code(decoder, latent_dim)
        decoder, self.likelihood = decoder_of_one_output(
            self.encoder, decoder, self.likelihood
        )
        self.decoder, self.latent_input_layers = graph.with_latent_layers(decoder)
        self.model_inputs = ModelInputs(self.encoder, self.decoder, names)
        self.latent_mask = LatentMask(latent_dim, name="latent_mask")
        self.sampling = GaussianSampling(seed, name="sampling")
        self.latent_dim = latent_dim
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
        """Shape of one sample; of several modalities, that of all of them, flat."""
        if isinstance(self.likelihood, JointLikelihood):
            shapes = self.likelihood.shapes.values()
            return (sum(math.prod(shape) for shape in shapes),)
        return tuple(self.encoder.inputs[0].shape[1:])

    @property
    def data_range(self) -> tuple[float, float]:
        """Smallest and largest value of data that the decoder can give."""
        if getattr(self.likelihood, "reads_means", False):
            return range_of(final_activation(self.decoder))
        return -math.inf, math.inf

    @property
    def active_dims(self) -> int:
        """Number of active latent dimensions."""
        return self.latent_mask.active_dims

    def read_batch(self, data: FitData) -> tuple[Any, Tensor]:
        x, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        return self.model_inputs.tensors(x), sample_weight

    def data_of(self, x: Any) -> Tensor:
        return self.model_inputs.data(x)

    def count_invalid_values(self, data: Tensor, training: bool) -> None:
        """Count values of a batch that the likelihood is not defined for.

        Args:
            data: The batch without conditions, shape `(batch, *data_shape)`.
            training: Whether it is one of `fit`, which checks arrays as a whole.
        """
        if training and not self.checks_batches:
            return
        bad = ops.logical_not(in_support(self.likelihood, at_least_float32(data)))
        self.invalid_values.update_state(ops.cast(bad, "float32"))

    def named(self, data: FitData) -> FitData:
        return self.model_inputs.by_name(data)

    def check_data(self, name: str, data: FitData) -> None:
        array = data[0] if isinstance(data, tuple) and data else data
        if not is_array(array):
            return
        self.model_inputs.check(name, array)
        if isinstance(self.likelihood, JointLikelihood):
            for key, likelihood in self.likelihood.likelihoods.items():
                values, known = array.parts[key], self.model_inputs.shapes[key]
                reach = range_of(self.likelihood.activations.get(key))
                check_array(f"{name}['{key}']", values, likelihood, known, reach)
            return
        values, shape = self.model_inputs.data(array), self.data_shape
        check_array(name, values, self.likelihood, shape, self.data_range)

    def extra_state_variables(self) -> list[keras.Variable]:
        """What a compact copy takes over beside the weights of encoder and decoder."""
        return [self.sampling.seed_generator.state, *self.likelihood_weights]

    def heads(self, x: Tensor, training: bool | None) -> list[Tensor]:
        """Means and log variances as the encoder gives them, not masked.

        Above a log variance of 10 the variance grows linearly.

        Args:
            x: Tensor of shape `(batch, *data_shape)`; with conditions, tensors by name.
            training: Boolean, passed to the layers, or `None`.
        """
        data = ops.convert_to_tensor(self.model_inputs.data(x), sparse=False)
        joint = isinstance(self.likelihood, JointLikelihood)
        # Functional casts each of several modalities to what its input is.
        data = ops.cast(data, "float32" if joint else self.encoder.inputs[0].dtype)
        fill = getattr(self.likelihood, "fill", None)
        data = data if fill is None else fill(data)
        read = self.model_inputs.for_encoder(x, data)
        mean, log_var = map(at_least_float32, self.encoder(read, training=training))
        return [mean, soft_limit(log_var, _LARGEST_LOG_VAR)]

    def masked_posterior(self, x: Tensor, training: bool | None) -> list[Tensor]:
        """Means and log variances, those of the prior for pruned dimensions.

        Args:
            x: As `heads` takes it.
            training: Boolean, passed to the layers, or `None`.
        """
        # Masked before any exp: what a pruned head drifts to can then never overflow.
        return [self.latent_mask(head) for head in self.heads(x, training)]

    def decoder_output(
        self, z: Tensor, conditions: tuple[Tensor, ...], training: bool | None = False
    ) -> Tensor:
        """What the decoder gives for codes, pruned dimensions set to 0.

        Args:
            z: Codes of shape `(batch, latent_dim)`.
            conditions: What `model_inputs.conditions_of` gives for a batch.
            training: Boolean, passed to the layers, or `None`. Defaults to `False`.
        """
        read = self.model_inputs.for_decoder(self.latent_mask(z), conditions)
        return at_least_float32(self.decoder(read, training=training))

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
