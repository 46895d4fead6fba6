"""Networks by name: each a function from data shape to `(encoder, decoder)`."""

import inspect
from collections.abc import Mapping, Sequence

import keras

from ald_keras._validation import check_choice, check_options
from ald_keras.architectures.conv import conv
from ald_keras.architectures.mlp import mlp
from ald_keras.architectures.video import video
from ald_keras.registries import ARCHITECTURES

__all__ = ["ARCHITECTURES", "build_architecture", "conv", "mlp", "video"]


def build_architecture(
    name: str,
    data_shape: Sequence[int],
    latent_dim: int,
    seed: int | None = None,
    conditions: Mapping[str, Sequence[int]] | None = None,
    **options: object,
) -> tuple[keras.Model, keras.Model]:
    """Build the encoder and decoder of a network by its name.

    Args:
        name: One of the keys of `ARCHITECTURES`.
        data_shape: Shape of one sample, without the batch dimension.
        latent_dim: Positive integer, number of latent dimensions the decoder reads.
        seed: Non-negative integer that decides the initial weights. Defaults to
            `None`: other weights at each call.
        conditions: Shape of one sample of each further input of both networks, by
            name; `mlp` alone takes some. Defaults to none.
        **options: What the network itself takes, for example `hidden`.

    Returns:
        `(encoder, decoder)`, two Functional models: from data to features, and from
        latent codes to data.

    Raises:
        ValueError: If the name, an option or a value is wrong.

    Example:
    >>> encoder, decoder = build_architecture("mlp", (8, 8, 1), 16, hidden=(64,))
    """
    network = ARCHITECTURES[check_choice("name", name, ARCHITECTURES)]
    if conditions:
        if "conditions" not in inspect.signature(network).parameters:
            raise ValueError(
                f"Architecture {name!r} takes no conditions, `mlp` does. "
                f"Received: conditions {sorted(conditions)}"
            )
        options["conditions"] = conditions
    check_options(f"Architecture {name!r}", network, {"seed": seed, **options})
    return network(data_shape, latent_dim, seed=seed, **options)
