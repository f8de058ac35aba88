"""Where batches come from: arrays cut into batches, or batches that somebody else makes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from lamina import _tree
from lamina._arrays import Array
from lamina._ragged import Ragged
from lamina.errors import ConfigError, DataError
from lamina.layers.calling import is_data
from lamina.models.batches import Batches, Order, Raw, Source, warn_short
from lamina.models.data import Arrays
from lamina.models.ragged_source import RaggedSource
from lamina.utils.x_y_sample_weight import unpack_x_y_sample_weight

DEFAULT_BATCH_SIZE = 32
"""Samples in a step."""


def open_source(
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: int | None,
    steps: int | None,
    whole: bool = False,
) -> Source:
    """The source for what `fit`, `evaluate` or `predict` was given.

    If `whole`, arrays without a batch size are one batch.

    Raises:
        ConfigError: a batch size or number of steps below 1, or targets beside ready batches.
        DataError: no data.
    """
    for name, value in (("batch_size", batch_size), ("steps", steps)):
        if value is not None and (not hasattr(value, "__index__") or int(value) < 1):
            raise ConfigError(f"expected {name} from 1, or None, got {value!r}")
    if x is None:
        raise DataError("expected data x, got None")
    if any(isinstance(leaf, Ragged) for leaf in _tree.flatten([x, y, sample_weight])):
        return RaggedSource((x, y, sample_weight), int(batch_size or DEFAULT_BATCH_SIZE), steps)
    if not _makes_batches(x):
        steps = 1 if whole and batch_size is None else steps
        return _ArraySource((x, y, sample_weight), batch_size, steps)
    if y is not None or sample_weight is not None:
        raise ConfigError(
            "expected y and sample_weight to come with x from a generator or dataset, got them "
            "apart. Let it yield (x, y) or (x, y, sample_weight)"
        )
    if hasattr(x, "__getitem__") and hasattr(x, "__len__"):
        return _IndexedSource(x, steps)
    return _IteratedSource(x, steps)


def _makes_batches(x: Any) -> bool:
    """Whether the value makes batches, and is no array, list or dict of arrays."""
    if _tree.is_nested(x) or is_data(x):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


class _ArraySource(Source):
    """Whole arrays; converted once."""

    def __init__(self, raw: Raw, batch_size: int | None, steps: int | None) -> None:
        self._raw = raw
        self._batch_size = batch_size
        self._steps = steps
        self._arrays: Arrays | None = None
        self._next = 0
        self._order: Array | None = None

    @property
    def num_batches(self) -> int:
        return self._steps or self._batches_in_pass()

    @property
    def is_one_batch(self) -> bool:
        return self._batches_in_pass() == 1

    def first(self) -> Raw:
        return self._raw

    def convert_with(self, convert: Callable[[Raw], Arrays]) -> None:
        self._arrays = convert(self._raw)

    def place(self) -> int:
        return self._next

    def go_to(self, place: int, order: Order | None = None) -> None:
        self._next = place
        self._order = None if order is None or place == 0 else order(self._known().rows)

    def epoch(self, order: Order | None = None, skip: int = 0) -> Iterator[Batches]:
        count = self._batches_in_pass()
        if self._next == 0:
            self._order = None if order is None else order(self._known().rows)
        last = count if self._steps is None else min(self._next + self._steps, count)
        if self._steps is not None and self._next + self._steps > count:
            warn_short(last - self._next, self._steps)
        begin, self._next = self._next, 0 if last == count else last
        yield Batches(self._known(), self._size(), begin + skip, last, self._order)

    def _known(self) -> Arrays:
        assert self._arrays is not None, "convert_with comes first"
        return self._arrays

    def _size(self) -> int:
        if self._batch_size is not None:
            return int(self._batch_size)
        return math.ceil(self._known().rows / self._steps) if self._steps else DEFAULT_BATCH_SIZE

    def _batches_in_pass(self) -> int:
        return math.ceil(self._known().rows / self._size())


class _IndexedSource(Source):
    """An object with a length whose items are batches, such as a Keras `PyDataset`."""

    def __init__(self, batches: Any, steps: int | None) -> None:
        self._batches = batches
        self._steps = steps
        self._convert: Callable[[Raw], Arrays]
        if len(batches) == 0:
            raise DataError("expected at least one batch from the data, got none")

    @property
    def num_batches(self) -> int:
        return self._steps or len(self._batches)

    def first(self) -> Raw:
        return unpack_x_y_sample_weight(self._batches[0])

    def convert_with(self, convert: Callable[[Raw], Arrays]) -> None:
        self._convert = convert

    def place(self) -> int:
        return 0

    def go_to(self, place: int, order: Order | None = None) -> None:
        pass  # every epoch begins at the first batch

    def epoch(self, order: Order | None = None, skip: int = 0) -> Iterator[Batches]:
        count = len(self._batches)
        places = range(count) if order is None else order(count)
        if self._steps is not None and self._steps > count:
            warn_short(count, self._steps)
        if hasattr(self._batches, "on_epoch_begin"):
            self._batches.on_epoch_begin()
        for place in places[skip : self._steps]:
            yield _one_batch(self._convert(unpack_x_y_sample_weight(self._batches[int(place)])))
        if hasattr(self._batches, "on_epoch_end"):
            self._batches.on_epoch_end()


class _IteratedSource(Source):
    """A generator, or anything else one can loop over."""

    def __init__(self, batches: Any, steps: int | None) -> None:
        self._batches = batches
        self._steps = steps
        self._convert: Callable[[Raw], Arrays]
        self._count: int | None = len(batches) if hasattr(batches, "__len__") else None
        self._iterator: Iterator[Any] | None = None
        self._peeked: list[Any] = []
        self._drawn = 0  # batches that were used of the iterator

    @property
    def num_batches(self) -> int | None:
        return self._steps or self._count

    def first(self) -> Raw:
        if not self._peeked:
            self._iterator = iter(self._batches)
            for batch in self._iterator:
                self._peeked.append(batch)
                break
            else:
                raise DataError("expected at least one batch from the data, got none")
        return unpack_x_y_sample_weight(self._peeked[0])

    def convert_with(self, convert: Callable[[Raw], Arrays]) -> None:
        self._convert = convert

    def place(self) -> int:
        return self._drawn

    def go_to(self, place: int, order: Order | None = None) -> None:
        for _ in range(place):
            try:
                self._draw()
            except StopIteration:
                raise DataError(
                    f"expected the {place} batches again that were used before the backup, got "
                    "fewer. Give data that begin as they began then"
                ) from None

    def _draw(self) -> Any:
        if self._iterator is None:
            self._iterator, self._drawn = iter(self._batches), 0
        batch = self._peeked.pop() if self._peeked else next(self._iterator)
        self._drawn += 1
        return batch

    def epoch(self, order: Order | None = None, skip: int = 0) -> Iterator[Batches]:
        done = 0
        while self._steps is None or done < self._steps:
            try:
                batch = self._draw()
            except StopIteration:
                self._iterator, self._drawn = None, 0
                if self._steps is not None:
                    warn_short(done, self._steps)
                elif done == 0:
                    warn_short(0, self._count or 1)
                break
            done += 1
            if done > skip:
                yield _one_batch(self._convert(unpack_x_y_sample_weight(batch)))
        self._count = self._count or done


def _one_batch(arrays: Arrays) -> Batches:
    return Batches(arrays, arrays.rows, 0, 1)
