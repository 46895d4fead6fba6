"""A config in which everything may be changed, with a line on each key."""

from __future__ import annotations

import textwrap

from ald_keras.runs.choices import data_options

# Data sets whose values do not lie in [0, 1].
_LIKELIHOODS = {
    **dict.fromkeys(("csv", "parquet", "linear_gaussian", "smooth_map"), "gaussian"),
    **dict.fromkeys(("clustered_factors", "rare_factors"), "gaussian"),
    "h5ad": "negative_binomial",
}


def template(dataset: str = "digits") -> str:
    """A config of a data set, with a comment on each option.

    Args:
        dataset: One of the keys of `DATASETS`. Defaults to `"digits"`.
    """
    return _TEMPLATE.format(
        dataset=dataset,
        data="\n".join(_data_lines(dataset)),
        likelihood=_LIKELIHOODS.get(dataset, "bernoulli"),
    )


def _data_lines(dataset: str) -> list[str]:
    lines = []
    for name, option in data_options(dataset).items():
        text = option.text.replace("`", "")
        lines += [f"  # {line}" for line in textwrap.wrap(text, 84)]
        if option.default is None:
            lines.append(f"  {name}: {name.upper()}")
        else:
            lines.append(f"  # {name}: {option.default}")
    return lines


_TEMPLATE = """\
# One training run: ald train --config THIS_FILE
# `ald train --list` names what may stand here. Keys that are left out have the values
# that stand here, but for `architecture`'s options.

# Data: the name of a data set, and its options, with their defaults.
dataset: {dataset}
data:
{data}

# Networks: `mlp` for anything, `conv` for images, `video` for clips.
architecture: {{name: mlp, hidden: [128, 128]}}

# Latent dimensions at the start: more than the data need.
latent_dim: 32

# How the decoder's output is read: `bernoulli` for values in [0, 1], `gaussian` for
# real ones, `poisson` or `negative_binomial` for counts.
likelihood: {likelihood}

# `ald` prunes while it trains, `fixed` trains `latent_dim` dimensions throughout,
# `geco` finds the dimensions that a bound on the error needs (see `geco` below).
method: ald

# The rule of `method: ald`. `size_curve` finds the smallest size that loses no more
# than `tolerance` (nats a sample, or a share of the gain); `elastic` trains one network
# for every size; `ald` is the rule of the paper.
rule: {{name: size_curve, tolerance: 0.5%, patience: 6}}

# When the rule is asked: `auto`, `epoch`, or a number of optimizer steps.
interval: auto

# Weight of the KL, and epochs in which it rises to that.
beta: {{value: 1.0, warmup: 0}}

# Only for `method: geco`, which takes no `beta`: the largest squared error of a
# sample, or instead of it the share of the variance to explain.
# geco: {{tau: 35}}
# geco: {{explained: 0.9}}

# What is measured of the latent space: on how many validation samples, with how many
# clusters (null: as many as there are classes), and with which features.
probe: {{size: 500, n_clusters: null, features: auto}}

epochs: 100
batch_size: 64
optimizer: {{name: adam, learning_rate: 0.001}}

# Everything random follows from it.
seed: 0

# Files beside the run's own: an HTML report, and logs for TensorBoard.
report: true
tensorboard: false

# `none`, `mirrored` (all devices of this machine) or `multi_worker`.
strategy: none
"""
