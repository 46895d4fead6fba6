"""Real images for the tests of metrics, shape `(1000, height, width, channels)`."""

import io
import zipfile

import numpy as np
import pytest
from builders import digits
from hypothesis import settings
from PIL import Image

# A busy machine must not fail an example for the time it took.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

IMAGES = 1000


def _eurosat(data_dir):
    with zipfile.ZipFile(data_dir / "EuroSAT.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".jpg"))
        chosen = np.random.default_rng(0).choice(len(names), IMAGES, replace=False)
        files = [io.BytesIO(archive.read(names[i])) for i in chosen]
        return np.stack([np.asarray(Image.open(f).convert("RGB")) for f in files])


@pytest.fixture
def real_images(request):
    """Loads `"digits"`, `"mnist"` or `"eurosat"`: float32 in [0, 1]."""

    def load(name):
        if name == "digits":
            return digits(IMAGES)
        data_dir = request.getfixturevalue("data_dir")
        if name == "mnist":
            with np.load(data_dir / "mnist.npz", allow_pickle=False) as arrays:
                images = arrays["x_train"][:IMAGES, ..., None]
        else:
            images = _eurosat(data_dir)
        return images.astype("float32") / 255.0

    return load
