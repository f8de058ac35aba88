"""ReLU, LeakyReLU, ELU and PReLU: rectifiers as layers, with their settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class ReLU(Layer):
    """`x` above the threshold and at most `max_value`, `negative_slope * (x - threshold)` below.

    Args:
        max_value: The largest output; None sets no limit.
        negative_slope: Slope below the threshold.
        threshold: Where the output leaves the lower slope.

    Input shape:  any, float.
    Output shape: the same.

    Raises:
        ConfigError: a negative setting.

    References:
        Glorot et al., Deep Sparse Rectifier Neural Networks, 2011. Rust: src/layers/rectifiers.rs.

    Example:
        >>> ReLU(max_value=6)(np.array([[-1.0, 2.0, 9.0]]))
        array([[0., 2., 6.]], dtype=float32)
    """

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0


@layer
class LeakyReLU(Layer):
    """`x` above 0, `negative_slope * x` below.

    Args:
        negative_slope: Slope below 0.

    Input shape:  any, float.
    Output shape: the same.

    Raises:
        ConfigError: a negative slope.

    References:
        Maas et al., Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013.
        Rust: src/layers/rectifiers.rs.

    Example:
        >>> LeakyReLU(0.5)(np.array([[-1.0, 2.0]]))
        array([[-0.5,  2. ]], dtype=float32)
    """

    negative_slope: float = 0.3


@layer
class ELU(Layer):
    """`x` above 0, `alpha * (exp(x) - 1)` below.

    Args:
        alpha: The limit at minus infinity is its negative.

    Input shape:  any, float.
    Output shape: the same.

    References:
        Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units, 2015.
        Rust: src/layers/rectifiers.rs.

    Example:
        >>> ELU()(np.array([[-100.0, 2.0]]))
        array([[-1.,  2.]], dtype=float32)
    """

    alpha: float = 1.0


@layer
class PReLU(Layer):
    """`x` above 0, `alpha * x` below, with learned slopes alpha.

    Args:
        alpha_initializer: How the slopes start; see `lamina.initializers`.
        alpha_regularizer: Penalty on the slopes; see `lamina.regularizers`.
        alpha_constraint: Applied to the slopes after each step; see `lamina.constraints`.
        shared_axes: Axes (from 1 on) along which one slope serves all places; for images usually
            `[1, 2]`, which leaves one slope for each channel.

    Input shape:  `(batch, ...)`, float; axes that are not shared have known sizes.
    Output shape: the same.
    Parameters:   `alpha`, shaped as a sample, with 1 along the shared axes.

    Raises:
        ConfigError: a shared axis below 1.
        ShapeError: a shared axis the input does not have; an unknown size.

    References:
        He et al., Delving Deep into Rectifiers, 2015. Rust: src/layers/prelu.rs.

    Example:
        >>> PReLU(alpha_initializer="ones")(np.array([[-1.0, 2.0]]))
        array([[-1.,  2.]], dtype=float32)
    """

    alpha_initializer: Any = "Zeros"
    alpha_regularizer: Any = None
    alpha_constraint: Any = None
    shared_axes: int | Sequence[int] | None = None
