"""The Reshape layer."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Reshape(Layer):
    """Gives each sample another shape; its numbers keep their order.

    Args:
        target_shape: Shape of a sample; one size may be -1 and is worked out.

    Input shape:  `(batch, ...)`, float.
    Output shape: `(batch, *target_shape)`.

    Raises:
        ConfigError: a size below -1 or two sizes of -1.
        ShapeError: the sizes do not multiply to those of the input.

    References:
        Rust: src/layers/reshape.rs.

    Example:
        >>> Reshape((14, -1))(np.zeros((32, 28), np.float32)).shape
        (32, 14, 2)
    """

    target_shape: Sequence[int]
