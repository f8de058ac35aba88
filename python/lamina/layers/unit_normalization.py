"""The UnitNormalization layer."""

from __future__ import annotations

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class UnitNormalization(Layer):
    """Gives each sample length 1 along some axes: `y = x / sqrt(sum(x**2))`.

    Zeros stay zeros: the factor is 1e12 at most.

    Args:
        axis: The axis or axes to normalise along, counted with the batch axis.

    Input shape:  `(batch, ...)`, float; a mask is handed on.
    Output shape: the same.

    Raises:
        ShapeError: no such axis; the batch axis; a normalised axis whose size is not known.

    References:
        Rust: src/layers/scaled_rows.rs, src/kernels/row_scaling.rs.

    Example:
        >>> UnitNormalization()(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]], dtype=float32)
    """

    axis: int | tuple[int, ...] = -1
