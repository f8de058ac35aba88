"""`timeseries_dataset_from_array`: the windows of a series, in batches cut out when needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamina import _core, _session
from lamina.errors import ConfigError, DataError

Array = NDArray[Any]


class WindowDataset:
    """Windows of a series in batches; give it to `fit`, or loop over it as often as you like.

    Only the batch at hand is cut out of the series. `len` is the number of batches. A shuffled
    dataset has a new order every time it is looped over, which follows from its seed.
    """

    def __init__(
        self,
        data: Array,
        targets: Array | None,
        starts: Array,
        offsets: Array,
        batch_size: int | None,
        seed: int | None,
    ) -> None:
        self._data = data
        self._targets = targets
        self._starts = starts
        self._offsets = offsets
        self._batch_size = batch_size
        self._seed = seed
        self._passes = 0

    @property
    def num_windows(self) -> int:
        """How many windows there are."""
        return len(self._starts)

    def __len__(self) -> int:
        return -(-len(self._starts) // (self._batch_size or 1))

    def __iter__(self) -> Iterator[Any]:
        starts = self._starts
        if self._seed is not None:
            starts = starts[_core.permutation(len(starts), self._seed, self._passes)]
            self._passes += 1
        for first in range(0, len(starts), self._batch_size or 1):
            chosen = starts[first : first + (self._batch_size or 1)]
            if self._batch_size is None:
                chosen = chosen[0]
            x = self._data[chosen[..., None] + self._offsets]
            yield x if self._targets is None else (x, self._targets[chosen])

    def __repr__(self) -> str:
        return (
            f"<WindowDataset: {self.num_windows} windows of {len(self._offsets)} steps, "
            f"{len(self)} batches>"
        )


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> WindowDataset:
    """Cut a series into windows, each with the target of its start.

    Window k holds the steps `s, s + r, s + 2 r, ...` with `s = k * sequence_stride` and
    `r = sampling_rate`; its target is `targets[s]`. To predict the step that follows a window of
    10, pass `data[:-10]` and `targets=data[10:]`.

    Args:
        data: The series, with time on the first axis.
        targets: What belongs to the window that starts at each step; None for windows alone.
        sequence_length: Steps in a window.
        sequence_stride: Steps between the starts of two windows.
        sampling_rate: Steps between two entries of a window.
        batch_size: Windows in a batch; None yields one window at a time, without batch axis.
        shuffle: Yield the windows in random order, a new one on each pass.
        seed: Seed of the order; None takes one from the session (`set_random_seed`).
        start_index: Use only steps from here on.
        end_index: Use only steps before this one.

    Returns:
        A dataset that yields `(x, y)`, or `x` alone without targets: x of shape
        `(batch, sequence_length, *shape of a step)`.

    Raises:
        ConfigError: a length, stride, rate or batch size below 1; an index outside the series.
        DataError: not even one window fits.

    Example:
        >>> series = np.arange(8)
        >>> for x, y in timeseries_dataset_from_array(series[:-3], series[3:], 3, batch_size=2):
        ...     print(x.tolist(), y.tolist())
        [[0, 1, 2], [1, 2, 3]] [3, 4]
        [[2, 3, 4]] [5]
    """
    steps = np.asarray(data)
    goals = None if targets is None else np.asarray(targets)
    if steps.ndim == 0 or (goals is not None and goals.ndim == 0):
        raise DataError("timeseries_dataset_from_array: expected arrays, got a single number")
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
        ("batch_size", batch_size),
    ):
        if value is not None and value < 1:
            raise ConfigError(f"timeseries_dataset_from_array: {name} must be from 1, got {value}")
    first = 0 if start_index is None else start_index
    end = len(steps) if end_index is None else end_index
    if not 0 <= first < end <= len(steps):
        raise ConfigError(
            "timeseries_dataset_from_array: expected 0 <= start_index < end_index <= "
            f"{len(steps)} (the length of the series), got start_index={start_index}, "
            f"end_index={end_index}"
        )
    last_offset = (sequence_length - 1) * sampling_rate
    places = end - first - last_offset
    if goals is not None:
        places = min(places, len(goals) - first)
    if places < 1:
        available = f"{end - first} steps"
        if goals is not None:
            available += f" and {max(len(goals) - first, 0)} targets"
        raise DataError(
            f"timeseries_dataset_from_array: a window spans {last_offset + 1} steps, "
            f"but there are {available}. Take a shorter sequence_length or sampling_rate"
        )
    if shuffle and seed is None:
        seed = _session.next_seed()
    return WindowDataset(
        steps,
        goals,
        np.arange(first, first + places, sequence_stride),
        np.arange(0, last_offset + 1, sampling_rate),
        batch_size,
        seed if shuffle else None,
    )
