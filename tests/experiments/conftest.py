import json

import pytest
import yaml
from builders import TINY_RUN

from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.core.jobs import Job
from ald_keras.experiments.core.manifest import Manifest
from ald_keras.runs.config import Config

# Groups of `write_run` whose runs prune.
PRUNING = ("size_curve", "ald", "elastic", "my-rule", "beta4", "slow", "odd")


@pytest.fixture(scope="session")
def tiny_run():
    """What the config file of a tiny run holds."""
    return TINY_RUN


@pytest.fixture
def tiny():
    """A function from changes to a config of a tiny run."""
    return lambda **changes: Config.from_dict({**TINY_RUN, **changes})


@pytest.fixture
def tiny_file(tmp_path):
    """A file with the config of a tiny run."""
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY_RUN))
    return path


@pytest.fixture
def comparison(tiny):
    """A function from a `hp_search` section to a comparison of tiny runs."""
    return lambda search, **changes: Comparison.from_dict(
        {**tiny(**changes).to_dict(), "hp_search": search}
    )


@pytest.fixture
def write_run(tiny):
    """A function that writes a whole run without training."""

    def write(output, group, start, seed, dims, elbo, fixed_epoch=None, **changes):
        facts = changes.pop("facts", {})
        method = "ald" if group in PRUNING else "fixed"
        values = {"method": method, "latent_dim": start, "seed": seed}
        config = tiny(**{**values, **changes.pop("config", {})})
        test = {
            "elbo": elbo,
            "reconstruction_loss": -elbo - 10.0,
            "kl_loss": 10.0,
            "active_units": dims,
            "silhouette": 0.25,
            "frechet_reconstruction": 2.0,
            "frechet_generation": 3.0,
            **changes.pop("test", {}),
        }
        record = {
            "seconds": 10.0,
            "epochs": config.epochs,
            "steps": 20 * config.epochs,
            "active_dims": dims,
            "fixed_epoch": fixed_epoch,
            "outcome": None,
            "features": "identity",
            "parameters_compact": 100 * dims,
            "validation_loss": -elbo,
            **changes,
            "test": test,
        }
        folder = Job(group, config, start, facts=facts).prepare(output)
        rows = ["epoch,active_dims,val_reconstruction_loss"]
        rows += [f"{epoch},{dims},{90 - epoch}" for epoch in range(config.epochs)]
        (folder / "history.csv").write_text("\n".join(rows))
        (folder / "decisions.json").write_text("[]")
        (folder / "run.json").write_text(json.dumps(record))
        return folder

    return write


@pytest.fixture
def write_manifest():
    """A function that writes the manifest of an experiment."""
    return lambda output, kind, **settings: Manifest(kind, settings).write(output)


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Writes modules that a runner's processes can import, one line each a command."""
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))

    def write(name, body):
        text = f"def main(argv):\n    {body}\n    return 0\n"
        (folder / f"{name}.py").write_text(
            "import json, os, pathlib, sys, time\n" + text
        )

    return write
