"""`SampleDataset`: samples that are read when their batch is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from lamina import _core

Array = NDArray[Any]


class SampleDataset:
    """Samples in batches; give it to `fit`, or loop over it as often as you like.

    Only the batch at hand is read. `len` is the number of batches. A shuffled dataset has a new
    order every time it is looped over, which follows from its seed. `split_dataset`,
    `image_dataset_from_directory` and `text_dataset_from_directory` make such datasets.

    Args:
        take: Gives the batch of the samples of these numbers.
        samples: The numbers of the samples.
        batch_size: Samples in a batch; None yields one sample at a time, without batch axis.
        seed: Seed of the order; None keeps the order of `samples`.
        file_paths: Where each sample comes from, if from files.
        class_names: The names of the labels, if they have names.

    Example:
        >>> squares = SampleDataset(lambda numbers: numbers**2, np.arange(5), batch_size=2)
        >>> [batch.tolist() for batch in squares]
        [[0, 1], [4, 9], [16]]
    """

    def __init__(
        self,
        take: Callable[[Array], Any],
        samples: Array,
        batch_size: int | None = None,
        seed: int | None = None,
        file_paths: Sequence[str] = (),
        class_names: Sequence[str] | None = None,
    ) -> None:
        self._take = take
        self._samples = samples
        self._batch_size = batch_size
        self._seed = seed
        self._passes = 0
        self.file_paths = list(file_paths)
        self.class_names = class_names

    @property
    def num_samples(self) -> int:
        """How many samples there are."""
        return len(self._samples)

    def batch(self, batch_size: int) -> SampleDataset:
        """The same samples in batches of this size."""
        return self.select(self._samples, batch_size)

    def select(self, samples: Array, batch_size: int | None) -> SampleDataset:
        """Some of the samples, by their numbers."""
        return SampleDataset(
            self._take, samples, batch_size, self._seed, self.file_paths, self.class_names
        )

    def __len__(self) -> int:
        return -(-len(self._samples) // (self._batch_size or 1))

    def __iter__(self) -> Iterator[Any]:
        samples = self._samples
        if self._seed is not None:
            samples = samples[_core.permutation(len(samples), self._seed, self._passes)]
            self._passes += 1
        for first in range(0, len(samples), self._batch_size or 1):
            batch = self._take(samples[first : first + (self._batch_size or 1)])
            if self._batch_size is not None:
                yield batch
            elif isinstance(batch, tuple):
                yield tuple(part[0] for part in batch)
            elif isinstance(batch, dict):
                yield {name: part[0] for name, part in batch.items()}
            else:
                yield batch[0]

    def __repr__(self) -> str:
        return f"<SampleDataset: {self.num_samples} samples, {len(self)} batches>"
