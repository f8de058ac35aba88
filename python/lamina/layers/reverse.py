"""The Reverse layer: time turned round, inside Bidirectional."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Reverse(Layer):
    """Turns the time axis round, so that a backward layer's outputs stand at their own steps.

    Input shape:  `(batch, time, ...)`, float.
    Output shape: the same.

    References:
        Rust: src/layers/reverse.rs.

    Example:
        >>> Reverse()(np.array([[[1.0], [2.0]]])).ravel()
        array([2., 1.], dtype=float32)
    """
