import gzip
import struct

import numpy as np
import pytest

from ald_keras.datasets.idx import read_idx

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx_bytes(array):
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + shape + array.tobytes()


@pytest.mark.parametrize("array", [IMAGES, np.array([7, 0, 255], np.uint8)])
def test_reads_plain_and_gzipped(tmp_path, array):
    (tmp_path / "plain").write_bytes(idx_bytes(array))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx_bytes(array)))
    for name in ("plain", "packed.gz"):
        read = read_idx(tmp_path / name, ndim=array.ndim)
        np.testing.assert_array_equal(read, array)
        assert read.dtype == np.uint8


GOOD = idx_bytes(IMAGES)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "truncated IDX file.* 0 bytes"),
        (GOOD[:15], "truncated IDX file.* 15 bytes"),
        (GOOD[:-1], r"shape \(2, 3, 4\) takes 40 bytes. Received: 39"),
        (GOOD + b"0", r"shape \(2, 3, 4\) takes 40 bytes. Received: 41"),
        (b"\x00\x00\x0d\x03" + GOOD[4:], "starts with 00000803. Received: 00000d03"),
        (b"\x00\x00\x08\x01" + GOOD[4:], "Received: 00000801"),
        (b"<html><head><title>404", "Received: 3c68746d"),
        (GOOD[:4] + b"\xff" * 12 + GOOD[16:], "truncated or overlong"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damaged_file_is_named(tmp_path, content, match, packed):
    path = tmp_path / ("images.gz" if packed else "images")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=match) as error:
        read_idx(path, ndim=3)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", ["cut", "foreign", "flipped"])
def test_damaged_gzip_is_named(tmp_path, damage):
    packed = bytearray(gzip.compress(GOOD))
    if damage == "cut":
        packed = packed[:-9]
    elif damage == "foreign":
        packed[:2] = b"PK"
    else:
        packed[-6] ^= 0xFF
    path = tmp_path / "images.gz"
    path.write_bytes(bytes(packed))
    with pytest.raises(ValueError, match="damaged gzip file") as error:
        read_idx(path, ndim=3)
    assert str(path) in str(error.value)
