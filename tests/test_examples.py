"""The notebooks in `examples/` run, and find what they say."""

import importlib.util
import json
import os
import pathlib

import pytest

nbformat = pytest.importorskip("nbformat")

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def executed(path, expression, monkeypatch):
    """What an expression gives in the kernel of a notebook that has run."""
    spec = importlib.util.spec_from_file_location(
        "notebooks", ROOT / "docs/notebooks.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    print_it = f"import json; print(json.dumps({expression}))"
    notebook = module.execute(path, [print_it])
    return json.loads(notebook.cells[-1].outputs[0]["text"])


def is_digits(found):
    return 3 <= found <= 5


CHECKS = {
    "digits": ("small.latent_dim", is_digits),
    "convolutional": ("small.latent_dim", is_digits),
    "export": (
        "[small.latent_dim, 'as before: True' in run.stdout]",
        lambda found: is_digits(found[0]) and found[1],
    ),
    "against_keras_tuner": (
        "[curve.smallest_size('0.5%'), min(losses, key=losses.get)]",
        lambda found: is_digits(found[0]) and found[1] in range(3, 9),
    ),
    "single_cells": (
        "[results['with the batch'], results['without']]",
        lambda found: found[0][0] < found[1][0] and found[0][1] > found[1][1],
    ),
    "missing_values": (
        "list(errors.values())",
        lambda found: found[-1] < 0.7 * found[0],
    ),
    "anomalies": (
        "[list(auc.values()), digits]",
        lambda found: min(found[0]) > 0.85 and found[1]["1"][1] > 0.7,
    ),
}


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_finds_what_it_says(path, monkeypatch):
    expression, check = CHECKS[path.stem]
    assert check(executed(path, expression, monkeypatch))


def test_notebooks_keep_small_outputs_of_a_run_in_order():
    assert [path.stem for path in NOTEBOOKS] == sorted(CHECKS)
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        counts = [c.execution_count for c in cells if c.cell_type == "code"]
        assert counts == list(range(1, len(counts) + 1)), path.name
        kinds = {o.output_type for c in cells for o in c.get("outputs", [])}
        assert "error" not in kinds
        assert path.stat().st_size < 300_000, path.name
