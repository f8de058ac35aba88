"""Pictures brought to another size, by Pillow or by kernels that Pillow does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

PILLOW = {"nearest": 0, "lanczos3": 1, "bilinear": 2, "bicubic": 3}
"""Pillow's number for each interpolation that it has."""


def _lanczos5(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lanczos, Applied Analysis, 1956: a sinc under the middle of a wider one."""
    return np.sinc(x) * np.sinc(x / 5)


def _gaussian(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """With a deviation of half a pixel, cut off at three deviations."""
    return np.exp(-2 * x**2)


def _mitchell(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mitchell and Netravali, Reconstruction Filters in Computer Graphics, 1988, B = C = 1/3."""
    near = (7 * x**3 - 12 * x**2) / 6 + 8 / 9
    return np.where(x < 1, near, ((12 - 7 / 3 * x) * x - 20) * x / 6 + 16 / 9)


KERNELS: dict[str, tuple[float, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "lanczos5": (5.0, _lanczos5),
    "gaussian": (1.5, _gaussian),
    "mitchellcubic": (2.0, _mitchell),
}
"""How far each kernel reaches, and its value at a distance in pixels."""

INTERPOLATIONS = (*PILLOW, "area", *KERNELS)


def resized(
    image: Any, size: tuple[int, int], interpolation: str, box: tuple[float, ...] | None = None
) -> NDArray[np.float32]:
    """The part of a Pillow image in `box` (left, upper, right, lower) at a size (width, height).

    Where a picture shrinks the kernels widen, so that no pixel is left out, but for "nearest".
    """
    if interpolation in PILLOW:
        made = image.resize(size, PILLOW[interpolation], box=box)
        return np.asarray(made, np.float32).reshape(size[1], size[0], -1)
    pixels = np.asarray(image, np.float64).reshape(image.height, image.width, -1)
    left, upper, right, lower = box or (0, 0, image.width, image.height)
    rows = _weights(image.height, size[1], upper, lower, interpolation)
    columns = _weights(image.width, size[0], left, right, interpolation)
    sums = np.einsum("ih,hwc,jw->ijc", rows, pixels, columns, optimize=True)
    return np.asarray(np.clip(sums, 0, 255), np.float32)


def _weights(
    count: int, wanted: int, start: float, end: float, interpolation: str
) -> NDArray[np.float64]:
    """What each of `count` pixels contributes to each of those `wanted` from start to end."""
    scale = (end - start) / wanted
    pixels, first = np.arange(count), start + np.arange(wanted)[:, None] * scale
    if interpolation == "area":  # how much of each pixel it covers
        inside = np.minimum(pixels + 1, first + scale) - np.maximum(pixels, first)
        weights = np.maximum(inside, 0.0)
    else:
        reach, kernel = KERNELS[interpolation]
        distance = np.abs(pixels + 0.5 - (first + scale / 2)) / max(scale, 1.0)
        weights = np.where(distance < reach, kernel(distance), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
