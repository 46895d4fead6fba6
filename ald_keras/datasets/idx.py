"""The IDX format, in which MNIST and its relatives are published.

Layout: two zero bytes, a type code, the number of dimensions, one big-endian uint32 for
each dimension, then the values in row-major order.
"""

import gzip
import math
import pathlib
import struct
import zlib
from typing import IO, cast

import numpy as np
import numpy.typing as npt

_UINT8_CODE = 0x08

# Bytes that one byte of a gzip file unpacks to at most.
_DEFLATE_MOST = 1032


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
    header = 4 + 4 * ndim
    try:
        with _open(path) as stream:
            return _read(path, stream, ndim, header)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error})") from error


def _open(path: pathlib.Path) -> IO[bytes]:
    packed = path.suffix == ".gz"
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


def _read(
    path: pathlib.Path, stream: IO[bytes], ndim: int, header: int
) -> npt.NDArray[np.uint8]:
    start = stream.read(header)
    if len(start) < header:
        raise ValueError(
            f"{path}: truncated IDX file, the header alone takes {header} bytes. "
            f"Received: {len(start)} bytes"
        )
    magic = bytes([0, 0, _UINT8_CODE, ndim])
    if start[:4] != magic:
        raise ValueError(
            f"{path}: not an IDX file of bytes with {ndim} dimension(s), which starts "
            f"with {magic.hex()}. Received: {start[:4].hex()}"
        )
    shape = struct.unpack(f">{ndim}I", start[4:])
    values = math.prod(shape)
    # No more than what the header states, however much a gzip file unpacks to; and
    # no memory for what a header only claims.
    limit = _DEFLATE_MOST * path.stat().st_size
    content = stream.read(min(values + 1, limit))
    if len(content) != values:
        more = " or more" if len(content) > values else ""
        raise ValueError(
            f"{path}: truncated or overlong IDX file, shape {shape} takes "
            f"{header + values} bytes. Received: {header + len(content)} bytes{more}"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)
