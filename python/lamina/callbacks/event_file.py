"""Event files as TensorBoard reads them, without TensorFlow and without protobuf.

A file is a row of records (TFRecord): length, its checksum, the bytes, their checksum; each record
is a protocol buffer `Event`. The numbers of the fields are those of TensorFlow's `event.proto`,
`summary.proto`, `tensor.proto`, `graph.proto` and `attr_value.proto`.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import time
import zlib
from collections.abc import Sequence

import numpy as np

from lamina._arrays import Array

FLOAT, DOUBLE, STRING = 1, 2, 7  # of DataType
SCALAR, TENSOR, BLOBS = 1, 2, 3  # of DataClass
BUCKETS = 30
"""How many bars a histogram has, as TensorBoard makes them."""

_count = itertools.count()


class EventFile:
    """A new event file in a folder; what is added is appended to it by `flush`."""

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        name = f"{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{next(_count)}"
        self.path = os.path.join(folder, f"events.out.tfevents.{name}.v2")
        self._waiting = bytearray()
        self._add(text(3, "brain.Event:2"))
        self.flush()

    def add_summary(self, step: int, value: bytes) -> None:
        """Add one `Summary.Value` at this step."""
        self._add(varint(2, step) + part(5, part(1, value)))

    def add_graph(self, graph: bytes) -> None:
        """Add a `GraphDef`."""
        self._add(part(4, graph))

    def flush(self) -> None:
        """Write what was added since the last time; the file is not kept open."""
        with open(self.path, "ab") as file:
            file.write(self._waiting)
        self._waiting.clear()

    def _add(self, event: bytes) -> None:
        self._waiting += record(struct.pack("<Bd", 1 << 3 | 1, time.time()) + event)


# ---- records ----


def record(data: bytes) -> bytes:
    """The bytes with their length and both checksums."""
    length = struct.pack("<Q", len(data))
    return length + masked_crc32c(length) + data + masked_crc32c(data)


def masked_crc32c(data: bytes) -> bytes:
    """The Castagnoli checksum, turned and shifted as TFRecord wants it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC32C = [_crc_of_byte(byte) for byte in range(256)]


# ---- protocol buffers ----


def varint(field: int, value: int) -> bytes:
    """A field that holds an integer from 0."""
    return _base128(field << 3) + _base128(value)


def part(field: int, data: bytes) -> bytes:
    """A field that holds bytes or another message."""
    return _base128(field << 3 | 2) + _base128(len(data)) + data


def text(field: int, value: str) -> bytes:
    """A field that holds text."""
    return part(field, value.encode())


def _base128(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _shape(sizes: Sequence[int | None]) -> bytes:
    unknown = 2**64 - 1  # -1
    return b"".join(part(2, varint(1, unknown if s is None else s)) for s in sizes)


# ---- summaries ----


def scalar(tag: str, value: float) -> bytes:
    """A number, for the tab of scalars."""
    tensor = varint(1, FLOAT) + part(2, b"") + part(4, np.float32(value).tobytes())
    return _summary(tag, "scalars", SCALAR, tensor)


def histogram(tag: str, values: Array) -> bytes:
    """How often values fall where: rows of left edge, right edge, count."""
    values = values[np.isfinite(values)].astype(np.float64)
    if values.size == 0:
        rows = np.zeros((0, 3))
    elif values.min() == values.max():
        rows = np.full((BUCKETS, 3), values[0])
        rows[:, 2] = [0] * (BUCKETS - 1) + [values.size]
    else:
        counts, edges = np.histogram(values, BUCKETS)
        rows = np.stack([edges[:-1], edges[1:], counts], axis=1)
    tensor = varint(1, DOUBLE) + part(2, _shape(rows.shape)) + part(4, rows.tobytes())
    return _summary(tag, "histograms", TENSOR, tensor)


def images(tag: str, pictures: Sequence[Array]) -> bytes:
    """Pictures of grey `(height, width)`, dark where numbers are small."""
    height, width = pictures[0].shape
    blobs = [str(width).encode(), str(height).encode(), *map(_png, pictures)]
    strings = b"".join(part(8, blob) for blob in blobs)
    tensor = varint(1, STRING) + part(2, _shape([len(blobs)])) + strings
    return _summary(tag, "images", BLOBS, tensor)


def graph(nodes: Sequence[tuple[str, str, Sequence[str], Sequence[int | None]]]) -> bytes:
    """A `GraphDef` of nodes: name, kind, names of the nodes it reads, shape of its output."""
    found = b""
    for name, kind, inputs, shape in nodes:
        shapes = part(2, part(1, part(7, _shape(shape))))  # AttrValue of a list of shapes
        node = text(1, name) + text(2, kind) + b"".join(text(3, name) for name in inputs)
        found += part(1, node + part(5, text(1, "_output_shapes") + shapes))
    return found + part(4, varint(1, 22))


def _summary(tag: str, plugin: str, data_class: int, tensor: bytes) -> bytes:
    metadata = part(1, text(1, plugin)) + varint(4, data_class)
    return text(1, tag) + part(8, tensor) + part(9, metadata)


def _png(picture: Array) -> bytes:
    low, high = float(picture.min()), float(picture.max())
    scaled = (picture - low) * (255.0 / (high - low) if high > low else 0.0)
    height, width = picture.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = np.round(scaled)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
