"""What a user installs: the files of the wheel, and the packages it asks for."""

import email
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of this tree, so that the build leaves nothing in it."""
    pytest.importorskip("setuptools")
    pytest.importorskip("wheel")
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "ald_keras", source / "ald_keras", ignore=skipped)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run([*command, *options], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def metadata(wheel):
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def package_of(requirement):
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")


def test_the_wheel_holds_every_module_and_data_file(wheel):
    here = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "ald_keras").rglob("*")
        if path.suffix in (".py", ".html", ".typed")
    }
    there = {name for name in wheel.namelist() if name.startswith("ald_keras/")}
    assert here == there
    assert "ald_keras/py.typed" in there
    assert any(name.startswith("ald_keras/reports/templates/") for name in there)


def test_the_wheel_has_its_commands_and_version(wheel):
    import ald_keras

    (name,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    text = wheel.read(name).decode()
    assert "ald = ald_keras.__main__:main" in text
    assert "ald-train = ald_keras.train:main" in text
    assert "ald-export = ald_keras.export.command:main" in text
    assert metadata(wheel)["Version"] == ald_keras.__version__


def test_a_plain_install_brings_little(wheel):
    plain = [r for r in metadata(wheel).get_all("Requires-Dist") if "extra ==" not in r]
    assert {package_of(requirement) for requirement in plain} == {
        *("keras", "numpy", "scipy", "scikit-learn"),
        *("threadpoolctl", "rich", "pyyaml", "filelock"),
    }


def test_requirements_are_the_dependencies_and_all_extras(wheel):
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = {line.split("#")[0].strip() for line in lines} - {""}
    asked = {
        requirement.split(";")[0].strip()
        for requirement in metadata(wheel).get_all("Requires-Dist")
        # `make` tests with TensorFlow; the others have a `make test-backends`.
        if package_of(requirement) not in ("ald-keras", "jax", "torch")
    }

    def bounds(requirement):
        return package_of(requirement), frozenset(
            re.findall(r"[<>=]+[\d.]+", requirement)
        )

    assert {*map(bounds, listed)} == {*map(bounds, asked)}
