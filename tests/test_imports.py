"""Which room may import which, and what importing the package must not load."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "ald_keras"

# The rooms of the package in the order in which they stand on one another. A module may
# import its own room and those before it; what is nested and named here is its own.
ROOMS = (
    "_typing",
    "_validation",
    "_after_keras",
    "_gate_options",
    "_quiet_start",
    "_warn",
    "cli",
    "registries",
    "files",
    "backends",
    "rules",
    "likelihoods",
    "metrics/catalog",
    "reports/figures",
    "metrics",
    "layers",
    "architectures",
    "datasets",
    "models",
    "export/formats",
    "reports",
    "plot",
    "callbacks",
    "runs",
    "export",
    "train",
    "experiments/core",
    "experiments/stability",
    "experiments/bottleneck",
    "experiments/curve",
    "experiments/compare",
    "experiments/figures",
    "init",
    "__main__",
)
# What a room must not know beside these.
FORBIDDEN = {
    "rules": ("keras", "tensorflow", "sklearn"),
    "metrics": ("tensorflow", "ald_keras.layers"),
    "layers": ("tensorflow", "ald_keras.metrics", "ald_keras.likelihoods"),
    "callbacks": ("tensorflow", "ald_keras.models"),
    "metrics/catalog": ("keras", "sklearn", "scipy", "numpy"),
    "reports/figures": ("keras", "tensorflow", "sklearn", "scipy"),
    "reports": ("tensorflow", "matplotlib"),
    "datasets": ("ald_keras.models", "ald_keras.rules"),
}
# They read the version of the package, and nothing else, from where it is written.
NEED_VERSION = ("versions.py", "__main__.py")


def imports(path):
    """Names of the modules that a file imports, lazily or for its types only too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name):
    """The room of a module, `None` for what is in none."""
    place = "/".join(name.split(".")[1:]) + "/"
    found = [room for room in ROOMS if place.startswith(f"{room}/")]
    return max(found, key=len, default=None)


MODULES = {
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts): file
    for file in sorted(PACKAGE.rglob("*.py"))
}


def test_every_module_is_in_a_room():
    homeless = {name for name in MODULES if room_of(name) is None}
    assert homeless == {"ald_keras.__init__", "ald_keras.experiments.__init__"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    files = [file for name, file in MODULES.items() if room_of(name) == room]
    assert files
    for file in files:
        for name in imports(file):
            assert not name.startswith(FORBIDDEN.get(room, ())), f"{file} has {name}"
            if name == "ald_keras":
                assert file.name in NEED_VERSION, f"{file} imports the whole package"
            other = room_of(name) if name.startswith("ald_keras.") else None
            if other is not None:
                order = ROOMS.index(other) <= ROOMS.index(room)
                assert order, f"{file} imports {name}, of a room that stands on {room}"


def test_modules_stay_short():
    lengths = {
        str(file.relative_to(PACKAGE)): len(file.read_text("utf-8").splitlines())
        for file in MODULES.values()
    }
    assert {file: n for file, n in lengths.items() if n > 300} == {}


def test_matplotlib_and_jinja2_have_one_user_each():
    for package, users in (
        ("matplotlib", "reports/figures/"),
        ("jinja2", "reports/page.py"),
    ):
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
        "export/formats/tensorflow_files.py",
        "backends/tensorflow.py",
        "backends/tensorflow_adam.py",
        "backends/tensorflow_strategies.py",
    }


def test_keras_tuner_is_imported_only_where_it_must_be():
    users = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] in ("keras_tuner", "grpc") for name in imports(file))
    }
    # The command itself can so be read, and say what is missing.
    assert users == {
        "experiments/compare/ald_trial.py",
        "experiments/compare/fixed_sizes.py",
        "experiments/compare/tuner.py",
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
    for room in ("experiments", "reports.figures"):
        assert not any(name.startswith(f"ald_keras.{room}") for name in own)


def test_the_public_names_are_there():
    import ald_keras
    from ald_keras import metrics

    for name in ald_keras.__all__:
        assert hasattr(ald_keras, name)
    for name in ("frechet_distance", "silhouette", "reconstruction_nll"):
        assert hasattr(metrics, name)
