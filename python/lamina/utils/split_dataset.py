"""`split_dataset`: a left and a right part of data."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from lamina import _core, _session, _tree
from lamina.errors import ConfigError, DataError, ShapeError
from lamina.utils.sample_dataset import SampleDataset


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[SampleDataset, SampleDataset]:
    """Split data into a left and a right part, for instance to train on and to validate on.

    Args:
        dataset: An array, or a tuple, list or dict of arrays of the same length; a dataset of
            lamina; or anything that yields samples.
        left_size: How many samples go to the left part, or which share of them.
        right_size: The same for the right part. One of both may be None: the rest.
        shuffle: Draw the samples of each part at random.
        seed: Seed for that; None takes one from the session (`set_random_seed`).

    Returns:
        Two datasets that yield samples; `part.batch(32)` yields batches, for `fit`.

    Raises:
        ConfigError: no size; a size that is no share between 0 and 1 and no number of samples; more
            samples than there are.
        DataError: no data.
        ShapeError: arrays of different lengths.

    Example:
        >>> x, y = np.arange(10.0), np.arange(10)
        >>> left, right = split_dataset((x, y), left_size=0.8)
        >>> left.num_samples, right.num_samples
        (8, 2)
        >>> next(iter(right.batch(2)))
        (array([8., 9.]), array([8, 9]))
    """
    source = dataset if isinstance(dataset, SampleDataset) else _of_arrays(dataset)
    samples = source._samples
    left, right = _sizes(left_size, right_size, len(samples))
    if shuffle:
        seed = _session.next_seed() if seed is None else seed
        samples = samples[_core.permutation(len(samples), seed, 0)]
    right_samples = samples[left : left + right]
    return source.select(samples[:left], None), source.select(right_samples, None)


def _of_arrays(dataset: Any) -> SampleDataset:
    if not (_tree.is_nested(dataset) or hasattr(dataset, "__array__")):
        items = list(dataset)
        if not items:
            raise DataError("split_dataset: expected at least one sample, got none")
        leaves = zip(*map(_tree.flatten, items), strict=True)
        dataset = _tree.pack_like(items[0], [np.stack(some) for some in leaves])
    arrays = _tree.map_leaves(np.asarray, dataset)
    if isinstance(arrays, list):
        arrays = tuple(arrays)
    counts = {len(leaf) if leaf.ndim else 0 for leaf in _tree.flatten(arrays)}
    if counts in (set(), {0}):
        raise DataError("split_dataset: expected at least one sample, got none")
    if len(counts) > 1:
        raise ShapeError(
            "split_dataset: expected arrays of one length, got "
            f"{', '.join(map(str, sorted(counts)))}"
        )
    return SampleDataset(
        lambda rows: _tree.map_leaves(lambda leaf: leaf[rows], arrays), np.arange(counts.pop())
    )


def _sizes(left: float | None, right: float | None, total: int) -> tuple[int, int]:
    if left is None and right is None:
        raise ConfigError("split_dataset: expected left_size or right_size, got neither")
    first = None if left is None else _count("left_size", left, total)
    second = None if right is None else _count("right_size", right, total)
    first = total - (second or 0) if first is None else first
    second = total - first if second is None else second
    if first + second > total or min(first, second) < 1:
        raise ConfigError(
            f"split_dataset: expected two parts of {total} samples, got {first} and {second}"
        )
    return first, second


def _count(name: str, size: float, total: int) -> int:
    is_count = isinstance(size, numbers.Integral)
    if isinstance(size, bool) or not 0 < size < (total if is_count else 1):
        raise ConfigError(
            f"split_dataset: expected {name} as a share between 0 and 1 or a number of samples "
            f"below {total}, got {size!r}"
        )
    return int(size) if is_count else round(size * total)
