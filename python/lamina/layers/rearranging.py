"""Permute, RepeatVector and Rescaling: values moved or scaled."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Permute(Layer):
    """The axes of each sample in another order.

    Args:
        dims: For each axis of the output the axis of the input, counted from 1; the batch stays.

    Input shape:  `(batch, ...)`, float.
    Output shape: the same axes in the order of dims.

    Raises:
        ConfigError: dims that do not name each axis once.
        ShapeError: input of another rank.

    References:
        Rust: src/layers/rearranging.rs.

    Example:
        >>> Permute((2, 1))(np.zeros((4, 10, 64))).shape
        (4, 64, 10)
    """

    dims: Sequence[int]


@layer
class RepeatVector(Layer):
    """Repeats each row n times: what a decoder reads at every step.

    Args:
        n: How many times.

    Input shape:  `(batch, features)`, float.
    Output shape: `(batch, n, features)`.

    Raises:
        ConfigError: a negative n.
        ShapeError: input not 1-D per sample.

    References:
        Rust: src/layers/rearranging.rs.

    Example:
        >>> RepeatVector(3)(np.zeros((2, 32))).shape
        (2, 3, 32)
    """

    n: int


@layer
class Rescaling(Layer):
    """`x * scale + offset`: pixels of 0 to 255 as numbers of 0 to 1 with `Rescaling(1 / 255)`.

    Args:
        scale: The factor, or one for each channel.
        offset: What is added, or one for each channel.

    Input shape:  any, float.
    Output shape: the same.

    Raises:
        ShapeError: as many numbers as the last axis has not.

    References:
        Rust: src/layers/rearranging.rs.

    Example:
        >>> Rescaling(0.5, offset=-1)(np.array([[0.0, 4.0]]))
        array([[-1.,  1.]], dtype=float32)
    """

    scale: float | Sequence[float]
    offset: float | Sequence[float] = 0.0
