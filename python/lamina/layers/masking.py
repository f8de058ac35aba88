"""The Masking layer."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Masking(Layer):
    """Marks the time steps whose features all equal `mask_value`: later layers skip them.

    Args:
        mask_value: The number that fills padded steps.

    Input shape:  `(batch, time, features)`, float.
    Output shape: the same; skipped steps hold zeros.

    References:
        Rust: src/layers/masking.rs.

    Example:
        >>> Masking()(np.array([[[1.0, 2.0], [0.0, 0.0]]])).shape
        (1, 2, 2)
    """

    mask_value: float = 0.0
