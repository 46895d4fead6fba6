"""Tries what `make dist` has built, away from the checkout.

    python tests/check_dist.py dist

The wheel, which is built from the source archive, is installed into a folder of its own
and used there as a user would.
"""

import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

CONFIG = """\
dataset: digits
architecture: mlp
latent_dim: 8
epochs: 2
"""

# What the archive brings beside the package.
BROUGHT = (
    *("CITATION.cff", "LICENSE", "README.md", "configs/digits.yaml"),
    *("docs/index.md", "examples/digits.ipynb", "tests/check_dist.py"),
)


def main(dist: pathlib.Path) -> None:
    """Install and try the wheel and the archive in a folder."""
    (wheel,), (archive,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        installed, work = pathlib.Path(folder, "site"), pathlib.Path(folder, "work")
        work.mkdir()
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
        run([*pip, "--quiet", "--no-deps", "--target", installed, wheel], work, None)
        python = [sys.executable, "-W", "ignore"]
        where = "import ald_keras; print(ald_keras.__version__, ald_keras.__file__)"
        found = run([*python, "-c", where], work, installed)
        if str(installed) not in found:
            raise SystemExit(f"The wheel is not what is imported: {found}")
        (work / "my.yaml").write_text(CONFIG, encoding="utf-8")
        command = [*python, "-m", "ald_keras"]
        run(
            [*command, "train", "--config", "my.yaml", "--output", "run"],
            work,
            installed,
        )
        run([*command, "export", "run/model.keras"], work, installed)
        if not (work / "run/compact.keras").is_file():
            raise SystemExit("The export of the installed wheel wrote nothing.")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    missing = {*BROUGHT} - names
    if missing:
        raise SystemExit(f"{archive.name} lacks {sorted(missing)}.")
    print(f"{wheel.name}, built from {archive.name}, works.")


def run(
    command: list[object], folder: pathlib.Path, packages: pathlib.Path | None
) -> str:
    """What a command prints; a `CalledProcessError` where it fails."""
    paths = {} if packages is None else {"PYTHONPATH": str(packages)}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **paths},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
