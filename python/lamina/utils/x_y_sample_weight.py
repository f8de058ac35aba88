"""`pack_x_y_sample_weight` and `unpack_x_y_sample_weight`: what a batch consists of."""

from __future__ import annotations

from typing import Any

from lamina.errors import ShapeError


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """A batch as `fit` takes it, without what is None.

    Args:
        x: Inputs.
        y: Targets.
        sample_weight: Weights of the samples.

    Returns:
        `x`, `(x, y)` or `(x, y, sample_weight)`; `(x,)` if x is a list, tuple or dict.

    Example:
        >>> pack_x_y_sample_weight(1, 2)
        (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, list | tuple | dict) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """The parts of a batch, None for what it does not have.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Returns:
        `(x, y, sample_weight)`.

    Raises:
        ShapeError: a tuple of another length.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ShapeError(
            f"expected (x,), (x, y) or (x, y, sample_weight) from the data, got {len(data)} items"
        )
    x, y, weight = (*data, None, None)[:3]
    return x, y, weight
