"""Settings shared by every test: quiet TensorFlow, one seed, the real data's place."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import pytest
from hypothesis import settings

# A busy machine must not fail an example for the time it took.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

DEFAULT_DATA_DIR = pathlib.Path(__file__).parents[1] / ".." / "shared" / "data"


@pytest.fixture
def data_dir() -> pathlib.Path:
    """Folder with the real data sets; the test is skipped where there is none."""
    path = pathlib.Path(os.environ.get("ALD_DATA_DIR", DEFAULT_DATA_DIR))
    if not path.is_dir():
        pytest.skip("no data folder: set ALD_DATA_DIR")
    return path
