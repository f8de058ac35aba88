"""The Flatten layer."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Flatten(Layer):
    """Lays all axes of a sample end to end; the batch axis stays.

    Args:
        data_format: None or "channels_last".

    Input shape:  `(batch, ...)`, float.
    Output shape: `(batch, product of the other sizes)`; a single number becomes `(batch, 1)`.

    Raises:
        ConfigError: `data_format="channels_first"`.

    References:
        Rust: src/layers/flatten.rs.

    Example:
        >>> Flatten()(np.zeros((32, 28, 28), np.float32)).shape
        (32, 784)
    """

    data_format: str | None = None
