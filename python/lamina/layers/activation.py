"""The Activation layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Activation(Layer):
    """Applies an activation function to every number.

    Args:
        activation: Name of one of `lamina.activations`, or the function itself.

    Input shape:  any, float.
    Output shape: the same; `glu` halves the last axis.

    Raises:
        ConfigError: unknown activation.

    References:
        The formulas stand in `lamina.activations`. Rust: src/layers/activation.rs.

    Example:
        >>> Activation("relu")(np.array([[-1.0, 2.0]]))
        array([[0., 2.]], dtype=float32)
    """

    activation: Any
