"""UpSampling1D, 2D and 3D: inputs made larger by whole factors."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class UpSampling1D(Layer):
    """Repeats each step.

    Args:
        size: How many times.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, size * steps, channels)`.

    Raises:
        ConfigError: factors below 1.
        ShapeError: input not 2-D per sample.

    References:
        Rust: src/layers/up_sampling.rs.

    Example:
        >>> UpSampling1D(3)(np.ones((4, 9, 3))).shape
        (4, 27, 3)
    """

    size: int = 2


@layer
class UpSampling2D(Layer):
    """Makes images larger, by repeating pixels or by weighted sums of those around.

    Args:
        size: Factors of height and width; one int means both.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        interpolation: "nearest" repeats; "bilinear", "bicubic", "lanczos3" and "lanczos5" weigh 2,
            4, 6 and 10 lines and columns by their distance, pixels being squares.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, factor * height, factor * width, channels)`.

    Raises:
        ConfigError: factors below 1; unknown interpolation or data_format.
        ShapeError: input not 3-D per sample.

    References:
        Keys, Cubic Convolution Interpolation, 1981; Duchon, Lanczos Filtering, 1979.
        Rust: src/layers/up_sampling.rs.

    Example:
        >>> UpSampling2D((1, 2))(np.ones((4, 9, 9, 3))).shape
        (4, 9, 18, 3)
    """

    size: int | tuple[int, int] = (2, 2)
    data_format: str | None = None
    interpolation: str = "nearest"


@layer
class UpSampling3D(Layer):
    """Makes volumes larger by repeating places along each axis.

    Args:
        size: Factors of depth, height and width; one int means all.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, factor * depth, factor * height, factor * width, channels)`.

    Raises:
        ConfigError: factors below 1; unknown data_format.
        ShapeError: input not 4-D per sample.

    References:
        Rust: src/layers/up_sampling.rs.

    Example:
        >>> UpSampling3D()(np.ones((4, 9, 9, 9, 3))).shape
        (4, 18, 18, 18, 3)
    """

    size: int | tuple[int, int, int] = (2, 2, 2)
    data_format: str | None = None
