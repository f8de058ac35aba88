"""The Flatten layer."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Flatten(Layer):
    """Lays all axes of a sample end to end; the batch axis stays.

    Args:
        data_format: "channels_last", or "channels_first", whose channels go behind the other axes
            before; None takes `lamina.config.image_data_format()`.

    Input shape:  `(batch, ...)`, float.
    Output shape: `(batch, product of the other sizes)`; a single number becomes `(batch, 1)`.

    Raises:
        ConfigError: unknown data_format.

    References:
        Rust: src/layers/flatten.rs.

    Example:
        >>> Flatten()(np.zeros((32, 28, 28), np.float32)).shape
        (32, 784)
    """

    data_format: str | None = None
