"""The poolings to a size: AdaptiveMaxPooling and AdaptiveAveragePooling."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class AdaptiveMaxPooling1D(Layer):
    """The largest number of each part of a sequence cut into parts, one per place of the output.

    Part i of n goes from `floor(i * size / n)` up to `ceil((i + 1) * size / n)`; a place that lies
    in two parts counts in both.

    Args:
        output_size: Number of parts.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, output_size, channels)`.

    Raises:
        ConfigError: sizes below 1, unknown data_format.
        ShapeError: input not 2-D per sample.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> AdaptiveMaxPooling1D(4)(np.ones((4, 9, 3))).shape
        (4, 4, 3)
    """

    output_size: int | tuple[int]
    data_format: str | None = None


@layer
class AdaptiveMaxPooling2D(Layer):
    """The largest number of each part of an image cut into parts, one per place of the output.

    Part i of n goes from `floor(i * size / n)` up to `ceil((i + 1) * size / n)`; a place that lies
    in two parts counts in both.

    Args:
        output_size: Parts in height and width; one int means a square.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, channels)`.

    Raises:
        ConfigError: sizes below 1, unknown data_format.
        ShapeError: input not 3-D per sample.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> AdaptiveMaxPooling2D(4)(np.ones((4, 9, 9, 3))).shape
        (4, 4, 4, 3)
    """

    output_size: int | tuple[int, int]
    data_format: str | None = None


@layer
class AdaptiveMaxPooling3D(Layer):
    """The largest number of each part of a volume cut into parts, one per place of the output.

    Part i of n goes from `floor(i * size / n)` up to `ceil((i + 1) * size / n)`; a place that lies
    in two parts counts in both.

    Args:
        output_size: Parts in depth, height and width; one int means a cube.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, new_depth, new_height, new_width, channels)`.

    Raises:
        ConfigError: sizes below 1, unknown data_format.
        ShapeError: input not 4-D per sample.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> AdaptiveMaxPooling3D(4)(np.ones((4, 9, 9, 9, 3))).shape
        (4, 4, 4, 4, 3)
    """

    output_size: int | tuple[int, int, int]
    data_format: str | None = None


@layer
class AdaptiveAveragePooling1D(Layer):
    """The mean of each part of a sequence cut into parts, one per place of the output.

    Part i of n goes from `floor(i * size / n)` up to `ceil((i + 1) * size / n)`; a place that lies
    in two parts counts in both.

    Args:
        output_size: Number of parts.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, output_size, channels)`.

    Raises:
        ConfigError: sizes below 1, unknown data_format.
        ShapeError: input not 2-D per sample.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> AdaptiveAveragePooling1D(4)(np.ones((4, 9, 3))).shape
        (4, 4, 3)
    """

    output_size: int | tuple[int]
    data_format: str | None = None


@layer
class AdaptiveAveragePooling2D(Layer):
    """The mean of each part of an image cut into parts, one per place of the output.

    Part i of n goes from `floor(i * size / n)` up to `ceil((i + 1) * size / n)`; a place that lies
    in two parts counts in both.

    Args:
        output_size: Parts in height and width; one int means a square.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, channels)`.

    Raises:
        ConfigError: sizes below 1, unknown data_format.
        ShapeError: input not 3-D per sample.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> AdaptiveAveragePooling2D(4)(np.ones((4, 9, 9, 3))).shape
        (4, 4, 4, 3)
    """

    output_size: int | tuple[int, int]
    data_format: str | None = None


@layer
class AdaptiveAveragePooling3D(Layer):
    """The mean of each part of a volume cut into parts, one per place of the output.

    Part i of n goes from `floor(i * size / n)` up to `ceil((i + 1) * size / n)`; a place that lies
    in two parts counts in both.

    Args:
        output_size: Parts in depth, height and width; one int means a cube.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, new_depth, new_height, new_width, channels)`.

    Raises:
        ConfigError: sizes below 1, unknown data_format.
        ShapeError: input not 4-D per sample.

    References:
        Rust: src/layers/pooling/.

    Example:
        >>> AdaptiveAveragePooling3D(4)(np.ones((4, 9, 9, 9, 3))).shape
        (4, 4, 4, 4, 3)
    """

    output_size: int | tuple[int, int, int]
    data_format: str | None = None
