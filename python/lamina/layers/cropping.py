"""Cropping1D, 2D and 3D: the middle alone."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Cropping1D(Layer):
    """Cuts places off at the borders of sequences.

    Args:
        cropping: Steps cut off before and after; one int means both.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, new_steps, channels)`, `new = size - before - after`.

    Raises:
        ConfigError: negative numbers, or not as many as there are axes.
        ShapeError: input not 2-D per sample, or nothing would be left of it.

    References:
        Rust: src/layers/borders.rs.

    Example:
        >>> Cropping1D((1, 2))(np.ones((4, 9, 3))).shape
        (4, 6, 3)
    """

    cropping: int | tuple[int, int] = (1, 1)


@layer
class Cropping2D(Layer):
    """Cuts places off at the borders of images.

    Args:
        cropping: Lines and columns cut off: one int for every side, `(height, width)`, or
            `((top, bottom), (left, right))`.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, channels)`, `new = size - before - after`.

    Raises:
        ConfigError: negative numbers, or not as many as there are axes; unknown data_format.
        ShapeError: input not 3-D per sample, or nothing would be left of it.

    References:
        Rust: src/layers/borders.rs.

    Example:
        >>> Cropping2D(((1, 2), (0, 1)))(np.ones((4, 9, 9, 3))).shape
        (4, 6, 8, 3)
    """

    cropping: int | tuple[int | tuple[int, int], int | tuple[int, int]] = ((0, 0), (0, 0))
    data_format: str | None = None


@layer
class Cropping3D(Layer):
    """Cuts places off at the borders of volumes.

    Args:
        cropping: Places cut off: one int for every side, `(depth, height, width)`, or a pair
            (before, after) for each of these axes.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, new_depth, new_height, new_width, channels)`,
        `new = size - before - after`.

    Raises:
        ConfigError: negative numbers, or not as many as there are axes; unknown data_format.
        ShapeError: input not 4-D per sample, or nothing would be left of it.

    References:
        Rust: src/layers/borders.rs.

    Example:
        >>> Cropping3D(2)(np.ones((4, 9, 9, 9, 3))).shape
        (4, 5, 5, 5, 3)
    """

    cropping: int | Sequence[int | tuple[int, int]] = ((1, 1), (1, 1), (1, 1))
    data_format: str | None = None
