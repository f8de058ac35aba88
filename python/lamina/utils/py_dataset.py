"""The base of data sets that make their batches one by one."""

from __future__ import annotations

from typing import Any


class PyDataset:
    """Batches by number: derive from it and define `__len__` and `__getitem__`.

    `fit` shuffles the batches of each epoch and calls `on_epoch_end` after it. Any object with a
    length whose items are batches will do; this class only gives Keras code its base.

    Args:
        workers: Without effect: the calling thread asks for one batch after the other.
        use_multiprocessing: Without effect, as above.
        max_queue_size: Without effect, as above.

    Example:
        >>> class Rows(PyDataset):
        ...     def __len__(self):
        ...         return 4
        ...
        ...     def __getitem__(self, index):
        ...         return np.full((8, 2), index), np.full((8, 1), index)
        >>> len(Rows())
        4
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __len__(self) -> int:
        """The number of batches."""
        raise NotImplementedError(f"{type(self).__name__}: define __len__, the number of batches")

    def __getitem__(self, index: int) -> Any:
        """The batch of this number: `(x, y)` or `(x, y, sample_weight)`."""
        raise NotImplementedError(f"{type(self).__name__}: define __getitem__, one batch")

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset
"""The name that Keras had for it before."""
