"""`image_grid`: many small images, such as the filters a network has learned, in one picture."""

from __future__ import annotations

import math
import struct
import zlib
from binascii import b2a_base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamina.errors import ShapeError
from lamina.utils.picture import Picture, text


def image_grid(
    images: ArrayLike,
    titles: Sequence[str] = (),
    columns: int | None = None,
    size: int = 64,
    title: str = "",
) -> Picture:
    """Draw images in rows, each stretched from black (its smallest number) to white (its largest).

    Args:
        images: Shape `(count, height, width)` for grey or `(count, height, width, 3)` for colour.
        titles: Stands under each image.
        columns: Images in a row; None makes the grid about square.
        size: Width of an image in pixels; its dots stay sharp squares.
        title: Stands above.

    Returns:
        The picture.

    Raises:
        ShapeError: images of another shape.

    Example:
        >>> image_grid(np.random.default_rng(0).normal(size=(6, 3, 3)), columns=3)
        <Picture 228 x 158>
    """
    stack = np.asarray(images, dtype=np.float64)
    if stack.ndim not in (3, 4) or (stack.ndim == 4 and stack.shape[3] != 3):
        raise ShapeError(
            "image_grid: expected images of shape (count, height, width) or "
            f"(count, height, width, 3), got {stack.shape}"
        )
    count = len(stack)
    columns = columns or max(1, math.ceil(math.sqrt(count)))
    tall = round(size * stack.shape[1] / max(stack.shape[2], 1))
    gap, head, foot = 12, 24 if title else 0, 16 if titles else 0
    rows = -(-count // columns)
    parts = [text(gap, 18, title, "font-weight='bold'")] if title else []
    for index, image in enumerate(stack):
        x = gap / 2 + index % columns * (size + gap)
        y = gap / 2 + head + index // columns * (tall + foot + gap)
        parts.append(
            f"<image x='{x:g}' y='{y:g}' width='{size}' height='{tall}' preserveAspectRatio='none' "
            f"style='image-rendering:pixelated' href='{_data_uri(image, size)}'/>"
            f"<rect x='{x:g}' y='{y:g}' width='{size}' height='{tall}' fill='none' "
            "stroke='#bbbbbb'/>"
        )
        if index < len(titles):
            parts.append(text(x + size / 2, y + tall + 13, titles[index], "text-anchor='middle'"))
    return Picture(
        columns * (size + gap), head + rows * (tall + foot + gap) + gap / 2, "".join(parts)
    )


def _data_uri(image: NDArray[Any], size: int) -> str:
    finite = np.nan_to_num(image)
    low, high = finite.min(initial=np.inf), finite.max(initial=-np.inf)
    grey = (finite - low) / (high - low) if high > low else np.zeros_like(finite)
    pixels = (255 * grey + 0.5).astype(np.uint8)
    # Not every program knows "pixelated", so the dots are made large here too.
    times = max(1, size // max(image.shape[1], 1))
    pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
    return "data:image/png;base64," + b2a_base64(_png(pixels), newline=False).decode()


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """An 8-bit PNG file (W3C, Portable Network Graphics, 2003): header, packed rows, end."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    height, width = pixels.shape[:2]
    colour = 2 if pixels.ndim == 3 else 0
    rows = pixels.reshape(height, -1)
    unfiltered = np.zeros((height, rows.shape[1] + 1), np.uint8)  # each row starts with filter 0
    unfiltered[:, 1:] = rows
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(unfiltered.tobytes(), 9))
        + chunk(b"IEND", b"")
    )
