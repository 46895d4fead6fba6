"""A variational autoencoder whose latent dimensions can be switched off."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from ald_keras.layers import GaussianSampling, LatentMask
from ald_keras.likelihoods import get_likelihood, in_support
from ald_keras.metrics.kl import gaussian_kl
from ald_keras.models import data_checks, graph, plain
from ald_keras.models.heads import encoder_with_heads

Tensor = Any


@dataclasses.dataclass(frozen=True)
class FitValidation:
    """The validation data of the `fit` that is running.

    Args:
        data: What `fit` was given or split off: a tuple `(x, y, sample_weight)` of
            arrays whose last ones may be `None`, or a stream.
        frequency: `validation_freq` of `fit`, in epochs.
    """

    data: Any
    frequency: Any = 1


@keras.saving.register_keras_serializable("ald_keras")
class MaskedVAE(keras.Model):
    """VAE with a mask over its latent space (Kingma & Welling 2014, arXiv 1312.6114).

    Minimises `NLL + beta * KL` in nats per sample, with the standard normal prior
    and one posterior sample a data point. Both the code and the KL of a dimension
    that the mask switches off are zero, so it costs nothing and gets no gradient.

    Args:
        encoder: Any built Keras model from data to a feature vector; the heads
            `z_mean` and `z_log_var` are then added. Or a Functional encoder with two
            or three outputs (mean, log variance, perhaps a sample), whose first two
            come from linear Dense layers on one shared input: those are the heads
            then, and a third output is left out.
        decoder: Sequential or Functional model from `(latent_dim,)` to data. Its
            layers that read the latent input must be Dense.
        latent_dim: Integer >= 1, latent dimensions at the start.
        likelihood: `"bernoulli"`, `"gaussian"`, `"gaussian_optimal_sigma"`,
            `"laplace"`, `"poisson"`, or an object as `ald_keras.likelihoods`
            describes it. Defaults to `"bernoulli"`.
        beta: Float >= 0, weight of the KL (Higgins et al. 2017). Defaults to 1.0.
        seed: Integer seed of the posterior noise and of added heads' weights, or
            `None`. Defaults to `None`.

    Attributes:
        encoder: Functional model from data to `(z_mean, z_log_var)`, unmasked.
        decoder: The decoder as given.
        latent_mask: The `LatentMask`.
        beta: Non-trainable scalar; `beta.assign(value)` moves it.
        validation_data: `FitValidation` while `fit` runs, else `None`.

    Raises:
        TypeError: If a model or the likelihood is of the wrong type.
        ValueError: If sizes do not fit together, a model is unbuilt, or an argument
            is out of range.

    Example:

    ```python
    vae = MaskedVAE(encoder, decoder, latent_dim=64, likelihood="bernoulli")
    vae.compile(optimizer="adam")
    vae.fit(x, validation_data=x_val, epochs=200, callbacks=[ALDCallback()])
    small = compact(vae)
    ```
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        latent_dim: int,
        likelihood: Any = "bernoulli",
        beta: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        _check_numbers(latent_dim, beta, seed)
        super().__init__(**kwargs)
        self.encoder, self.z_mean, self.z_log_var = encoder_with_heads(
            encoder, latent_dim, seed
        )
        self.decoder = decoder
        self.latent_readers = _check_decoder(decoder, latent_dim)
        _check_ends(self.encoder, decoder)
        self.latent_mask = LatentMask(latent_dim, name="latent_mask")
        self.sampling = GaussianSampling(seed, name="sampling")
        self.latent_dim = latent_dim
        self.likelihood = get_likelihood(likelihood)
        if hasattr(self.likelihood, "resolve"):
            self.likelihood = self.likelihood.resolve(graph.final_activation(decoder))
        self.final_beta = float(beta)
        self.seed = seed
        self.beta = self.add_weight(
            name="beta",
            shape=(),
            initializer=keras.initializers.Constant(beta),
            trainable=False,
            dtype="float32",
            autocast=False,
        )
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")
        self._unusable_values = keras.metrics.Sum(name="unusable_values")
        self.validation_data: FitValidation | None = None
        self.built = True

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.encoder.inputs[0].shape[1:])

    @property
    def active_dims(self) -> int:
        """Number of active latent dimensions."""
        return self.latent_mask.active_dims

    @property
    def encoder_model(self) -> keras.Model:
        """A plain Functional copy of the encoder, data to `(z_mean, z_log_var)`.

        It holds nothing of this library. Pruned dimensions give mean and log
        variance 0; `compact` the model first to leave them out.
        """
        return plain.plain_encoder(self)

    @property
    def decoder_model(self) -> keras.Model:
        """A plain Functional copy of the decoder, codes to data space.

        It holds nothing of this library and ignores pruned dimensions.
        """
        return plain.plain_decoder(self)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior means and log variances, each of shape `(batch, latent_dim)`.

        Pruned dimensions have the prior's: zeros.
        """
        return self._posterior(ops.convert_to_tensor(x), training=False)

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
            seed: Integer seed, or `None` to go on with the model's noise. Defaults
                to `None`.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"`n` must be a positive integer. Received: n={n!r}")
        source = self.sampling.seed_generator if seed is None else seed
        return self.decode(keras.random.normal((n, self.latent_dim), seed=source))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Reconstruct; from a sampled code in training, else from the mean."""
        z_mean, z_log_var = self._posterior(inputs, training=training)
        z = self.sampling(z_mean, z_log_var) if training else z_mean
        return self.likelihood.mean(self._decoder_output(z, training=training))

    def elbo_terms(self, x: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        """The two terms of the negative ELBO, from one posterior sample.

        Args:
            x: Tensor of shape `(batch, *data_shape)`.
            training: Boolean, passed to the layers. Defaults to `False`.

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
        z = self.sampling(z_mean, z_log_var)
        output = self._decoder_output(z, training=training)
        nll = self.likelihood.nll(ops.cast(x, output.dtype), output)
        return nll, gaussian_kl(z_mean, z_log_var)

    def _posterior(self, x: Tensor, training: bool | None) -> tuple[Tensor, Tensor]:
        x = ops.cast(x, self.encoder.inputs[0].dtype)
        # Masked before any exp: what a pruned head drifts to can then never overflow.
        z_mean, z_log_var = (
            self.latent_mask(_at_least_float32(head))
            for head in self.encoder(x, training=training)
        )
        return z_mean, z_log_var

    def _decoder_output(self, z: Tensor, training: bool | None) -> Tensor:
        return _at_least_float32(self.decoder(self.latent_mask(z), training=training))

    def compile(self, optimizer: Any = "adam", loss: Any = None, **kwargs: Any) -> None:
        """Set the optimizer; the loss is the negative ELBO.

        Args:
            optimizer: Keras optimizer or its name. Defaults to `"adam"`.
            loss: Must be `None`.
            **kwargs: `jit_compile`, `run_eagerly`, `steps_per_execution`,
                `auto_scale_loss`, as in Keras.

        Raises:
            ValueError: If a loss or metrics are given.
        """
        unusable = ("loss_weights", "metrics", "weighted_metrics")
        given = [name for name in unusable if kwargs.get(name)]
        if loss is not None or given:
            raise ValueError(
                "`compile` takes no loss and no metrics: the loss is the negative ELBO. "
                f"Received: {', '.join(['loss'] * (loss is not None) + given)}"
            )
        super().compile(optimizer=optimizer, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.loss_tracker, self.reconstruction_tracker, self.kl_tracker]

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train as `keras.Model.fit` does, and check the data.

        Labels are not used by the loss; they serve callbacks. Validation data stand
        in `validation_data` while this runs.

        Raises:
            ValueError: If arrays hold values outside the likelihood's support,
                before the first step; if a stream does, at the end of the epoch; if
                `class_weight` comes without labels.
        """
        data_checks.check_class_weight(class_weight, x, y)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = data_checks.split_arrays(
                (x, y, sample_weight), validation_split
            )
        self._check_arrays(x=x, validation_data=validation_data)
        with self._guarded(validation_data, kwargs.get("validation_freq", 1)):
            return super().fit(
                x=x,
                y=y,
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=_with_guard(callbacks),
                validation_data=validation_data,
                shuffle=shuffle,
                class_weight=class_weight,
                sample_weight=sample_weight,
                **kwargs,
            )

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Negative ELBO and its terms, as `keras.Model.evaluate` gives them.

        Raises:
            ValueError: If the data hold values outside the likelihood's support.
        """
        if kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked, and guards
            return super().evaluate(x=x, y=y, **kwargs)
        self._check_arrays(x=x)
        self._unusable_values.reset_state()
        result = super().evaluate(x=x, y=y, **kwargs)
        self.check_stream()
        return result

    def check_stream(self) -> None:
        """Raise a `ValueError` if a batch since the last check held unusable values."""
        count = int(self._unusable_values.result())
        self._unusable_values.reset_state()
        if count:
            raise ValueError(
                f"The data must be finite and within the support of the "
                f"{type(self.likelihood).__name__} likelihood. "
                f"Received: {count} other values in this epoch's batches."
            )

    def _check_arrays(self, **data: Any) -> None:
        for name, value in data.items():
            array = value[0] if isinstance(value, tuple) and value else value
            if data_checks.is_array(array):
                data_checks.check_array(name, array, self.likelihood, self.data_shape)

    @contextlib.contextmanager
    def _guarded(self, validation_data: Any, frequency: Any) -> Iterator[None]:
        if validation_data is not None:
            self.validation_data = FitValidation(validation_data, frequency)
        self._unusable_values.reset_state()
        try:
            yield
        finally:
            self.validation_data = None
            # Keras leaves its iterator over the validation data when `fit` fails.
            self._eval_epoch_iterator = None

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One step of gradient descent on the negative ELBO (TensorFlow's)."""
        import tensorflow as tf

        x, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self._update_trackers(x, sample_weight, training=True)
            # Keras sums gradients over replicas.
            loss = loss / tf.distribute.get_strategy().num_replicas_in_sync
            loss = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return {**self._results(), "active_dims": ops.sum(self.latent_mask.mask)}

    def test_step(self, data: Any) -> dict[str, Tensor]:
        x, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self._update_trackers(x, sample_weight, training=False)
        return self._results()

    def _results(self) -> dict[str, Tensor]:
        return {metric.name: metric.result() for metric in self.metrics}

    def _update_trackers(self, x: Tensor, sample_weight: Any, training: bool) -> Tensor:
        nll, kl = self.elbo_terms(x, training=training)
        kl = ops.sum(kl, axis=-1)
        if sample_weight is not None:
            weight = ops.cast(ops.reshape(sample_weight, ops.shape(nll)), nll.dtype)
            nll, kl = nll * weight, kl * weight
        nll, kl = ops.mean(nll), ops.mean(kl)
        loss = nll + ops.cast(self.beta, nll.dtype) * kl
        for penalty in self.losses:
            loss = loss + ops.cast(penalty, loss.dtype)
        samples = ops.shape(x)[0]
        self.loss_tracker.update_state(loss, sample_weight=samples)
        self.reconstruction_tracker.update_state(nll, sample_weight=samples)
        self.kl_tracker.update_state(kl, sample_weight=samples)
        bad = ops.logical_not(in_support(self.likelihood, _at_least_float32(x)))
        self._unusable_values.update_state(ops.cast(bad, "float32"))
        return loss

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "latent_dim": self.latent_dim,
            "likelihood": keras.saving.serialize_keras_object(self.likelihood),
            "beta": self.final_beta,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = dict(config)
        for name in ("encoder", "decoder", "likelihood"):
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects=custom_objects
            )
        return cls(**config)


