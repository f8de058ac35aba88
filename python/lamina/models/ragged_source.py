"""Sequences of different lengths, in batches of one length each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lamina import _tree
from lamina._arrays import Array, read
from lamina._ragged import Ragged
from lamina.errors import ShapeError
from lamina.layers.calling import map_data
from lamina.models.batches import Batches, Order, Raw, Source, warn_short
from lamina.models.data import Arrays


@dataclass
class _Group:
    """The samples of one length: their numbers, and their arrays."""

    rows: Array
    arrays: Arrays


class RaggedSource(Source):
    """Samples grouped by the lengths of their sequences; see `Ragged`.

    Each epoch shuffles the samples, cuts each group into batches, and runs the batches in the
    order of their first samples.
    """

    def __init__(self, raw: Raw, batch_size: int, steps: int | None) -> None:
        self._raw: Any = map_data(_read, raw)
        self._size = batch_size
        self._steps = steps
        self._groups: list[_Group] = []
        self._next = 0
        self._pass: list[tuple[int, Array]] = []  # the batches of a pass: group, places in it
        leaves = [leaf for leaf in _tree.flatten(self._raw) if leaf is not None]
        counts = {len(leaf) for leaf in leaves}
        if len(counts) > 1:
            raise ShapeError(
                "expected the same number of samples in x, y and sample_weight, got "
                + ", ".join(str(len(leaf)) for leaf in leaves)
            )
        ragged = [leaf.lengths for leaf in leaves if isinstance(leaf, Ragged)]
        lengths, group = np.unique(np.stack(ragged), axis=1, return_inverse=True)
        self._rows = [np.flatnonzero(group.ravel() == g) for g in range(lengths.shape[1])]

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return self._steps or self._batches_in_pass()

    def first(self) -> Raw:
        """All data; their number of steps is unknown."""
        return self._raw  # type: ignore[no-any-return]

    def convert_with(self, convert: Callable[[Raw], Arrays]) -> None:
        """Make the arrays of each group."""
        self._groups = []
        for rows in self._rows:
            raw = _tree.map_leaves(partial(_take, rows), self._raw)
            self._groups.append(_Group(rows, convert(raw)))

    def place(self) -> int:
        """The batch of the pass at which the next epoch begins."""
        return self._next

    def go_to(self, place: int, order: Order | None = None) -> None:
        """Let the next epoch begin at that batch."""
        self._next = place
        if place:
            self._pass = self._arrange(order)

    def epoch(self, order: Order | None = None, skip: int = 0) -> Iterator[Batches]:
        """The batches of the next epoch but the first ones."""
        if order is None and self._steps is None:  # many batches at once
            for group in self._groups:
                count = math.ceil(len(group.rows) / self._size)
                yield Batches(group.arrays, self._size, 0, count)
            return
        if self._next == 0:
            self._pass = self._arrange(order)
        begin, count = self._next, len(self._pass)
        last = count if self._steps is None else min(begin + self._steps, count)
        if self._steps is not None and begin + self._steps > count:
            warn_short(last - begin, self._steps)
        self._next = 0 if last == count else last
        for number, places in self._pass[begin + skip : last]:
            yield Batches(self._groups[number].arrays, len(places), 0, 1, places)

    def join(self, parts: Sequence[Array], is_fixed: bool) -> Any:
        """An array where all samples' outputs are of one size, else a list of arrays."""
        rows = np.concatenate(self._rows)[: sum(len(part) for part in parts)]
        if is_fixed:
            return np.concatenate(parts)[np.argsort(rows)]
        outputs = dict(zip(rows.tolist(), (row for part in parts for row in part), strict=True))
        return [outputs[row] for row in sorted(outputs)]

    def _batches_in_pass(self) -> int:
        return sum(math.ceil(len(rows) / self._size) for rows in self._rows)

    def _arrange(self, order: Order | None) -> list[tuple[int, Array]]:
        total = sum(len(rows) for rows in self._rows)
        rank = np.empty(total, np.int64)  # when a sample's turn comes
        rank[np.arange(total) if order is None else order(total)] = np.arange(total)
        batches = []
        for number, rows in enumerate(self._rows):
            places = np.argsort(rank[rows])
            for first in range(0, len(places), self._size):
                batch = places[first : first + self._size]
                batches.append((rank[rows[batch[0]]], number, batch))
        batches.sort(key=lambda batch: int(batch[0]))
        return [(number, batch) for _, number, batch in batches]


def _read(leaf: Any) -> Any:
    return leaf if leaf is None or isinstance(leaf, Ragged) else read(leaf, "data")


def _take(rows: Array, leaf: Any) -> Any:
    if isinstance(leaf, Ragged):
        return leaf.stack(rows)
    return None if leaf is None else leaf[rows]
