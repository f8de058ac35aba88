"""MaxPooling2D, AveragePooling2D and GlobalAveragePooling2D."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class MaxPooling2D(Layer):
    """The largest number of each window, channel by channel.

    Args:
        pool_size: Height and width of the window; one int means a square.
        strides: Step in height and width; None means the window's size.
        padding: "valid" (whole windows only) or "same" (output size = ceil(size / stride)); places
            outside the image do not count.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, channels)`; with "valid" padding
        `new = (size - pool) // stride + 1`.

    Raises:
        ConfigError: sizes below 1, unknown padding or data_format.
        ShapeError: input not 3-D per sample; window larger than the input.

    References:
        Rust: src/layers/pooling2d.rs.

    Example:
        >>> MaxPooling2D()(np.zeros((4, 9, 9, 3), np.float32)).shape
        (4, 4, 4, 3)
    """

    pool_size: int | tuple[int, int] = (2, 2)
    strides: int | tuple[int, int] | None = None
    padding: str = "valid"
    data_format: str | None = None


@layer
class AveragePooling2D(Layer):
    """The mean of each window, channel by channel.

    Args:
        pool_size: Height and width of the window; one int means a square.
        strides: Step in height and width; None means the window's size.
        padding: "valid" (whole windows only) or "same" (output size = ceil(size / stride)); places
            outside the image do not count, also not in the number divided by.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, channels)`; with "valid" padding
        `new = (size - pool) // stride + 1`.

    Raises:
        ConfigError: sizes below 1, unknown padding or data_format.
        ShapeError: input not 3-D per sample; window larger than the input.

    References:
        Rust: src/layers/pooling2d.rs.

    Example:
        >>> AveragePooling2D(3, strides=1)(np.zeros((4, 9, 9, 3), np.float32)).shape
        (4, 7, 7, 3)
    """

    pool_size: int | tuple[int, int]
    strides: int | tuple[int, int] | None = None
    padding: str = "valid"
    data_format: str | None = None


@layer
class GlobalAveragePooling2D(Layer):
    """The mean of each channel over the whole image.

    Args:
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        keepdims: Keep height and width as axes of size 1.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, channels)`, or `(batch, 1, 1, channels)` with keepdims.

    Raises:
        ConfigError: unknown data_format.
        ShapeError: input not 3-D per sample.

    References:
        Lin et al., Network In Network, 2013. Rust: src/layers/global_pooling2d.rs.

    Example:
        >>> GlobalAveragePooling2D()(np.ones((4, 9, 9, 3), np.float32)).shape
        (4, 3)
    """

    data_format: str | None = None
    keepdims: bool = False
