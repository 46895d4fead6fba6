"""A variational autoencoder whose latent dimensions can be switched off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from ald_keras._typing import Tensor
from ald_keras._validation import check_choice, check_real
from ald_keras.backends import is_eager
from ald_keras.backends.batch import Batch
from ald_keras.layers import SizeSampling
from ald_keras.likelihoods import (
    AnyLikelihood,
    with_missing,
)
from ald_keras.metrics.arrays import as_array
from ald_keras.metrics.features import Features
from ald_keras.metrics.quality import Posterior
from ald_keras.metrics.size_curve import SizeCurve
from ald_keras.models.latent_vae import LatentVAE
from ald_keras.models.size_measuring import SizeMeter, SizeMetric, measure_size_curve


@keras.saving.register_keras_serializable("ald_keras")
class MaskedVAE(LatentVAE):
    """VAE with a mask over its latent space (Kingma & Welling 2014, arXiv 1312.6114).

    Minimises `NLL + beta * KL` in nats per sample, with the standard normal prior
    and one posterior sample a data point. Both the code and the KL of a dimension
    that the mask switches off are zero, so it costs nothing and gets no gradient. What
    acts on weights as such still reaches its weights: weight decay and regularizers.

    Further inputs of encoder and decoder are conditions: data are then a mapping from
    names to arrays, `{"x": data, "condition": labels}`.

    Args:
        encoder: Any built Keras model from data to a feature vector (a subclassed one
            needs `get_config`); the heads `z_mean` and `z_log_var` are then added. Or a
            Sequential or Functional encoder that has them: two or three outputs (mean,
            log variance, perhaps a sample, which is left out) of linear Dense layers,
            at most through layers that change each value on its own; or one linear
            Dense layer of `2 * latent_dim` units at the end, means first.
        decoder: Sequential or Functional model from `(latent_dim,)` to data. Its input
            for the code comes first or has the name `"z"`, that for the data `"x"`;
            conditions have one name in both networks, or stand in one order. Where
            layers other than Dense read the latent input, a frozen Dense layer is put
            in front of it, to be masked and sliced.
        latent_dim: Integer >= 1, latent dimensions at the start.
        likelihood: `"bernoulli"`, `"gaussian"`, `"gaussian_optimal_sigma"`,
            `"gaussian_learned_variance"`, `"laplace"`, `"poisson"`,
            `"negative_binomial"`, or an object as `ald_keras.likelihoods` describes it.
            Or a mapping of these by the names of several modalities, which the encoder
            reads and the decoder gives by the same names. Defaults to `"bernoulli"`.
        beta: Float >= 0, weight of the KL (Higgins et al. 2017). Defaults to 1.0.
        seed: Integer seed of the posterior noise and of added heads' weights, or
            `None`. Defaults to `None`.
        missing: `"nan"` leaves NaN among the data out of the likelihood, as
            `MissingValues` does, or `None`: NaN is an error. Defaults to `None`.

    Attributes:
        encoder: Functional model from data to `(z_mean, z_log_var)`, unmasked.
        decoder: The decoder as given, or behind a layer as said above.
        latent_mask: The `LatentMask`.
        size_sampling: The `SizeSampling`, off in a new model. While it is on, training
            steps decode a share of the examples from their first dimensions alone;
            validation, inference and the logged losses are those of the full size
            (but for penalties of activity regularizers, which see all examples).
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
        likelihood: AnyLikelihood = "bernoulli",
        beta: float = 1.0,
        seed: int | None = None,
        missing: str | None = None,
        **kwargs: object,
    ):
        beta = check_real("beta", beta, at_least=0.0)
        if missing is not None:
            check_choice("missing", missing, ("nan",))
            likelihood = with_missing(likelihood)
        super().__init__(encoder, decoder, latent_dim, likelihood, seed, **kwargs)
        self.final_beta = beta
        # The same seed as the noise would give related numbers.
        sizes_seed = None if self.seed is None else self.seed + 1
        self.size_sampling = SizeSampling(self.latent_dim, sizes_seed, name="sizes")
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

    def extra_state_variables(self) -> list[keras.Variable]:
        return [*super().extra_state_variables(), self.beta]

    def size_curve(
        self,
        x: Any,
        y: Tensor = None,
        sizes: Sequence[int] | None = None,
        metrics: Sequence[SizeMetric] = (),
        n_clusters: int = 10,
        features: Features = "auto",
        seed: int = 0,
    ) -> SizeCurve:
        """Loss, and other metrics, at every latent size, from this one model.

        Size `k` keeps the first `k` active dimensions in the order of importance: that
        in which the model samples sizes, else that of the mean KL on `x`. The loss is
        NLL plus weighted KL, from one posterior sample each.

        For a model that was trained with sampled sizes (`ALDCallback(elastic=True)`)
        the curve estimates what models of each size reach. For any other it is an upper
        bound: its decoder has never seen a code without its last dimensions, and a
        network trained at that size does better.

        Args:
            x: Array of shape `(samples, *data_shape)` that training has not seen, at
                least two samples.
            y: Labels of shape `(samples,)` for functions in `metrics`, or `None`.
                Defaults to `None`.
            sizes: Integers from 1 to the active dimensions; the full size is added.
                Defaults to `None`: all up to 24, above that each a third larger, and
                those where the loss comes within 0.5 % of the gain.
            metrics: Further metrics: `"squared_error"` (of sampled codes, summed over
                the values of a sample), `"silhouette"`, `"frechet_reconstruction"`,
                `"frechet_generation"`, and functions `(model, x, y) -> float`, or pairs
                of a name and such a function, that get the compact model of each size.
                Defaults to none.
            n_clusters: Integer >= 2, clusters of the silhouette. Defaults to 10.
            features: What the Frechet distances are taken on, as `ALDCallback` takes
                it. Defaults to `"auto"`.
            seed: Integer >= 0 of the posterior samples. Defaults to 0.

        Returns:
            The `SizeCurve`.

        Raises:
            ValueError: If `x` is not data of this model, a size is out of range, or a
                metric is unknown.

        Example:
        ```python
        curve = vae.size_curve(x_val, metrics=["silhouette"])
        curve.smallest_size("0.5%"), curve.best_size("silhouette", "max")
        ```
        """
        x = as_array("x", self.named(x))
        self.check_data("x", x)
        return measure_size_curve(
            self, x, y, sizes, metrics, n_clusters, features, seed
        )

    def size_meter(
        self, x: Any, seed: int, posterior: Posterior | None = None
    ) -> SizeMeter:
        """Measures this model at one latent size after another, as it is now.

        Args:
            x: Array of shape `(samples, *data_shape)`, at least two samples.
            seed: Integer >= 0 of the posterior samples.
            posterior: As `SizeMeter` takes it. Defaults to `None`.
        """
        return SizeMeter(self, x, seed, posterior)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.loss_tracker, self.reconstruction_tracker, self.kl_tracker]

    def training_loss(
        self, x: Any, sample_weight: Tensor, batch: Batch
    ) -> tuple[Tensor, None]:
        return self._update_trackers(x, sample_weight, batch, training=True), None

    def after_step(self, x: Any, measured: None, batch: Batch) -> dict[str, Tensor]:
        return {"active_dims": ops.sum(self.latent_mask.mask)}

    def measure_batch(self, x: Any, sample_weight: Tensor, batch: Batch) -> None:
        self._update_trackers(x, sample_weight, batch, training=False)

    def _update_trackers(
        self, x: Any, sample_weight: Tensor, batch: Batch, training: bool
    ) -> Tensor:
        data = self.model_inputs.data(x)
        sizes = self._draw_sizes(data, batch) if training else None
        keep = None if sizes is None else self.size_sampling.keep(sizes)
        value_weight = None
        if isinstance(sample_weight, Mapping):
            sample_weight = self.model_inputs.data(sample_weight)
        if sample_weight is not None and self._weighs_values(sample_weight):
            value_weight, sample_weight = sample_weight, None
        nll, kl = self.elbo_terms(x, training, batch.rows, keep, value_weight)
        # A decoder may end in float32 behind an encoder in float64.
        kl = ops.cast(ops.sum(kl, axis=-1), nll.dtype)
        if sample_weight is not None:
            self._check_weight(sample_weight)
            weight = ops.cast(ops.reshape(sample_weight, ops.shape(nll)), nll.dtype)
            nll, kl = nll * weight, kl * weight
        penalties = [ops.cast(penalty, nll.dtype) for penalty in self.losses]
        part_means = batch.part_mean(nll), batch.part_mean(kl)
        loss = self._objective(*part_means, penalties)
        logged, count = (loss, *part_means), ops.shape(data)[0]
        if sizes is not None:
            # It compares with validation: examples at the full size alone.
            full = ops.cast(sizes == float(self.latent_dim), nll.dtype)
            count = ops.sum(full)
            nll, kl = (ops.sum(v * full) / ops.maximum(count, 1) for v in (nll, kl))
            logged = self._objective(nll, kl, penalties), nll, kl
        for tracker, value in zip(self.metrics, logged, strict=True):
            tracker.update_state(value, sample_weight=count)
        self.count_invalid_values(data, training)
        return loss

    def _draw_sizes(self, data: Tensor, batch: Batch) -> Tensor:
        """Sizes of the examples, `None` where none is truncated and that is known."""
        if is_eager() and not self.size_sampling.is_on:
            return None
        return self.size_sampling.draw(ops.shape(data)[0], batch.rows)

    def _weighs_values(self, sample_weight: Tensor) -> bool:
        """Whether weights are those of values, of the data's shape, not of samples."""
        shape = tuple(sample_weight.shape[1:])
        return math.prod(shape) > 1 and shape == self.data_shape

    def _check_weight(self, sample_weight: Tensor) -> None:
        shape = tuple(sample_weight.shape[1:])
        if None not in shape and math.prod(shape) != 1:
            raise ValueError(
                "`sample_weight` must have shape (samples,), or that of the data, "
                f"(samples, {', '.join(map(str, self.data_shape))}). "
                f"Received: shape (samples, {', '.join(map(str, shape))})"
            )

    def _objective(self, nll: Tensor, kl: Tensor, penalties: list[Tensor]) -> Tensor:
        return sum(penalties, nll + ops.cast(self.beta, nll.dtype) * kl)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "beta": self.final_beta}
