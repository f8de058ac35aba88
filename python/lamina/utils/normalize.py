"""`normalize`: vectors of length one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def normalize(x: ArrayLike, axis: int = -1, order: float = 2) -> NDArray[Any]:
    """Divide vectors by their length; a vector of zeros stays as it is.

    Args:
        x: Numbers of any shape.
        axis: The axis along which the vectors lie.
        order: 2 for the Euclidean length, 1 for the sum of absolute values, `numpy.inf` for the
            largest.

    Returns:
        A new array of the same shape.

    Example:
        >>> normalize([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    values = np.asarray(x)
    length = np.linalg.norm(values, order, axis, keepdims=True)
    return np.asarray(values / np.where(length == 0, 1, length))
