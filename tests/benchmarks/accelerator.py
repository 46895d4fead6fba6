"""What an accelerator gives: one command, in parts that resume.

Each part leaves a JSON file in `--output`; a part that has one is not run again, and
none is begun after `--minutes`. So repeat the command until it says that all is done.
From the root of the repository, on the machine with the accelerator, with JAX or
PyTorch installed (`--python jax=PYTHON` names the Python of each):

PYTHONPATH=. python tests/benchmarks/accelerator.py --output DIR --data-dir DATA \\
    --python jax=python --python torch=python
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).parent
# Network, samples and batch sizes; as many samples as the data sets' training parts.
SPEED = (
    ("mlp", 54_000, (64, 256, 1024, 4096)),
    ("conv", 21_600, (64, 256)),
    ("video", 8_000, (32, 128)),
)


class Usage:
    """The accelerator's utilisation and memory while something runs."""

    def __enter__(self) -> Usage:
        self.seen: list[tuple[float, float]] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _watch(self) -> None:
        query = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used"]
        query.append("--format=csv,noheader,nounits")
        while shutil.which("nvidia-smi") and not self._ends.wait(1.0):
            line = subprocess.run(query, capture_output=True, text=True, check=True)
            first = line.stdout.splitlines()[0]
            self.seen.append(tuple(float(value) for value in first.split(",")))

    def facts(self) -> dict[str, float | None]:
        if not self.seen:
            return {"utilisation": None, "memory_mib": None}
        use, memory = zip(*self.seen, strict=True)
        return {"utilisation": statistics.median(use), "memory_mib": max(memory)}


def parts(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Commands by name, the short ones first."""
    pythons = dict(each.split("=", 1) for each in arguments.python)
    found = {}
    for backend, python in pythons.items():
        found[f"tests-{backend}"] = [
            *(python, "-m", "pytest", "-q", "-m", "not slow and not network"),
            *("tests/backends", "tests/layers", "tests/models"),
        ]
        for network, samples, batches in SPEED:
            for batch in batches:
                found[f"{network}-{batch}-{backend}"] = [
                    *(python, str(HERE / "backends.py"), f"--network={network}"),
                    f"--samples={max(batch, int(samples * arguments.scale))}",
                    *(f"--batch={batch}", "--rounds=2", f"--row={backend}={python}"),
                ]
        if arguments.data_dir is not None:
            epochs = max(2, int(200 * arguments.scale))
            sets = ["data.limit=null", "data.val_fraction=0.1", f"epochs={epochs}"]
            found[f"mnist-{backend}"] = [
                *(python, "-m", "ald_keras.train", "--config=configs/mnist_curve.yaml"),
                *("--data-dir", str(arguments.data_dir), "--set", *sets),
                *("--output", str(arguments.output / f"run-{backend}"), "--resume"),
                *("--verbose", "0"),
            ]
    return found


def run(name: str, command: list[str], seconds: float) -> dict[str, object] | None:
    """What a part gave, `None` where the time was over; a run resumes next time."""
    environment = {**os.environ, "KERAS_BACKEND": name.rsplit("-", 1)[1]}
    begin = time.perf_counter()
    with Usage() as usage:
        try:
            done = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return {
        "seconds": round(time.perf_counter() - begin, 1),
        "code": done.returncode,
        "last_line": lines[-1] if lines else "",
        **usage.facts(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--data-dir", type=pathlib.Path)
    parser.add_argument("--python", action="append", required=True)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of samples and epochs"
    )
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    end = time.perf_counter() + 60.0 * arguments.minutes
    found, open_parts = {}, []
    for name, command in parts(arguments).items():
        file = arguments.output / f"{name}.json"
        left = end - time.perf_counter()
        if not file.exists() and left > 0:
            result = run(name, command, left)
            if result is not None:
                file.write_text(json.dumps(result), encoding="utf-8")
        if file.exists():
            found[name] = json.loads(file.read_text(encoding="utf-8"))
        else:
            open_parts.append(name)
    print("| part | seconds | code | utilisation, % | memory, MiB | last line |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for name, facts in found.items():
        cells = str(facts.pop("last_line")).replace("|", "/")
        row = ("" if value is None else value for value in facts.values())
        print("|", name, "|", " | ".join(map(str, row)), "|", cells, "|")
    state = f"open: {', '.join(open_parts)}. Repeat." if open_parts else "all is done."
    print(state)


if __name__ == "__main__":
    main()
