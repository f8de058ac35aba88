"""Add, Multiply, Average and Concatenate: several tensors become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.declare import layer


class Merge(Layer):
    """A layer that takes a list of tensors."""

    def _arrange(self, inputs: Any, *, mask: Any = None) -> Arrangement:
        if not isinstance(inputs, list | tuple):
            raise ConfigError(
                f"{self._title()}: expected a list of tensors, got {type(inputs).__name__}. "
                "Call it as layer([a, b])"
            )
        return super()._arrange(inputs, mask=mask)


@layer
class Add(Merge):
    """The sum of all inputs, number by number.

    Input shape:  a list of at least two; shapes equal, or 1 where they are not.
    Output shape: the larger of the sizes.

    Raises:
        ShapeError: fewer than two inputs, or shapes that do not fit together.

    References:
        Rust: src/layers/merge.rs.

    Example:
        >>> Add()([np.ones((2, 3)), np.ones((2, 3))])[0]
        array([2., 2., 2.], dtype=float32)
    """


@layer
class Multiply(Merge):
    """The product of all inputs, number by number.

    Input shape:  a list of at least two; shapes equal, or 1 where they are not.
    Output shape: the larger of the sizes.

    Raises:
        ShapeError: fewer than two inputs, or shapes that do not fit together.

    References:
        Rust: src/layers/merge.rs.

    Example:
        >>> Multiply()([np.full((2, 3), 2.0), np.full((2, 3), 4.0)])[0]
        array([8., 8., 8.], dtype=float32)
    """


@layer
class Average(Merge):
    """The mean of all inputs, number by number.

    Input shape:  a list of at least two; shapes equal, or 1 where they are not.
    Output shape: the larger of the sizes.

    Raises:
        ShapeError: fewer than two inputs, or shapes that do not fit together.

    References:
        Rust: src/layers/merge.rs.

    Example:
        >>> Average()([np.full((2, 3), 1.0), np.full((2, 3), 4.0)])[0]
        array([2.5, 2.5, 2.5], dtype=float32)
    """


@layer
class Concatenate(Merge):
    """Joins the inputs along an axis.

    Args:
        axis: The axis to join along, counted with the batch axis; negative from the end.

    Input shape:  a list of at least two; all sizes but that of `axis` are equal.
    Output shape: as the inputs; the size of `axis` is the sum.

    Raises:
        ShapeError: fewer than two inputs, shapes that differ elsewhere, or no such axis.

    References:
        Rust: src/layers/concatenate.rs.

    Example:
        >>> Concatenate()([np.zeros((2, 3)), np.zeros((2, 5))]).shape
        (2, 8)
    """

    axis: int = -1


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of tensors or arrays; see `Add`."""
    return Add(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of tensors or arrays, number by number; see `Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of tensors or arrays, number by number; see `Average`."""
    return Average(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Tensors or arrays joined along an axis; see `Concatenate`."""
    return Concatenate(axis, **kwargs)(inputs)
