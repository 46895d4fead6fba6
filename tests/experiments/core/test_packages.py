"""The commands can be read, and say what is missing, without optional packages."""

import subprocess
import sys

CODE = """
import importlib, sys
for name in ("matplotlib", "jinja2", "keras_tuner", "grpc", "pandas"):
    sys.modules[name] = None
for name in ("stability", "bottleneck", "curve", "compare", "figures"):
    importlib.import_module(f"ald_keras.experiments.{name}.command")
from ald_keras.experiments.compare.command import main
sys.modules.pop("keras_tuner")
importlib.util.find_spec = lambda name: None
sys.exit(main(sys.argv[1:]))
"""


def test_optional_packages_are_loaded_when_they_are_needed(tiny_file, tmp_path):
    arguments = ["--config", str(tiny_file), "--output", str(tmp_path / "out")]
    arguments += ["--set", "hp_search.sizes=[2]"]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.endswith("Searches need keras-tuner: pip install keras-tuner")
    assert not (tmp_path / "out").exists()
