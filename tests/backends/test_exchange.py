"""A model that one backend saves within its search, another reads and prunes on.

Pythons that have the other backends are named in `ALD_TEST_PYTHON_TENSORFLOW`,
`ALD_TEST_PYTHON_JAX` and `ALD_TEST_PYTHON_TORCH`.
"""

import importlib.util
import os
import pathlib
import subprocess

import keras
import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).with_name("exchange.py")
TESTS = SCRIPT.parents[1]
BACKENDS = ("tensorflow", "jax", "torch")

_spec = importlib.util.spec_from_file_location("exchange", SCRIPT)
exchange = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(exchange)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A folder with the file of a search that has begun here, and its outputs."""
    folder = tmp_path_factory.mktemp("begun")
    return folder, exchange.begin(folder)


@pytest.mark.slow
@pytest.mark.parametrize("other", BACKENDS)
def test_another_backend_takes_up_the_search(begun, other):
    python = os.environ.get(f"ALD_TEST_PYTHON_{other.upper()}")
    if python is None:
        pytest.skip(f"set ALD_TEST_PYTHON_{other.upper()}")
    folder, vae = begun
    subprocess.run(
        [python, "-W", "ignore", SCRIPT, folder],
        env={
            **os.environ,
            "KERAS_BACKEND": other,
            "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}",
        },
        check=True,
    )
    with np.load(folder / "found.npz") as found:
        arrays = dict(found)
    # A search goes on with the state of its rule, which removes 2 an epoch.
    assert arrays["dims"].tolist() == [8, 4]
    assert arrays["epochs"].tolist() == [0, 1, 2]
    for name, expected in exchange.outputs(vae).items():
        np.testing.assert_allclose(arrays[name], expected, rtol=1e-4, atol=1e-5)
    continued = keras.saving.load_model(folder / "continued.keras")
    assert continued.active_dims == 4
    for name, expected in exchange.outputs(continued).items():
        got = arrays[f"continued {name}"]
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    small = keras.saving.load_model(folder / "compact.keras")
    assert small.latent_dim == 4
    np.testing.assert_allclose(
        small.reconstruct(exchange.VALIDATION),
        arrays["continued data"],
        rtol=1e-4,
        atol=1e-5,
    )
