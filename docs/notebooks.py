"""Executes the notebooks in `examples/` and keeps their outputs.

    PYTHONPATH=. python docs/notebooks.py [NAME ...]

What libraries write to the screen when they start is left out.
"""

import pathlib
import sys

import nbformat
from nbclient import NotebookClient

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


def execute(path, more=()):
    """A notebook after its cells, and more of them, have run.

    Args:
        path: The file.
        more: Code of further cells. Defaults to none.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.cells += [nbformat.v4.new_code_cell(code) for code in more]
    NotebookClient(notebook, timeout=600, resources={}).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    return notebook


if __name__ == "__main__":
    names = sys.argv[1:] or sorted(path.stem for path in EXAMPLES.glob("*.ipynb"))
    for name in names:
        file = EXAMPLES / f"{name}.ipynb"
        nbformat.write(execute(file), file)
