"""Which room may import which, and what importing the package must not load."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "ald_keras"

# The rooms of the package in the order in which they stand on one another: each may
# import those before it. A nested folder is a room of its own.
ROOMS = (
    "_validation",
    "cli",
    "rules",
    "likelihoods",
    "reports/figures",
    "metrics",
    "layers",
    "architectures",
    "models",
    "callbacks",
    "datasets",
    "export/formats",
    "reports",
    "runs",
    "export",
    "train",
    "experiments/core",
    "experiments/stability",
    "experiments/bottleneck",
    "experiments/curve",
    "experiments/compare",
    "experiments/figures",
)
# What a room must not know beside.
FORBIDDEN = {
    "rules": ("keras", "tensorflow", "sklearn", "ald_keras."),
    "metrics": ("tensorflow",),
    "layers": ("tensorflow", "ald_keras."),
    "callbacks": ("tensorflow", "ald_keras.models"),
    "reports/figures": ("keras", "tensorflow", "sklearn", "scipy", "ald_keras."),
    "reports": ("tensorflow", "matplotlib"),
    "datasets": ("ald_keras.models", "ald_keras.callbacks", "ald_keras.rules"),
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("room", FORBIDDEN)
def test_imports_go_one_way(room):
    files = sorted((PACKAGE / room).rglob("*.py"))
    assert files
    for file in files:
        for name in imports(file):
            own = name.startswith(f"ald_keras.{room}") or (file.name, name) in ALLOWED
            wrong = name.startswith((*FORBIDDEN[room], *NOBODY_IMPORTS))
            assert own or not wrong, f"{file.name} imports {name}"


def test_nobody_imports_the_experiments():
    for file in PACKAGE.rglob("*.py"):
        if file.parent.name != "experiments":
            wrong = [n for n in imports(file) if n.startswith("ald_keras.experiments")]
            assert wrong == [], f"{file.name} imports {wrong}"


def test_matplotlib_and_jinja2_have_one_user_each():
    for package, users in (("matplotlib", "figures/"), ("jinja2", "report/page.py")):
        for file in PACKAGE.rglob("*.py"):
            found = [n for n in imports(file) if n.split(".")[0] == package]
            place = str(file.relative_to(PACKAGE))
            assert place.startswith(users) or not found, f"{place} imports {found}"
            assert not any("pyplot" in name for name in found)


def test_tensorflow_is_imported_only_where_it_must_be():
    users = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == "tensorflow" for name in imports(file))
    }
    assert users == {
        "artifacts/tensorflow_files.py",
        "models/compiled.py",
        "models/gated_vae.py",
        "models/masked_vae.py",
        "models/replicas.py",
        "strategies.py",
        "datasets/epoch_shuffled_batches.py",
    }


def test_keras_tuner_is_imported_only_where_it_must_be():
    users = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] in ("keras_tuner", "grpc") for name in imports(file))
    }
    # The command itself can so be read, and say what is missing.
    assert users == {
        "experiments/ald_trial.py",
        "experiments/fixed_sizes.py",
        "experiments/search.py",
    }


def test_importing_the_package_stays_light():
    # Keras itself loads some of these where they are installed.
    code = (
        "import sys, tensorflow, keras, sklearn.cluster; before = set(sys.modules);"
        "import ald_keras; print(*(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    own = set(done.stdout.split())
    assert "ald_keras.callbacks" in own
    heavy = {
        "tensorflow_datasets",
        "keras_tuner",
        "matplotlib",
        "pandas",
        "rich",
        "PIL",
        "jinja2",
    }
    assert own & heavy == set()
    for room in ("experiments", "figures", "report"):
        assert not any(name.startswith(f"ald_keras.{room}") for name in own)


def test_the_public_names_are_there():
    import ald_keras
    from ald_keras import metrics

    for name in ald_keras.__all__:
        assert hasattr(ald_keras, name)
    for name in ("frechet_distance", "silhouette", "reconstruction_nll"):
        assert hasattr(metrics, name)
