"""With JAX and PyTorch nothing needs TensorFlow, and what does says so in one line."""

import os
import pathlib
import subprocess
import sys

import keras
import pytest
from builders import small_vae

ROOT = pathlib.Path(__file__).parents[2]
BACKEND = keras.backend.backend()

pytestmark = pytest.mark.skipif(
    BACKEND == "tensorflow", reason="of JAX and PyTorch: set KERAS_BACKEND"
)

WITHOUT = """
import runpy, sys

class WithoutTensorFlow:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            return None
        return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(WithoutTensorFlow, sys.meta_path)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run(module, *arguments):
    """A command in a process in which nobody can import TensorFlow."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, module, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_its_report_and_its_export(tmp_path):
    folder = tmp_path / "run"
    arguments = ("--config", "configs/digits.yaml", "--set", "epochs=2")
    done = run("ald_keras.train", *arguments, "--output", folder, "--verbose", "0")
    assert done.returncode == 0, done.stderr
    assert (folder / "report.html").stat().st_size > 10_000
    done = run("ald_keras.export", folder / "model.keras")
    assert done.returncode == 0, done.stderr
    assert (folder / "compact.keras").exists()
    for format in ("saved_model", "tflite", "onnx"):
        done = run("ald_keras.export", folder / "model.keras", "--format", format)
        assert done.returncode == 2
        (line,) = done.stderr.strip().split("\n")
        assert "Set KERAS_BACKEND=tensorflow" in line


def test_without_the_backend_asked_for_the_error_names_the_extras():
    code = WITHOUT.split("sys.argv")[0] + "from ald_keras import MaskedVAE"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().split("\n")[-1]
    for name in ("tensorflow", "jax", "torch"):
        assert f"'ald_keras[{name}]'" in last


def test_latent_tensorboard_says_what_it_needs(tmp_path, monkeypatch):
    import importlib.util

    from ald_keras import LatentTensorBoard

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"ald_keras\[tensorboard\]"):
        LatentTensorBoard(tmp_path)
    assert small_vae(2).latent_dim == 2
