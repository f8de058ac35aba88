"""The Normalization layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from lamina._arrays import Array, as_array
from lamina.errors import ConfigError, DataError, ShapeError
from lamina.layers.base import Layer
from lamina.layers.declare import layer

ROWS = 4096
"""Samples of an array that are looked at together."""


@layer
class Normalization(Layer):
    """Brings inputs to mean 0 and variance 1 with numbers that are known before training.

    `y = (x - mean) / max(sqrt(variance), 1e-7)`. Mean and variance are given, or found by `adapt`;
    training does not change them. Until then they are 0 and 1.

    Args:
        axis: The axis or axes that keep numbers of their own, counted with the batch axis; along
            all others one mean and one variance are taken. None keeps no axis.
        mean: One number, or numbers that fit the kept axes from the last on.
        variance: As `mean`.
        invert: Go back instead: `y = mean + x * max(sqrt(variance), 1e-7)`.

    Input shape:  `(batch, ...)`, float; a mask is handed on.
    Output shape: the same.
    Parameters:   unless given, `mean` and `variance`, of the sizes of the kept axes, and `count`,
        which is not used; none of them is trained.

    Raises:
        ConfigError: one of mean and variance without the other, or of another shape; `adapt` where
            they are given.
        ShapeError: no such axis; the size of a kept axis not known, or not that of the numbers.
        DataError: `adapt` without data.

    References:
        Rust: src/layers/normalization.rs.

    Example:
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
        >>> layer(np.array([[3.0, 10.0]]))
        array([[ 1., -1.]], dtype=float32)
    """

    axis: int | tuple[int, ...] | None = -1
    mean: Any = None
    variance: Any = None
    invert: bool = False

    def _set_fields(self, values: dict[str, Any]) -> None:
        super()._set_fields(values)
        if self._values["mean"] is None:
            del self.__dict__["mean"], self.__dict__["variance"]  # the weights have these names

    def adapt(self, data: Any) -> None:
        """Set mean and variance to those of the data; what was found before is forgotten.

        Args:
            data: An array, a `PyDataset`, or any iterable of batches; of a batch that is a tuple
                the first part counts.
        """
        if self._values["mean"] is not None:
            raise ConfigError(
                f"{self._title()}: expected no mean and variance where adapt finds them. "
                "Leave both None"
            )
        total = _Moments()
        for batch in self._batches(data):
            if not total.count:
                self.build((None, *batch.shape[1:]))
                rank = batch.ndim
                kept = sorted(axis % rank for axis in self._axes())
                sizes = [batch.shape[axis] for axis in kept]
            if batch.ndim != rank or [batch.shape[axis] for axis in kept] != sizes:
                raise ShapeError(
                    f"{self._title()}: expected batches of {rank} axes with sizes {sizes} along "
                    f"{kept}, got shape {batch.shape}"
                )
            total.add(batch, tuple(axis for axis in range(rank) if axis not in kept))
        if not total.count:
            raise DataError(f"{self._title()}: expected at least one batch to adapt to, got none")
        mean, variance, _ = self.weights
        mean.assign(np.reshape(total.mean, mean.shape))
        variance.assign(np.reshape(total.variance, variance.shape))

    def _axes(self) -> tuple[int, ...]:
        axis = self._values["axis"]
        if axis is None:
            return ()
        return (axis,) if isinstance(axis, int) else tuple(axis)

    def _batches(self, data: Any) -> Iterator[Array]:
        """The data in pieces that may be looked at one by one."""
        if isinstance(data, np.ndarray):
            whole = as_array(data, self._title(), self.dtype)
            for start in range(0, len(whole), ROWS):
                yield whole[start : start + ROWS]
            return
        for batch in _items(data, self._title()):
            first = batch[0] if isinstance(batch, tuple) else batch
            if not hasattr(first, "shape"):
                raise DataError(
                    f"{self._title()}: expected an array, or batches that are arrays, to adapt "
                    f"to, got {type(first).__name__}. Make it an array: numpy.asarray(data)"
                )
            yield as_array(first, self._title(), self.dtype)


class _Moments:
    """Count, mean and variance of batches that come one after the other."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Any = 0.0
        self.variance: Any = 0.0

    def add(self, batch: Array, axes: tuple[int, ...]) -> None:
        """Take in a batch, which is reduced along these axes.

        Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances, 1979.
        """
        count = int(np.prod([batch.shape[axis] for axis in axes], dtype=np.int64))
        if not count:
            return
        mean = batch.mean(axes, dtype=np.float64)
        variance = batch.var(axes, dtype=np.float64)
        self.count += count
        share = count / self.count
        apart = mean - self.mean
        self.mean = self.mean + share * apart
        self.variance = (1 - share) * self.variance + share * variance
        self.variance = self.variance + share * (1 - share) * apart**2


def _items(data: Any, where: str) -> Iterable[Any]:
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        return (data[index] for index in range(len(data)))
    if hasattr(data, "__iter__"):
        items: Iterable[Any] = data
        return items
    raise DataError(f"{where}: expected an array or batches to adapt to, got {data!r:.60}")
