import subprocess
import sys

import numpy as np
import pytest

from ald_keras.datasets import load_dataset


@pytest.fixture
def tfds_dir(tmp_path, monkeypatch):
    """An empty folder of TensorFlow Datasets' own, in place of the user's."""
    from tensorflow_datasets.core import constants

    monkeypatch.setattr(constants, "DATA_DIR", str(tmp_path))
    return tmp_path


def prepare(name, folder, images, labels):
    """Write images as a prepared data set, in the files TensorFlow Datasets reads."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    splits = {
        split: [
            (i, {"image": images[i], "label": int(labels[i])})
            for i in range(start, stop)
        ]
        for split, start, stop in [("train", 0, 40), ("test", 40, 50)]
    }
    features = {
        "image": tfds.features.Image(shape=(28, 28, 1)),
        "label": tfds.features.ClassLabel(num_classes=10),
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="3.0.1",
        data_dir=folder,
        features=tfds.features.FeaturesDict(features),
        split_datasets=splits,
    )


def pairs(x, y):
    return sorted(
        (image.tobytes(), int(label)) for image, label in zip(x, y, strict=True)
    )


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_prepared_data_are_read(tfds_dir, name):
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), np.uint8)
    labels = np.arange(50) % 10
    prepare(name, tfds_dir, images, labels)
    data = load_dataset(name)
    scaled = images.astype(np.float32) / np.float32(255)
    found = pairs(
        np.concatenate([data.x_train, data.x_val]),
        np.concatenate([data.y_train, data.y_val]),
    )
    assert found == pairs(scaled[:40], labels[:40])
    assert pairs(data.x_test, data.y_test) == pairs(scaled[40:], labels[40:])
    assert data.data_shape == (28, 28, 1)
    assert data.n_classes == 10


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_download_that_fails(tfds_dir, monkeypatch, name):
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConnectionError) as error:
        load_dataset(name)
    message = str(error.value)
    assert "\n" not in message
    for part in (name, "TensorFlow Datasets", "Download", "https://", "`data_dir`"):
        assert part in message


def test_missing_package_names_the_pip_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match="pip install tensorflow-datasets"):
        load_dataset("mnist")


@pytest.mark.slow
def test_importing_the_room_does_not_load_tensorflow_datasets():
    code = "import sys, ald_keras.datasets; print('tensorflow_datasets' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"
