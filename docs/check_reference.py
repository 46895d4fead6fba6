"""Checks that every public name has a docstring and an entry in the reference.

python docs/check_reference.py
"""

from __future__ import annotations

import pathlib
import re
import sys

from griffe_names import ROOMS, exported, load_package

REFERENCE = pathlib.Path(__file__).parent / "reference"


def main() -> int:
    """Print what is missing; returns the number of errors."""
    package = load_package()
    text = "".join(page.read_text("utf-8") for page in REFERENCE.glob("*.md"))
    entries = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    objects = {}
    for room in ROOMS:
        for name in exported(package, room):
            found = package[f"{room}.{name}".split(".", 1)[1]]
            if found.is_alias:
                found = found.final_target
            # A name may be in `ald_keras` and in its room: one entry is enough.
            objects.setdefault(found.path, (found, []))[1].append(f"{room}.{name}")
    errors = []
    for found, names in objects.values():
        if not found.has_docstring:
            errors.append(f"{names[0]} has no docstring ({found.path})")
        count = sum(entries.count(name) for name in names)
        if count != 1:
            errors.append(f"{names[0]} has {count} entries in docs/reference/, not one")
    known = {*ROOMS, *(name for _, names in objects.values() for name in names)}
    errors += [f"{name} is not public" for name in entries if name not in known]
    print("\n".join(errors) or f"{len(objects)} public names have an entry each.")
    return len(errors)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
