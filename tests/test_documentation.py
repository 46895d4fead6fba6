"""The README is short and its example runs; every public name is in the reference."""

import pathlib
import re
import subprocess
import sys

import keras
import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_short_and_its_links_exist():
    assert len(README.splitlines()) <= 200
    targets = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert targets
    assert [name for name in targets if not (ROOT / name).exists()] == []


@pytest.mark.slow
def test_the_example_runs_as_it_stands(tmp_path, monkeypatch):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example, names)
    small = keras.saving.load_model(tmp_path / "small.keras")
    assert small.latent_dim == names["vae"].active_dims < 32


def test_every_public_name_is_in_the_reference():
    pytest.importorskip("griffe")
    command = [sys.executable, str(ROOT / "docs" / "check_reference.py")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
