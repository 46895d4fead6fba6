"""What a model without a latent space would lose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from keras import ops

from ald_keras._typing import Tensor


def baseline_nll(
    x: Tensor, likelihood: Any, blocks: Iterable[slice] = (slice(None),)
) -> float:
    """Mean NLL of the best output that is the same for all samples.

    What a decoder loses that gets no code: the null model of a pseudo R2 (McFadden
    1974). The constant of the density, the entropy of grey pixels among them, is in
    it as in the loss of any other model, and drops out of the difference.

    Args:
        x: Data of shape `(samples, *data_shape)`.
        likelihood: Object with `nll` and `best_constant`.
        blocks: Slices of the samples that are worked on at a time. Defaults to all
            at once.

    Returns:
        Float, in nats per sample.

    Example:
    >>> import numpy as np
    >>> from ald_keras.likelihoods import Bernoulli
    >>> round(baseline_nll(np.array([[0.0], [1.0]], "float32"), Bernoulli(True)), 6)
    0.693147
    """
    data = ops.convert_to_tensor(x)
    # NumPy, in which one's own may be written, gives float64.
    constant = ops.convert_to_tensor(likelihood.best_constant(data), dtype=data.dtype)
    total = 0.0
    for rows in blocks:
        block = ops.convert_to_tensor(x[rows])
        output = ops.broadcast_to(constant, (len(block), *constant.shape))
        nll = ops.convert_to_numpy(likelihood.nll(block, output))
        total += float(nll.sum(dtype="float64"))
    return total / len(x)
