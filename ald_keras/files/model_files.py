"""Reads files of models, which may come from anyone: no code in them is executed."""

from __future__ import annotations

import json
import pathlib
import re
import stat
import warnings
import zipfile

import keras

# Characters of a reason, as Keras shows whole configs in its own; bytes of metadata.
_LONGEST = 300


def load_model(path: pathlib.Path) -> keras.Model:
    """Load a model that has a latent mask.

    What would execute code, load another file or write one is refused: Keras's safe
    mode is on, and so are checks of what the archive holds.

    Args:
        path: A `.keras` file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no whole `.keras` file, or holds another kind of model.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        _check_archive(path)
        # A file that fails says so in its error alone.
        with warnings.catch_warnings(record=True) as caught:
            model = keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # a damaged file fails in many ways
        reason = _reason(error) + _other_version(path)
        raise ValueError(f"{path} is no model that can be loaded: {reason}") from error
    for each in caught:
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if not hasattr(model, "latent_mask"):
        raise ValueError(
            f"{path} holds a {type(model).__name__}. Expected a model with a latent "
            "mask."
        )
    return model


def load_weights(model: keras.Model, path: pathlib.Path) -> None:
    """Load into a model what a `.keras` file holds of weights and saved state.

    Args:
        model: Model with the file's structure.
        path: A `.keras` file.

    Raises:
        ValueError: If it is no whole `.keras` file, or of another model.
    """
    try:
        _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a file that fails says so in its error
            model.load_weights(path)
    except Exception as error:  # a damaged file fails in many ways
        raise ValueError(f"{path} cannot be loaded: {_reason(error)}") from error


def _check_archive(path: pathlib.Path) -> None:
    """Raise a `ValueError` unless an archive is whole and holds files of its own."""
    if path.suffix != ".keras":
        raise ValueError("its name must end in .keras")
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.replace("\\", "/")
            is_link = stat.S_ISLNK(member.external_attr >> 16)
            if is_link or name.startswith("/") or ".." in name.split("/"):
                raise ValueError(f"its member {member.filename!r} leads out of it")
        # Reading single arrays, as Keras does, compares nothing with the checksums.
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"its member {damaged!r} is not what was written")


def _other_version(path: pathlib.Path) -> str:
    """What to add where another version of Keras wrote a file."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("metadata.json") as file:
            written = json.loads(file.read(_LONGEST))["keras_version"]
    except Exception:  # a damaged file fails in many ways
        return ""
    plain = isinstance(written, str) and re.fullmatch(r"[\w.+-]{1,30}", written)
    if not plain or written == keras.__version__:
        return ""
    return f" (written by Keras {written}, read by {keras.__version__})"


def _reason(error: BaseException) -> str:
    # Keras wraps what goes wrong within a class in one that shows the config only.
    while isinstance(error, TypeError) and error.__context__ is not None:
        error = error.__context__
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyError):
        text = f"it lacks {text}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
