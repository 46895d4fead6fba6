"""The IDX format, in which MNIST and its relatives are published.

Layout: two zero bytes, a type code, the number of dimensions, one big-endian uint32 for
each dimension, then the values in row-major order.
"""

import gzip
import math
import pathlib
import struct
import zlib

import numpy as np
import numpy.typing as npt

_UINT8_CODE = 0x08


def read_idx(path: pathlib.Path, ndim: int) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped when its name ends in ``.gz``.

    Args:
        path: The file.
        ndim: Number of dimensions it must have: 3 for images, 1 for labels.

    Returns:
        uint8 array with `ndim` dimensions.

    Raises:
        ValueError: If the file is no such IDX file, or has too few or too many bytes.
    """
    content = _read_bytes(path)
    header = 4 + 4 * ndim
    if len(content) < header:
        raise ValueError(
            f"{path}: truncated IDX file, the header alone takes {header} bytes. "
            f"Received: {len(content)} bytes"
        )
    magic = bytes([0, 0, _UINT8_CODE, ndim])
    if content[:4] != magic:
        raise ValueError(
            f"{path}: not an IDX file of bytes with {ndim} dimension(s), which starts "
            f"with {magic.hex()}. Received: {content[:4].hex()}"
        )
    shape = struct.unpack(f">{ndim}I", content[4:header])
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise ValueError(
            f"{path}: truncated or overlong IDX file, shape {shape} takes {expected} "
            f"bytes. Received: {len(content)} bytes"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _read_bytes(path: pathlib.Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as stream:
            return stream.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error})") from error
