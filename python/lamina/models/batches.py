"""What `fit`, `evaluate` and `predict` run over: batches, and what gives them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lamina._arrays import Array
from lamina.models.data import Arrays

Raw = tuple[Any, Any, Any]
"""x, y and sample weights as the user has them."""

Order = Callable[[int], Array]
"""Gives the order of so many rows for the next pass."""


@dataclass(frozen=True)
class Batches:
    """Batches `first` to `last` of some arrays, `size` rows each, in this order (None: as is)."""

    arrays: Arrays
    size: int
    first: int
    last: int
    order: Array | None = None


class Source(Protocol):
    """Data for a number of epochs."""

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch, if known."""

    @property
    def is_one_batch(self) -> bool:
        """Whether every step sees all the data."""
        return self.num_batches == 1

    def first(self) -> Raw:
        """Data to learn shapes from; nothing is used up."""

    def convert_with(self, convert: Callable[[Raw], Arrays]) -> None:
        """Set how raw data becomes arrays; before the first epoch."""

    def epoch(self, order: Order | None = None, skip: int = 0) -> Iterator[Batches]:
        """The batches of the next epoch but the first ones."""

    def place(self) -> int:
        """Where the next epoch begins, for `go_to`."""

    def go_to(self, place: int, order: Order | None = None) -> None:
        """Let the next epoch begin there."""

    def join(self, parts: Sequence[Array], is_fixed: bool) -> Any:
        """One output of all batches, in the order of the samples.

        Not `is_fixed` means that its size may differ between samples.
        """
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def warn_short(found: int, wanted: int) -> None:
    """Warn that an epoch is shorter than it was to be."""
    warnings.warn(
        f"the data ran out after {found} of {wanted} batches; the epoch ends here. "
        "Give data for steps_per_epoch * epochs batches, or leave steps_per_epoch None",
        stacklevel=4,
    )
