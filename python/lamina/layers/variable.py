"""One weight of a layer, as Keras's `layer.weights` lists it; the numbers live in the engine."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina._arrays import Array, as_array

if TYPE_CHECKING:
    from lamina.layers.weighted import Weighted


class Variable:
    """A weight: name, shape, and ways to read and set its numbers.

    Reading copies the numbers out of the engine, setting copies them in.
    """

    def __init__(self, layer: Weighted, index: int, name: str, shape: tuple[int, ...], role: bool):
        self.name = name
        self.shape = shape
        self._layer = layer
        self._index = index
        self._learned = role
        self._path: str | None = None

    @property
    def path(self) -> str:
        """The layer's name and the weight's, as "dense/kernel"."""
        return self._path or f"{self._layer.name}/{self.name}"

    def at(self, path: str) -> Variable:
        """The same weight, seen from where its path is another."""
        seen = copy.copy(self)
        seen._path = path
        return seen

    @property
    def dtype(self) -> str:
        """The number type, "float32" or "float64"."""
        return self._layer.dtype

    @property
    def trainable(self) -> bool:
        """Whether training changes it: false for moving averages and in frozen layers."""
        return self._learned and self._layer.trainable

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    def numpy(self) -> Array:
        """A copy of the numbers."""
        return self._layer._engine.get_weight(self._index)

    @property
    def value(self) -> Array:
        """A copy of the numbers."""
        return self.numpy()

    def assign(self, value: Any) -> None:
        """Set the numbers.

        Raises:
            ParamError: the shape is not the weight's.
        """
        where = f'{type(self._layer).__name__} "{self._layer.name}" {self.name}'
        array = as_array(np.atleast_1d(value) if not self.shape else value, where, self.dtype)
        is_number = not self.shape and array.size == 1
        self._layer._engine.set_weight(self._index, array.reshape(()) if is_number else array)

    def __dlpack__(self, **options: Any) -> Any:
        """A copy of the numbers, for `torch.from_dlpack` and its like."""
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.numpy().__dlpack_device__()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __repr__(self) -> str:
        return f"<Variable path={self.path} shape={self.shape} dtype={self.dtype}>"
