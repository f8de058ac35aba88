"""`to_categorical`: class numbers as rows of zeros with a one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamina.errors import DataError, DtypeError


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray[Any]:
    """Write class numbers as one-hot rows, for `categorical_crossentropy`.

    Args:
        x: Class numbers from 0 on, of any shape; a last axis of size 1 is dropped.
        num_classes: How many classes there are; None means the largest number plus 1.

    Returns:
        An array of shape `(*x.shape, num_classes)`, float64, with a 1 at each class number.

    Raises:
        DtypeError: `x` holds no whole numbers.
        DataError: a class below 0 or not below `num_classes`; nothing to find `num_classes` by.

    Example:
        >>> to_categorical([0, 2, 1])
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]])
    """
    labels = np.asarray(x)
    if labels.dtype.kind == "f" and np.array_equal(labels, np.floor(labels)):
        labels = labels.astype(np.int64)
    if labels.size and labels.dtype.kind not in "iub":
        raise DtypeError(
            f"to_categorical: expected whole numbers as classes, got dtype {labels.dtype}. "
            "Number the classes from 0"
        )
    labels = labels.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if not num_classes:
        if labels.size == 0:
            raise DataError("to_categorical: no labels to count the classes by. Pass num_classes")
        num_classes = int(labels.max()) + 1
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        wrong = int(labels.min()) if labels.min() < 0 else int(labels.max())
        raise DataError(
            f"to_categorical: expected classes from 0 to {num_classes - 1}, got {wrong}"
        )
    one_hot = np.zeros((*labels.shape, num_classes))
    np.put_along_axis(one_hot, labels[..., None], 1.0, axis=-1)
    return one_hot
