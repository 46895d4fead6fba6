"""The room, and the checks it uses, need NumPy, SciPy and the standard library."""

import ast
import pathlib
import subprocess
import sys

import pytest

import ald_keras.rules

FOLDER = pathlib.Path(ald_keras.rules.__file__).parent
SHARED = [FOLDER.parent / name for name in ("_validation.py", "_typing.py")]
SOURCES = [*sorted(FOLDER.rglob("*.py")), *SHARED]
ALLOWED = {"numpy", "scipy", *sys.stdlib_module_names}

LOADS_ALONE = """
import sys, types
sys.path.append({root!r})
parent = types.ModuleType("ald_keras")
parent.__path__ = [{package!r}]
sys.modules["ald_keras"] = parent
for name in ("keras", "tensorflow", "sklearn"):
    sys.modules[name] = None
import ald_keras.rules as rules
rule = rules.ALDRule(patience=1)
state = rule.init(8, seed=0)
metrics = dict.fromkeys(rules.BUILT_IN_METRICS, 0.0)
seen = rules.Observation(0, metrics, state.active, (0.0,) * 8)
print(rule.update(state, seen)[1].active_dims)
"""


def imported_modules(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_imports_only_numpy_scipy_the_standard_library_and_its_own_room(path):
    foreign = [
        name
        for name in imported_modules(path.read_text())
        if name.split(".")[0] not in ALLOWED
        and not name.startswith(
            ("ald_keras.rules", "ald_keras._validation", "ald_keras._typing")
        )
    ]
    assert foreign == []


def test_works_where_keras_cannot_be_imported():
    code = LOADS_ALONE.format(root=str(FOLDER.parents[1]), package=str(FOLDER.parent))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "3"), done.stderr


def test_all_lists_what_exists_without_repetition():
    names = ald_keras.rules.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(ald_keras.rules, name) for name in names)
