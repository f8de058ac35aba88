"""The poolings of whole inputs: GlobalMaxPooling and GlobalAveragePooling."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class GlobalMaxPooling1D(Layer):
    """The largest number of each channel over the whole sequence.

    Args:
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        keepdims: Keep the steps as an axis of size 1.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, channels)`, or `(batch, 1, channels)` with keepdims.

    Raises:
        ConfigError: unknown data_format.
        ShapeError: input not 2-D per sample.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> GlobalMaxPooling1D()(np.ones((4, 9, 3))).shape
        (4, 3)
    """

    data_format: str | None = None
    keepdims: bool = False


@layer
class GlobalMaxPooling2D(Layer):
    """The largest number of each channel over the whole image.

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
        Rust: src/layers/pooling/.

    Example:
        >>> GlobalMaxPooling2D()(np.ones((4, 9, 9, 3))).shape
        (4, 3)
    """

    data_format: str | None = None
    keepdims: bool = False


@layer
class GlobalMaxPooling3D(Layer):
    """The largest number of each channel over the whole volume.

    Args:
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        keepdims: Keep depth, height and width as axes of size 1.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, channels)`, or `(batch, 1, 1, 1, channels)` with keepdims.

    Raises:
        ConfigError: unknown data_format.
        ShapeError: input not 4-D per sample.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> GlobalMaxPooling3D()(np.ones((4, 9, 9, 9, 3))).shape
        (4, 3)
    """

    data_format: str | None = None
    keepdims: bool = False


@layer
class GlobalAveragePooling1D(Layer):
    """The mean of each channel over the whole sequence.

    A mask `(batch, steps)`, the input's or given by `mask=`, leaves out the steps where it is
    false; the mean of no step at all is NaN.

    Args:
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        keepdims: Keep the steps as an axis of size 1.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, channels)`, or `(batch, 1, channels)` with keepdims.

    Raises:
        ConfigError: unknown data_format.
        ShapeError: input not 2-D per sample.

    References:
        Lin et al., Network In Network, 2013. Rust: src/layers/pooling/.

    Example:
        >>> GlobalAveragePooling1D()(np.ones((4, 9, 3))).shape
        (4, 3)
    """

    data_format: str | None = None
    keepdims: bool = False


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
        Lin et al., Network In Network, 2013. Rust: src/layers/pooling/.

    Example:
        >>> GlobalAveragePooling2D()(np.ones((4, 9, 9, 3))).shape
        (4, 3)
    """

    data_format: str | None = None
    keepdims: bool = False


@layer
class GlobalAveragePooling3D(Layer):
    """The mean of each channel over the whole volume.

    Args:
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        keepdims: Keep depth, height and width as axes of size 1.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, channels)`, or `(batch, 1, 1, 1, channels)` with keepdims.

    Raises:
        ConfigError: unknown data_format.
        ShapeError: input not 4-D per sample.

    References:
        Lin et al., Network In Network, 2013. Rust: src/layers/pooling/.

    Example:
        >>> GlobalAveragePooling3D()(np.ones((4, 9, 9, 9, 3))).shape
        (4, 3)
    """

    data_format: str | None = None
    keepdims: bool = False
