"""The poolings of sliding windows: MaxPooling and AveragePooling of one, two and three axes."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class MaxPooling1D(Layer):
    """The largest number of each window, channel by channel.

    Args:
        pool_size: Steps of the window.
        strides: Steps from one window to the next; None means the window's size.
        padding: "valid" (whole windows only) or "same" (output size = ceil(size / stride)); places
            outside do not count.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, new_steps, channels)`; with "valid" padding
        `new = (size - pool) // stride + 1`.

    Raises:
        ConfigError: sizes below 1, unknown padding or data_format.
        ShapeError: input not 2-D per sample; window larger than the input.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> MaxPooling1D()(np.zeros((4, 9, 3))).shape
        (4, 4, 3)
    """

    pool_size: int | tuple[int] = 2
    strides: int | tuple[int] | None = None
    padding: str = "valid"
    data_format: str | None = None


@layer
class MaxPooling2D(Layer):
    """The largest number of each window, channel by channel.

    Args:
        pool_size: Height and width of the window; one int means a square.
        strides: Step in height and width; None means the window's size.
        padding: "valid" (whole windows only) or "same" (output size = ceil(size / stride)); places
            outside do not count.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, channels)`; with "valid" padding
        `new = (size - pool) // stride + 1`.

    Raises:
        ConfigError: sizes below 1, unknown padding or data_format.
        ShapeError: input not 3-D per sample; window larger than the input.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> MaxPooling2D()(np.zeros((4, 9, 9, 3))).shape
        (4, 4, 4, 3)
    """

    pool_size: int | tuple[int, int] = (2, 2)
    strides: int | tuple[int, int] | None = None
    padding: str = "valid"
    data_format: str | None = None


@layer
class MaxPooling3D(Layer):
    """The largest number of each window, channel by channel.

    Args:
        pool_size: Depth, height and width of the window; one int means a cube.
        strides: Step in depth, height and width; None means the window's size.
        padding: "valid" (whole windows only) or "same" (output size = ceil(size / stride)); places
            outside do not count.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, new_depth, new_height, new_width, channels)`; with "valid" padding
        `new = (size - pool) // stride + 1`.

    Raises:
        ConfigError: sizes below 1, unknown padding or data_format.
        ShapeError: input not 4-D per sample; window larger than the input.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> MaxPooling3D()(np.zeros((4, 9, 9, 9, 3))).shape
        (4, 4, 4, 4, 3)
    """

    pool_size: int | tuple[int, int, int] = (2, 2, 2)
    strides: int | tuple[int, int, int] | None = None
    padding: str = "valid"
    data_format: str | None = None


@layer
class AveragePooling1D(Layer):
    """The mean of each window, channel by channel.

    Args:
        pool_size: Steps of the window.
        strides: Steps from one window to the next; None means the window's size.
        padding: "valid" (whole windows only) or "same" (output size = ceil(size / stride)); places
            outside do not count, also not in the number divided by.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, new_steps, channels)`; with "valid" padding
        `new = (size - pool) // stride + 1`.

    Raises:
        ConfigError: sizes below 1, unknown padding or data_format.
        ShapeError: input not 2-D per sample; window larger than the input.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> AveragePooling1D(3, strides=1)(np.zeros((4, 9, 3))).shape
        (4, 7, 3)
    """

    pool_size: int | tuple[int]
    strides: int | tuple[int] | None = None
    padding: str = "valid"
    data_format: str | None = None


@layer
class AveragePooling2D(Layer):
    """The mean of each window, channel by channel.

    Args:
        pool_size: Height and width of the window; one int means a square.
        strides: Step in height and width; None means the window's size.
        padding: "valid" (whole windows only) or "same" (output size = ceil(size / stride)); places
            outside do not count, also not in the number divided by.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, channels)`; with "valid" padding
        `new = (size - pool) // stride + 1`.

    Raises:
        ConfigError: sizes below 1, unknown padding or data_format.
        ShapeError: input not 3-D per sample; window larger than the input.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> AveragePooling2D(3, strides=1)(np.zeros((4, 9, 9, 3))).shape
        (4, 7, 7, 3)
    """

    pool_size: int | tuple[int, int]
    strides: int | tuple[int, int] | None = None
    padding: str = "valid"
    data_format: str | None = None


@layer
class AveragePooling3D(Layer):
    """The mean of each window, channel by channel.

    Args:
        pool_size: Depth, height and width of the window; one int means a cube.
        strides: Step in depth, height and width; None means the window's size.
        padding: "valid" (whole windows only) or "same" (output size = ceil(size / stride)); places
            outside do not count, also not in the number divided by.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, new_depth, new_height, new_width, channels)`; with "valid" padding
        `new = (size - pool) // stride + 1`.

    Raises:
        ConfigError: sizes below 1, unknown padding or data_format.
        ShapeError: input not 4-D per sample; window larger than the input.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> AveragePooling3D(3, strides=1)(np.zeros((4, 9, 9, 9, 3))).shape
        (4, 7, 7, 7, 3)
    """

    pool_size: int | tuple[int, int, int]
    strides: int | tuple[int, int, int] | None = None
    padding: str = "valid"
    data_format: str | None = None
