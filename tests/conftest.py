"""Settings shared by every test: quiet TensorFlow, one seed, the real data's place."""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import pytest
from hypothesis import settings

# A busy machine must not fail an example for the time it took.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What is tested of JAX and PyTorch too needs nothing of TensorFlow.
ON_TENSORFLOW = os.environ["KERAS_BACKEND"] == "tensorflow"

DEFAULT_DATA_DIR = pathlib.Path(__file__).parents[1] / ".." / "shared" / "data"


def _read_tensors_as_arrays() -> None:
    """Have NumPy take PyTorch's tensors in tests as it takes those of others.

    PyTorch refuses what has a gradient, and in the library it still does.
    """
    import torch

    plain = torch.Tensor.__array__

    def read(tensor: torch.Tensor, *args: object, **options: object) -> object:
        frame = sys._getframe(1)
        while frame.f_globals["__name__"].split(".")[0] == "numpy":
            frame = frame.f_back
        if frame.f_globals["__name__"].split(".")[0] != "ald_keras":
            tensor = tensor.detach()
        return plain(tensor, *args, **options)

    torch.Tensor.__array__ = read


if os.environ["KERAS_BACKEND"] == "torch":
    _read_tensors_as_arrays()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs TensorFlow where another backend runs."""
    for item in items:
        if "tf" in getattr(item, "fixturenames", ()):
            item.add_marker("tensorflow")
        if item.get_closest_marker("tensorflow") and not ON_TENSORFLOW:
            item.add_marker(pytest.mark.skip(reason="needs KERAS_BACKEND=tensorflow"))


@pytest.fixture
def tf():
    """TensorFlow, for a test that is skipped under other backends."""
    import tensorflow

    return tensorflow


@pytest.fixture
def data_dir() -> pathlib.Path:
    """Folder with the real data sets; the test is skipped where there is none."""
    path = pathlib.Path(os.environ.get("ALD_DATA_DIR", DEFAULT_DATA_DIR))
    if not path.is_dir():
        pytest.skip("no data folder: set ALD_DATA_DIR")
    return path


RECORDED = {
    "dataset": "digits",
    "architecture": {"name": "mlp", "hidden": [32]},
    "latent_dim": 8,
    "epochs": 14,
    "batch_size": 32,
    "data": {"limit": 400},
    "rule": {
        "name": "ald",
        "initial_step": 2,
        "patience": 3,
        "slope_window": 4,
        "slowdown_window": 4,
        "min_dims": 3,
    },
    "probe": {"size": 30, "n_clusters": 3, "features": "identity"},
}


@pytest.fixture(scope="session")
def recorded_run(tmp_path_factory) -> pathlib.Path:
    """Folder of a small real run on digits with its report; nobody changes it."""
    return _record(tmp_path_factory.mktemp("recorded") / "pruned")


@pytest.fixture(scope="session")
def recorded_fixed_run(tmp_path_factory) -> pathlib.Path:
    """The same network of 5 dimensions, not pruned."""
    folder = tmp_path_factory.mktemp("recorded") / "fixed"
    return _record(folder, method="fixed", latent_dim=5, report=False)


def _record(folder: pathlib.Path, **changes) -> pathlib.Path:
    from ald_keras.runs.config import Config
    from ald_keras.train import run

    run(Config.from_dict({**RECORDED, **changes}), folder, verbose=0)
    return folder
