"""Crafted files that would execute code, write elsewhere or fill the memory."""

from __future__ import annotations

import copy
import io
import json
import pathlib
import pickle
import stat
import zipfile

import h5py
import keras
import numpy as np


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: pathlib.Path):
        self.mark = mark

    def __reduce__(self):
        return pathlib.Path.touch, (self.mark,)


def lambda_layer(mark: pathlib.Path) -> dict:
    """A `Lambda` layer whose function creates a file."""
    text = f"lambda x: (__import__('pathlib').Path({str(mark)!r}).touch(), x)[1]"
    return keras.saving.serialize_keras_object(keras.layers.Lambda(eval(text)))


class ModelFile:
    """A good `.keras` file, of which bad ones are made.

    Args:
        path: The file.
        mark: A file that no bad one may create.
    """

    def __init__(self, path: pathlib.Path, mark: pathlib.Path):
        with zipfile.ZipFile(path) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.config = json.loads(self.members["config.json"])
        self.path, self.mark = path, mark

    def write(self, *, config=None, weights=None, more=()):
        with zipfile.ZipFile(self.path, "w") as archive:
            archive.writestr("metadata.json", self.members["metadata.json"])
            archive.writestr("config.json", json.dumps(config or self.config))
            weights = weights or self.members["model.weights.h5"]
            archive.writestr("model.weights.h5", weights)
            for name, content in more:
                archive.writestr(name, content)

    def with_layer(self, layer):
        config = copy.deepcopy(self.config)
        target = config["config"]["encoder"]["config"]["layers"][1]
        for key in ("module", "class_name", "config", "registered_name"):
            target[key] = layer[key]
        target.pop("build_config", None)
        self.write(config=config)

    def with_likelihood(self, module, name, kind="class"):
        config = copy.deepcopy(self.config)
        arguments = {"args": ["touch", str(self.mark)], "fname": str(self.mark)}
        config["config"]["likelihood"] = {
            "module": module,
            "class_name": name if kind == "class" else "function",
            "config": arguments if kind == "class" else name,
            "registered_name": name,
        }
        self.write(config=config)

    def with_weights(self, change):
        """`change(file, name)` alters the HDF5 file; `name` is a dataset's."""
        content = io.BytesIO(self.members["model.weights.h5"])
        with h5py.File(content, "r+") as file:
            names = []
            file.visititems(
                lambda name, item: (
                    names.append(name) if isinstance(item, h5py.Dataset) else None
                )
            )
            change(file, names[0])
        self.write(weights=content.getvalue())

    def with_bomb(self, megabytes):
        """Zeros beside the model, a thousandth of their size in the file."""
        self.write()
        with (
            zipfile.ZipFile(self.path, "a", zipfile.ZIP_DEFLATED) as archive,
            archive.open("assets/zeros", "w") as stream,
        ):
            for _ in range(megabytes):
                stream.write(bytes(1 << 20))

    def with_link(self):
        link = zipfile.ZipInfo("assets/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        inside = f"assets/link/{self.mark.name}"
        self.write(more=[(link, str(self.mark.parent)), (inside, "x")])


def pickled(mark: pathlib.Path) -> np.ndarray:
    """An array of objects, one of which creates a file when it is unpickled."""
    return np.array([Payload(mark)] * 20, object)


def npy(header: str, content: bytes = b"") -> bytes:
    """A NumPy array file with a header of one's own."""
    text = header.encode("latin1")
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def npz(path: pathlib.Path, **members: bytes) -> None:
    """A NumPy archive of members as they are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def raw_pickle(mark: pathlib.Path) -> bytes:
    """A pickle that creates a file."""
    return pickle.dumps(Payload(mark))
