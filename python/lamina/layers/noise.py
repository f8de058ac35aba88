"""GaussianNoise, GaussianDropout and SpatialDropout1D, 2D and 3D: randomness in training only."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class GaussianNoise(Layer):
    """In training, adds normal numbers of mean 0 to the input.

    Args:
        stddev: Standard deviation of the noise, from 0 to 1.
        seed: Seed of this layer's numbers; None takes the model's.

    Input shape:  any, float.
    Output shape: the same.

    Raises:
        ConfigError: stddev outside [0, 1].

    References:
        Rust: src/layers/noise.rs.

    Example:
        >>> GaussianNoise(0.1)(np.ones((1, 2)))
        array([[1., 1.]], dtype=float32)
    """

    stddev: float
    seed: int | None = None


@layer
class GaussianDropout(Layer):
    """In training, multiplies the input by normal numbers of mean 1, as spread as `Dropout`'s.

    Args:
        rate: The share Dropout would drop; the standard deviation is `sqrt(rate / (1 - rate))`.
        seed: Seed of this layer's numbers; None takes the model's.

    Input shape:  any, float.
    Output shape: the same.

    Raises:
        ConfigError: rate outside [0, 1).

    References:
        Srivastava et al., Dropout, 2014. Rust: src/layers/noise.rs.

    Example:
        >>> GaussianDropout(0.5)(np.ones((1, 2)))
        array([[1., 1.]], dtype=float32)
    """

    rate: float
    seed: int | None = None


@layer
class SpatialDropout1D(Layer):
    """In training, drops whole channels of sequences and scales the others up to make up.

    Args:
        rate: Share of channels that is dropped, from 0 to 1.
        seed: Seed of this layer's pattern; None takes the model's.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: the same.

    Raises:
        ConfigError: rate outside [0, 1].
        ShapeError: input not 2-D per sample.

    References:
        Tompson et al., Efficient Object Localization Using Convolutional Networks, 2014.
        Rust: src/layers/spatial_dropout.rs.

    Example:
        >>> SpatialDropout1D(0.5)(np.ones((2, 3, 4))).shape
        (2, 3, 4)
    """

    rate: float
    seed: int | None = None


@layer
class SpatialDropout2D(Layer):
    """In training, drops whole channels of images and scales the others up to make up.

    Args:
        rate: Share of channels that is dropped, from 0 to 1.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        seed: Seed of this layer's pattern; None takes the model's.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: the same.

    Raises:
        ConfigError: rate outside [0, 1].
        ShapeError: input not 3-D per sample.

    References:
        Tompson et al., Efficient Object Localization Using Convolutional Networks, 2014.
        Rust: src/layers/spatial_dropout.rs.

    Example:
        >>> SpatialDropout2D(0.5)(np.ones((2, 3, 3, 4))).shape
        (2, 3, 3, 4)
    """

    rate: float
    data_format: str | None = None
    seed: int | None = None


@layer
class SpatialDropout3D(Layer):
    """In training, drops whole channels of volumes and scales the others up to make up.

    Args:
        rate: Share of channels that is dropped, from 0 to 1.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        seed: Seed of this layer's pattern; None takes the model's.

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: the same.

    Raises:
        ConfigError: rate outside [0, 1].
        ShapeError: input not 4-D per sample.

    References:
        Tompson et al., Efficient Object Localization Using Convolutional Networks, 2014.
        Rust: src/layers/spatial_dropout.rs.

    Example:
        >>> SpatialDropout3D(0.5)(np.ones((2, 3, 3, 3, 4))).shape
        (2, 3, 3, 3, 4)
    """

    rate: float
    data_format: str | None = None
    seed: int | None = None
