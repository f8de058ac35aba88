"""Layers that make one tensor of several: Add and its kin, Concatenate and Dot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.declare import layer


class Merge(Layer):
    """A layer that takes a list of tensors.

    Shapes meet behind the batch axis, which is the same for all: the other axes are aligned at the
    end, and an axis that is missing or 1 is repeated. If every input has a mask the output has one,
    which keeps a step that any input keeps.
    """

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

    Input shape:  a list of at least one; the same batch, other sizes equal or 1 or missing.
    Output shape: the larger of the sizes.

    Raises:
        ShapeError: no input, or shapes that do not fit together.

    References:
        Rust: src/layers/merging/mod.rs.

    Example:
        >>> Add()([np.ones((2, 3)), np.ones((2, 3))])[0]
        array([2., 2., 2.], dtype=float32)
    """


@layer
class Subtract(Merge):
    """The first input less the second, number by number.

    Input shape:  a list of two; the same batch, other sizes equal or 1 or missing.
    Output shape: the larger of the sizes.

    Raises:
        ShapeError: one input or more than two, or shapes that do not fit together.

    References:
        Rust: src/layers/merging/mod.rs.

    Example:
        >>> Subtract()([np.ones((2, 3)), np.full((2, 1), 4.0)])[0]
        array([-3., -3., -3.], dtype=float32)
    """


@layer
class Multiply(Merge):
    """The product of all inputs, number by number.

    Masked steps are left out of the product; a step that no input keeps becomes 0.

    Input shape:  a list of at least one; the same batch, other sizes equal or 1 or missing.
    Output shape: the larger of the sizes.

    Raises:
        ShapeError: no input, or shapes that do not fit together.

    References:
        Rust: src/layers/merging/mod.rs.

    Example:
        >>> Multiply()([np.full((2, 3), 2.0), np.full((2, 3), 4.0)])[0]
        array([8., 8., 8.], dtype=float32)
    """


@layer
class Average(Merge):
    """The mean of all inputs, number by number.

    Input shape:  a list of at least one; the same batch, other sizes equal or 1 or missing.
    Output shape: the larger of the sizes.

    Raises:
        ShapeError: no input, or shapes that do not fit together.

    References:
        Rust: src/layers/merging/mod.rs.

    Example:
        >>> Average()([np.full((2, 3), 1.0), np.full((2, 3), 4.0)])[0]
        array([2.5, 2.5, 2.5], dtype=float32)
    """


@layer
class Maximum(Merge):
    """The largest of all inputs, number by number.

    Masked steps are left out; a step that no input keeps is the first input's. Where inputs tie
    they share the gradient.

    Input shape:  a list of at least one; the same batch, other sizes equal or 1 or missing.
    Output shape: the larger of the sizes.

    Raises:
        ShapeError: no input, or shapes that do not fit together.

    References:
        Rust: src/layers/merging/mod.rs.

    Example:
        >>> Maximum()([np.array([[1.0, 5.0]]), np.array([[2.0, 3.0]])])[0]
        array([2., 5.], dtype=float32)
    """


@layer
class Minimum(Merge):
    """The smallest of all inputs, number by number.

    Masked steps are left out; a step that no input keeps is the first input's. Where inputs tie
    they share the gradient.

    Input shape:  a list of at least one; the same batch, other sizes equal or 1 or missing.
    Output shape: the larger of the sizes.

    Raises:
        ShapeError: no input, or shapes that do not fit together.

    References:
        Rust: src/layers/merging/mod.rs.

    Example:
        >>> Minimum()([np.array([[1.0, 5.0]]), np.array([[2.0, 3.0]])])[0]
        array([1., 3.], dtype=float32)
    """


@layer
class Concatenate(Merge):
    """Joins the inputs along an axis.

    If an input has a mask the output has one: along a time axis the masks are joined, along the
    last axis a step is kept that any input keeps; an input without mask keeps all.

    Args:
        axis: The axis to join along, counted with the batch axis, which it cannot be; negative from
            the end.

    Input shape:  a list of at least one; all sizes but that of `axis` are equal.
    Output shape: as the inputs; the size of `axis` is the sum.

    Raises:
        ConfigError: no such axis, or the batch axis.
        ShapeError: no input, or shapes that differ elsewhere.

    References:
        Rust: src/layers/concatenate.rs.

    Example:
        >>> Concatenate()([np.zeros((2, 3)), np.zeros((2, 5))]).shape
        (2, 8)
    """

    axis: int = -1


@layer
class Dot(Merge):
    """The product of two inputs, summed over an axis of each.

    `y[b, i, j] = sum over k of first[b, i, k] * second[b, j, k]`, where i and j stand for all other
    axes.

    Args:
        axes: The axis of both, or one of each; counted with the batch axis, which it cannot be, and
            negative from the end.
        normalize: Scale both to length 1 along the axis first, so that the result is the cosine.

    Input shape:  a list of two; the same batch, and as many places along the axes.
    Output shape: `(batch, ...)` with the other axes of the first, then those of the second;
        `(batch, 1)` if there are none. It has no mask.

    Raises:
        ConfigError: no such axis, or the batch axis.
        ShapeError: one input or more than two, or shapes that do not fit together.

    References:
        Rust: src/layers/dot.rs.

    Example:
        >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])])
        array([[11.]], dtype=float32)
    """

    axes: int | Sequence[int]
    normalize: bool = False


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of tensors or arrays; see `Add`.

    Example:
        >>> add([np.ones(2), np.ones(2)]).tolist()
        [2.0, 2.0]
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The first tensor or array less the second; see `Subtract`.

    Example:
        >>> subtract([np.ones(2), np.ones(2)]).tolist()
        [0.0, 0.0]
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of tensors or arrays, number by number; see `Multiply`.

    Example:
        >>> multiply([np.full(2, 3.0), np.full(2, 2.0)]).tolist()
        [6.0, 6.0]
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of tensors or arrays, number by number; see `Average`.

    Example:
        >>> average([np.zeros(2), np.ones(2)]).tolist()
        [0.5, 0.5]
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The largest of tensors or arrays, number by number; see `Maximum`.

    Example:
        >>> maximum([np.zeros(2), np.ones(2)]).tolist()
        [1.0, 1.0]
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The smallest of tensors or arrays, number by number; see `Minimum`.

    Example:
        >>> minimum([np.zeros(2), np.ones(2)]).tolist()
        [0.0, 0.0]
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Tensors or arrays joined along an axis; see `Concatenate`.

    Example:
        >>> concatenate([np.ones((4, 2)), np.ones((4, 3))]).shape
        (4, 5)
    """
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """The product of two tensors or arrays along an axis of each; see `Dot`.

    Example:
        >>> dot([np.ones((4, 3)), np.ones((4, 3))], axes=1).tolist()[0]
        [3.0]
    """
    return Dot(axes, **kwargs)(inputs)
