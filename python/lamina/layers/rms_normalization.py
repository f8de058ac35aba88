"""The RMSNormalization layer."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class RMSNormalization(Layer):
    """Divides each sample by the root of the mean of its squares along some axes, then scales it.

    `y = x / sqrt(mean(x**2) + epsilon) * scale`: `LayerNormalization` without the means.

    Args:
        axis: The axis or axes to normalise along, counted with the batch axis.
        epsilon: Added to the mean, inside the root.

    Input shape:  `(batch, ...)`, float.
    Output shape: the same.
    Parameters:   `scale`, of the sizes of the normalised axes.

    Raises:
        ConfigError: epsilon below 0.
        ShapeError: no such axis; the batch axis; a normalised axis whose size is not known.

    References:
        Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.
        Rust: src/layers/scaled_rows.rs, src/kernels/row_scaling.rs.

    Example:
        >>> RMSNormalization()(np.array([[1.0, 7.0]]))
        array([[0.2, 1.4]], dtype=float32)
    """

    axis: int | tuple[int, ...] = -1
    epsilon: float = 1e-6
