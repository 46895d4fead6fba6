"""Package of `ald_keras`: `pip install .`."""

import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent
RUNTIME = (
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "scikit-learn",
    "threadpoolctl",
    "PyYAML",
    "filelock",
    "rich",
    "pillow",
)
EXTRAS = {
    "datasets": ("tensorflow-datasets", "importlib_resources"),
    "onnx": ("onnx", "tf2onnx", "onnxruntime"),
    "litert": ("ai-edge-litert",),
    "tensorboard": ("tensorboard",),
    "report": ("matplotlib", "jinja2"),
    "tuner": ("keras-tuner", "tensorboard"),
}


def requirements(names: tuple[str, ...]) -> list[str]:
    """The lines of requirements.txt for these packages: bounds stand there alone."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    bounds = {re.split(r"[<>=]", line)[0]: line for line in lines if line}
    return [bounds[name] for name in names]


def version() -> str:
    """`__version__`, read without importing the package."""
    text = (ROOT / "ald_keras" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "(.+?)"', text).group(1)


setup(
    name="ald_keras",
    version=version(),
    description="Finds the size of a VAE's latent space during one model.fit",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["ald_keras", "ald_keras.*"]),
    package_data={
        "ald_keras": ["py.typed"],
        "ald_keras.reports": ["templates/*.html"],
    },
    python_requires=">=3.10",
    install_requires=requirements(RUNTIME),
    extras_require={name: requirements(needed) for name, needed in EXTRAS.items()},
    entry_points={
        "console_scripts": [
            "ald-train=ald_keras.train:main",
            "ald-export=ald_keras.export.command:main",
        ]
    },
)
