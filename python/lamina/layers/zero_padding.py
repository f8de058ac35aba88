"""ZeroPadding1D, 2D and 3D: zeros around."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class ZeroPadding1D(Layer):
    """Adds zeros around sequences.

    Args:
        padding: Steps added before and after; one int means both.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, new_steps, channels)`, `new = size + before + after`.

    Raises:
        ConfigError: negative numbers, or not as many as there are axes; unknown data_format.
        ShapeError: input not 2-D per sample.

    References:
        Rust: src/layers/borders.rs.

    Example:
        >>> ZeroPadding1D((1, 2))(np.ones((4, 9, 3))).shape
        (4, 12, 3)
    """

    padding: int | tuple[int, int] = 1
    data_format: str | None = None


@layer
class ZeroPadding2D(Layer):
    """Adds zeros around images.

    Args:
        padding: Lines and columns added: one int for every side, `(height, width)`, or
            `((top, bottom), (left, right))`.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, channels)`, `new = size + before + after`.

    Raises:
        ConfigError: negative numbers, or not as many as there are axes; unknown data_format.
        ShapeError: input not 3-D per sample.

    References:
        Rust: src/layers/borders.rs.

    Example:
        >>> ZeroPadding2D(((1, 2), (0, 1)))(np.ones((4, 9, 9, 3))).shape
        (4, 12, 10, 3)
    """

    padding: int | tuple[int | tuple[int, int], int | tuple[int, int]] = (1, 1)
    data_format: str | None = None


@layer
class ZeroPadding3D(Layer):
    """Adds zeros around volumes.

    Args:
        padding: Places added: one int for every side, `(depth, height, width)`, or a pair
            (before, after) for each of these axes.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, new_depth, new_height, new_width, channels)`,
        `new = size + before + after`.

    Raises:
        ConfigError: negative numbers, or not as many as there are axes; unknown data_format.
        ShapeError: input not 4-D per sample.

    References:
        Rust: src/layers/borders.rs.

    Example:
        >>> ZeroPadding3D(2)(np.ones((4, 9, 9, 9, 3))).shape
        (4, 13, 13, 13, 3)
    """

    padding: int | Sequence[int | tuple[int, int]] = ((1, 1), (1, 1), (1, 1))
    data_format: str | None = None
