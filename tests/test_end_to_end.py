"""The main job through the commands that the documentation names, on real data."""

import json
import pathlib

import keras
import numpy as np
import pytest
from keras import layers

from ald_keras import ALDCallback, MaskedVAE, SizeCurveRule, compact, train
from ald_keras.datasets import load_dataset
from ald_keras.datasets.linear_gaussian import count_significant_directions
from ald_keras.export import command as export

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"


def run(config, folder, *settings, data_dir=None):
    arguments = ["--config", str(CONFIGS / config), "--output", str(folder)]
    for setting in settings:
        arguments += ["--set", setting]
    if data_dir is not None:
        arguments += ["--data-dir", str(data_dir)]
    assert train.main([*arguments, "--verbose", "0"]) == 0
    assert export.main([str(folder / "model.keras")]) == 0
    return json.loads((folder / "run.json").read_text())


@pytest.mark.slow
def test_digits_keep_their_quality_with_fewer_dimensions(tmp_path):
    fixed = run("digits.yaml", tmp_path / "fixed", "method=fixed")
    pruned = run("digits.yaml", tmp_path / "pruned")
    assert fixed["active_dims"] == 32
    # From scratch 4 are 0.1 nats better than 3, and more no better than 4.
    assert 3 <= pruned["active_dims"] <= 4
    assert pruned["fixed_epoch"] is not None
    small = keras.saving.load_model(tmp_path / "pruned" / "compact.keras")
    assert small.latent_dim == pruned["active_dims"]
    assert pruned["test_compact"]["elbo"] > 1.01 * fixed["test"]["elbo"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_images_from_the_data_folder(tmp_path, data_dir, name):
    record = run(
        f"{name}_ald.yaml",
        tmp_path / name,
        "data.limit=2000",
        "latent_dim=16",
        "epochs=7",
        data_dir=data_dir,
    )
    assert record["active_dims"] == 11
    assert record["samples"] == {"train": 1800, "validation": 200, "test": 10000}
    text = (tmp_path / name / "history.csv").read_text().splitlines()
    losses = [
        float(row.split(",")[text[0].split(",").index("loss")]) for row in text[1:]
    ]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
def test_a_folder_of_real_images(tmp_path, data_dir):
    import zipfile

    archive = zipfile.ZipFile(data_dir / "EuroSAT.zip")
    names = sorted(n for n in archive.namelist() if n.endswith(".jpg"))[::90]
    with archive:
        archive.extractall(tmp_path / "images", names)
    record = run(
        "digits.yaml",
        tmp_path / "run",
        "dataset=image_folder",
        f"data.path={tmp_path / 'images' / '2750'}",
        "architecture={name: conv, filters: 8, hidden: 32}",
        "latent_dim=8",
        "epochs=3",
        "rule={name: ald, patience: 1, initial_step: 2}",
    )
    assert record["active_dims"] == 4
    small = keras.saving.load_model(tmp_path / "run" / "compact.keras")
    assert np.asarray(small.generate(2, seed=0)).shape == (2, 64, 64, 3)


@pytest.mark.parametrize("latent_dim", [pytest.param(6, marks=pytest.mark.slow), 9])
def test_the_default_rule_finds_the_number_of_factors(latent_dim):
    # With a linear decoder of unit variance, the directions of more than that.
    data = load_dataset(
        "linear_gaussian",
        n_factors=3,
        n_features=16,
        samples=2500,
        test_samples=100,
        val_fraction=0.2,
    )
    assert count_significant_directions(data.x_train) == 3
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((16,)), layers.Identity()])
    decoder = keras.Sequential([keras.Input((latent_dim,)), layers.Dense(16)])
    vae = MaskedVAE(encoder, decoder, latent_dim, likelihood="gaussian", seed=0)
    vae.compile(keras.optimizers.Adam(1e-2))
    pruning = ALDCallback(
        SizeCurveRule(),
        n_clusters=3,
        features=None,
        stop_training=True,
    )
    vae.fit(
        data.x_train,
        validation_data=data.x_val,
        epochs=80,
        batch_size=100,
        callbacks=[pruning],
        verbose=0,
    )
    assert vae.active_dims == 3
    assert pruning.fixed_epoch is not None
    assert pruning.status == "fixed"
    codes = [decision.code for decision in pruning.decisions]
    assert {"measure", "fixed"} <= set(codes)
    small = compact(vae)
    assert small.latent_dim == 3
