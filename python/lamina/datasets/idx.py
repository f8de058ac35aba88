"""`read_idx`: the file format of the MNIST family (Y. LeCun, THE MNIST DATABASE, 1998)."""

from __future__ import annotations

import math
import os
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from lamina.errors import FileError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_LARGEST = 2**33
"""No file of the family comes near this many bytes, so a header that says so is broken."""


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, packed with gzip or not: two zero bytes, type, number of axes, sizes, data.

    Args:
        path: The file.

    Returns:
        An array of the file's shape and type, in the byte order of this machine.

    Raises:
        FileError: the file is missing, unreadable, no IDX file, or longer or shorter than it says.
    """
    import gzip  # here, as `import lamina` is to be quick
    import zlib

    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            return _read(cast("IO[bytes]", file), os.fspath(path))
    except FileError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{os.fspath(path)}: expected a readable IDX file, got: {error}") from error


def _read(file: IO[bytes], path: str) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise FileError(
            f"{path}: expected an IDX file (first bytes 00 00 and a known type), "
            f"got {magic.hex(' ') or 'an empty file'}"
        )
    kind, axes = np.dtype(_TYPES[magic[2]]), magic[3]
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise FileError(f"{path}: expected {axes} sizes after the header, but the file ends there")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    expected = math.prod(shape) * kind.itemsize
    if expected > _LARGEST:
        raise FileError(f"{path}: expected at most {_LARGEST} bytes, the header says {expected}")
    data = file.read(expected + 1)
    if len(data) != expected:
        found = "more" if len(data) > expected else str(len(data))
        raise FileError(f"{path}: expected {expected} bytes for shape {shape}, got {found}")
    return np.frombuffer(data, kind).reshape(shape).astype(kind.newbyteorder("="))
