"""The Softmax layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import _tree
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.declare import layer


@layer
class Softmax(Layer):
    """`e^x / sum(e^x)`: positive numbers that sum to 1 along an axis, or over several.

    Called as `layer(x, mask=None)`. The mask has the axes of x, or 1 instead of a size; where it is
    not above 0.5 the result is 0 and the number takes no part in the sum.

    Args:
        axis: The axis or axes, counted with the batch axis.

    Input shape:  `(batch, ...)`, float.
    Output shape: the same.

    Raises:
        ShapeError: no such axis behind the batch; a mask that does not fit.

    References:
        Rust: src/layers/softmax.rs.

    Example:
        >>> Softmax()(np.array([[0.0, 0.0, 5.0]]), mask=np.array([[True, True, False]]))
        array([[0.5, 0.5, 0. ]], dtype=float32)
    """

    axis: int | Sequence[int] = -1

    def _arrange(self, inputs: Any, *, mask: Any = None) -> Arrangement:
        return Arrangement(_tree.flatten(inputs) + ([] if mask is None else _tree.flatten(mask)))