class _StreamGuard(keras.callbacks.Callback):
    """Reads the in-graph count of unusable values at the end of each epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.check_stream()


def _with_guard(callbacks: Any) -> Any:
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.append(_StreamGuard())
        return callbacks
    given = keras.tree.flatten(callbacks) if callbacks else []
    return [_StreamGuard(), *given]


def _at_least_float32(tensor: Tensor) -> Tensor:
    """`tensor` in float32, or in float64 where it is that already."""
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return ops.cast(tensor, "float64" if dtype == "float64" else "float32")


def _check_numbers(latent_dim: Any, beta: Any, seed: Any) -> None:
    whole = isinstance(latent_dim, int) and not isinstance(latent_dim, bool)
    if not whole or latent_dim < 1:
        raise ValueError(
            f"`latent_dim` must be a positive integer. Received: {latent_dim!r}"
        )
    real = isinstance(beta, (int, float)) and not isinstance(beta, bool)
    if not real or not 0.0 <= beta < float("inf"):
        raise ValueError(
            f"`beta` must be a finite number, at least 0. Received: {beta!r}"
        )
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise ValueError(f"`seed` must be an integer or None. Received: {seed!r}")


def _check_decoder(decoder: Any, latent_dim: int) -> list[keras.layers.Dense]:
    if not graph.is_graph_model(decoder):
        raise TypeError(
            "`decoder` must be a Sequential or Functional model, so that the layers "
            f"that read the latent input are known. Received: {decoder!r}"
        )
    if not decoder.built or len(decoder.inputs) != 1 or len(decoder.outputs) != 1:
        raise ValueError(
            "`decoder` must be built (give it an Input) and have one input and one "
            f"output. Received: built={decoder.built} for '{decoder.name}'."
        )
    if tuple(decoder.inputs[0].shape[1:]) != (latent_dim,):
        raise ValueError(
            f"`decoder` must read codes of shape (batch, {latent_dim}). "
            f"Received: input shape {tuple(decoder.inputs[0].shape)}"
        )
    return graph.latent_readers(decoder)


def _check_ends(encoder: keras.Model, decoder: keras.Model) -> None:
    data, output = encoder.inputs[0].shape[1:], decoder.outputs[0].shape[1:]
    if tuple(data) != tuple(output) or None in data:
        raise ValueError(
            "`decoder` must give data of the shape that `encoder` reads, without "
            f"free axes. Received: encoder input {tuple(data)}, "
            f"decoder output {tuple(output)}"
        )
    shared = {id(v) for v in encoder.variables} & {id(v) for v in decoder.variables}
    if shared:
        names = [v.path for v in encoder.variables if id(v) in shared]
        raise ValueError(
            "`encoder` and `decoder` must not share weights, which an export could "
            f"not keep shared. Received: {names}"
        )
